"""How long it takes from a kill until the bead that it hit is worked on again.

A *worker* that is killed hits every attempt that it held. Their agents live on, so each is worked on again when the
next worker adopts it, or with whatever its attempt does next, if the agent was quicker. An *agent* that is killed hits
its bead, which is worked on again when the agent is started anew, in the same attempt or in the next one. A *gate
runner* that is killed hits the beads whose trees it tested, until the next event of their gate runs.

Left out are beads for which nothing had to be done any more: handed in before the kill was felt, closed, or escalated
since a cap was spent. The cool-down that the policy prescribes from an agent's second failure on is no part of it: an
attempt that has one is counted from its end.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil, inf

from gastown.chaos.evidence import Evidence, Fault, Row
from gastown.chaos.reading import TERMINAL, by_bead, moments
from gastown.events import EventKind

_KILL, _KILL_AGENT = "kill.", "kill.agent"
_PID = re.compile(r"\((\d+)\)")
_LEASED = frozenset({EventKind.ASSIGNMENT_CLAIMED, EventKind.ASSIGNMENT_ADOPTED})
_LET_GO = frozenset({EventKind.ASSIGNMENT_SUBMITTED, EventKind.ASSIGNMENT_ENDED, EventKind.ASSIGNMENT_DETACHED})
_TESTED = frozenset({EventKind.GATE_RUN_STARTED})
_RUN_OVER = frozenset({EventKind.GATE_RUN_FINISHED, EventKind.GATE_RUN_CANCELLED, EventKind.GATE_RUN_EXPIRED})
_AGAIN = {
    "agent": frozenset({EventKind.SESSION_STARTED}),
    "worker": _LEASED | {EventKind.SESSION_STARTED, EventKind.ASSIGNMENT_SUBMITTED},
    "gate": _TESTED | {EventKind.GATE_RUN_FINISHED, EventKind.REQUEST_LANDED},
}
"""What shows that a bead is worked on again, by what was killed."""
_NOT_NEEDED = TERMINAL | {EventKind.GATE_RUN_CANCELLED}


@dataclass(frozen=True)
class Recovery:
    """What a kill did to one bead."""

    fault: Fault
    bead: str
    seconds: float | None
    """None: it was never worked on again, and should have been."""


def percentiles(evidence: Evidence) -> Mapping[str, float | None]:
    """The median and the 99th percentile of the times, in seconds; None without any, or where one never ended."""
    return _percentiles([found.seconds for found in measure(evidence)])


def by_fault(evidence: Evidence) -> dict[str, dict[str, float | None]]:
    """The same for each kind of kill, with how many beads it hit and the longest time."""
    times: dict[str, list[float | None]] = defaultdict(list)
    for found in measure(evidence):
        times[found.fault.kind].append(found.seconds)
    return {kind: {"beads": len(found), **_percentiles(found, longest=1.0)} for kind, found in sorted(times.items())}


def slowest(evidence: Evidence, number: int) -> list[dict[str, object]]:
    """The beads that waited longest, and for what."""
    found = sorted(measure(evidence), key=lambda one: -inf if one.seconds is None else -one.seconds)
    return [
        {
            "bead": one.bead,
            "fault": one.fault.kind,
            "target": one.fault.target,
            "at": one.fault.at.isoformat(),
            "seconds": None if one.seconds is None else round(one.seconds, 2),
        }
        for one in found[:number]
    ]


def _percentiles(times: Sequence[float | None], **shares: float) -> dict[str, float | None]:
    known = sorted(seconds for seconds in times if seconds is not None)
    missing = len(times) - len(known)
    return {name: _rank(known, missing, share) for name, share in {"p50": 0.5, "p99": 0.99, **shares}.items()}


def _rank(known: Sequence[float], missing: int, share: float) -> float | None:
    """The nearest rank; what never ended took longer than everything else."""
    place = ceil(share * (len(known) + missing)) - 1
    return round(known[place], 2) if 0 <= place < len(known) else None


def measure(evidence: Evidence) -> list[Recovery]:
    """Every bead that a kill hit and that had to be worked on again, with the time that it took."""
    when, events = moments(evidence), by_bead(evidence.events)
    holds = _holds(evidence, when)
    found = []
    for fault in evidence.faults:
        if not fault.kind.startswith(_KILL):
            continue
        for bead, what in _hit(fault, events, holds, when):
            later = [event for event in events[bead] if when[event["id"]] >= fault.at]
            if (again := _first(later, what)) is not None:
                found.append(Recovery(fault, bead, _seconds(again, fault, events[bead], when)))
            elif not any(event["kind"] in _NOT_NEEDED for event in later):
                found.append(Recovery(fault, bead, None))
    return found


def _first(later: Sequence[Row], what: str) -> Row | None:
    """The first sign of work, unless the bead came to its end, or was handed in by a dying agent, before it."""
    for event in later:
        if event["kind"] in _AGAIN[what]:
            return event
        if event["kind"] in _NOT_NEEDED or (what == "agent" and event["kind"] == EventKind.ASSIGNMENT_SUBMITTED):
            return None
    return None


def _seconds(again: Row, fault: Fault, events: Sequence[Row], when: Mapping[int, datetime]) -> float:
    since = fault.at
    for event in events:
        if event["kind"] == EventKind.ASSIGNMENT_SLUNG and event["assignment_id"] == again["assignment_id"]:
            cool = event["payload"].get("not_before")
            since = max(since, datetime.fromisoformat(cool)) if cool else since
    return max(0.0, (when[again["id"]] - since).total_seconds())


@dataclass
class _Hold:
    """A bead in a process's hands, from when to when."""

    bead: str
    what: str
    since: datetime
    until: datetime | None = None


def _holds(evidence: Evidence, when: Mapping[int, datetime]) -> Mapping[str, list[_Hold]]:
    """What each process held, as worker or as gate runner, by its number: the second part of a holder's name."""
    found: dict[str, list[_Hold]] = defaultdict(list)
    open_: dict[tuple[str, object], _Hold] = {}
    for event in evidence.events:
        is_run = event["kind"] in _TESTED or event["kind"] in _RUN_OVER
        what, number = ("gate", event["payload"].get("run")) if is_run else ("worker", event["assignment_id"])
        is_taken, at = event["kind"] in _LEASED or event["kind"] in _TESTED, when[event["id"]]
        if is_taken or event["kind"] in _LET_GO or event["kind"] in _RUN_OVER:
            before = open_.pop((what, number), None)
            if before is not None:
                before.until = at
        if is_taken and event["bead_id"]:
            held = open_[what, number] = _Hold(event["bead_id"], what, at)
            found[str(event["payload"].get("holder", "")).partition(":")[2].partition(":")[0]].append(held)
    return found


def _hit(
    fault: Fault,
    events: Mapping[str, Sequence[Row]],
    holds: Mapping[str, Sequence[_Hold]],
    when: Mapping[int, datetime],
) -> Iterator[tuple[str, str]]:
    """The beads that a kill hit, and whose death it was for each."""
    if fault.kind == _KILL_AGENT:
        if _is_at_work([event for event in events.get(fault.bead, ()) if when[event["id"]] < fault.at]):
            yield fault.bead, "agent"
        return
    if fault.bead:
        yield fault.bead, "worker"
    pid = _PID.search(fault.target)
    for held in holds.get(pid[1], ()) if pid else ():
        if held.since < fault.at and (held.until is None or held.until >= fault.at):
            yield held.bead, held.what


def _is_at_work(before: Sequence[Row]) -> bool:
    """Whether an agent was at the bead: its last attempt is leased."""
    kinds = [event["kind"] for event in before if event["kind"] in _LEASED or event["kind"] in _LET_GO]
    return bool(kinds) and kinds[-1] in (*_LEASED, EventKind.ASSIGNMENT_DETACHED)
