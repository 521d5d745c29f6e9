"""Reading evidence: events by what they are about, attempts put together, and times that a wrong clock cannot spoil."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from gastown import policy
from gastown.assignments import Reason
from gastown.beads import BeadStatus
from gastown.chaos.evidence import Evidence, Row
from gastown.events import EventKind

ENDS = frozenset({EventKind.ASSIGNMENT_SUBMITTED, EventKind.ASSIGNMENT_ENDED})
TERMINAL = frozenset({EventKind.BEAD_CLOSED, EventKind.BEAD_ESCALATED})
BLOCKING = frozenset({"blocks"})
# Faults of this kind make the times of some events worthless.
CLOCK_FAULT = "clock"
# Two processes with right clocks may write in another order than that of their numbers, waiting for each other's locks.
_OUT_OF_ORDER = timedelta(seconds=5)


@dataclass
class Attempt:
    """One attempt at a bead, as the log tells it."""

    bead: str
    fence: int
    slung: Row
    claims: list[Row] = field(default_factory=list)
    adoptions: list[Row] = field(default_factory=list)
    ends: list[Row] = field(default_factory=list)

    @property
    def reason(self) -> str:
        """Why it was made."""
        return str(self.slung["payload"].get("reason", ""))

    @property
    def ended_as(self) -> str:
        """The state in which it ended; empty while it is open."""
        if not self.ends:
            return ""
        return str(self.ends[0]["payload"].get("state", ""))


def setting(evidence: Evidence, name: str) -> float:
    """A numeric setting of the town, or its default."""
    value = evidence.settings.get(name)
    return float(policy.KEYS[name].default if value is None else value)


def of_kind(evidence: Evidence, *kinds: EventKind) -> Iterator[Row]:
    """The events of these kinds, by number."""
    return (event for event in evidence.events if event["kind"] in kinds)


def by_bead(events: Iterable[Row]) -> dict[str, list[Row]]:
    """Events by the bead that they are about."""
    found: dict[str, list[Row]] = defaultdict(list)
    for event in events:
        if event["bead_id"]:
            found[event["bead_id"]].append(event)
    return found


def by_payload(events: Iterable[Row], name: str) -> dict[Any, list[Row]]:
    """Events by a value that they carry; those without it are left out."""
    found: dict[Any, list[Row]] = defaultdict(list)
    for event in events:
        if event["payload"].get(name) is not None:
            found[event["payload"][name]].append(event)
    return found


def table(evidence: Evidence, name: str) -> Sequence[Row]:
    """The rows of a table; none where it was not collected."""
    return evidence.tables.get(name, ())


def indexed(evidence: Evidence, name: str, key: str = "id") -> dict[Any, Row]:
    """A table's rows by a unique column."""
    return {row[key]: row for row in table(evidence, name)}


def attempts(evidence: Evidence) -> dict[str, list[Attempt]]:
    """Every bead's attempts, in the order in which they were made."""
    found: dict[str, list[Attempt]] = defaultdict(list)
    known: dict[tuple[str, int], Attempt] = {}
    for event in evidence.events:
        key = (event["bead_id"], event["fence"])
        if event["kind"] == EventKind.ASSIGNMENT_SLUNG:
            new = Attempt(*key, slung=event)
            known.setdefault(key, new)
            found[event["bead_id"]].append(new)
        elif (attempt := known.get(key)) is not None:
            _add(attempt, event)
    return found


def _add(attempt: Attempt, event: Row) -> None:
    if event["kind"] == EventKind.ASSIGNMENT_CLAIMED:
        attempt.claims.append(event)
    elif event["kind"] == EventKind.ASSIGNMENT_ADOPTED:
        attempt.adoptions.append(event)
    elif event["kind"] in ENDS:
        attempt.ends.append(event)


def since_sling(line: Sequence[Attempt]) -> Iterator[list[Attempt]]:
    """A bead's attempts, cut where a person slung it (again)."""
    part: list[Attempt] = []
    for attempt in line:
        if attempt.reason == Reason.SLING and part:
            yield part
            part = []
        part.append(attempt)
    if part:
        yield part


def slung_beads(evidence: Evidence) -> list[str]:
    """Every bead that was slung: by the driver's list, then others that the log knows of."""
    logged = (str(event["bead_id"]) for event in of_kind(evidence, EventKind.ASSIGNMENT_SLUNG))
    return list(dict.fromkeys([*evidence.slung, *logged]))


def is_landing(event: Row) -> bool:
    """Whether a `bead.closed` says that its work landed."""
    return bool(event["payload"].get("landed_sha") or event["payload"].get("sha"))


def blockers(evidence: Evidence) -> dict[str, set[str]]:
    """What each bead waits for, as the tables have it at the end."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in table(evidence, "dependencies"):
        if row["type"] in BLOCKING:
            found[row["issue_id"]].add(row["depends_on_id"])
    return found


def held_up(evidence: Evidence) -> set[str]:
    """Beads that wait, at last, for one that a person has been asked about: nothing can bring them to an end."""
    needs, rows = blockers(evidence), indexed(evidence, "beads")
    stuck = {name for name, row in rows.items() if row["status"] == BeadStatus.ESCALATED}
    while True:
        more = {name for name, wanted in needs.items() if wanted & stuck} - stuck
        if not more:
            return {name for name in stuck if rows.get(name, {}).get("status") != BeadStatus.ESCALATED}
        stuck |= more


def has_wrong_clock(evidence: Evidence) -> bool:
    """Whether some process of the run had a wrong clock: a fault says so, or the log goes back and forth in time."""
    if any(fault.kind.startswith(CLOCK_FAULT) for fault in evidence.faults):
        return True
    stamps = [event["at"] for event in evidence.events]
    return any(
        most - at > _OUT_OF_ORDER or at - evidence.ended_at > _OUT_OF_ORDER
        for most, at in zip(accumulate(stamps, max), stamps, strict=True)
    )


def moments(evidence: Evidence) -> Mapping[int, datetime]:
    """When each event happened, by its number.

    Where clocks were wrong, as many events are believed as say times that rise with their numbers, which are those of
    the clocks that agree. The others are put right by as much as their clock was at least ahead, or behind.
    """
    stamps = [event["at"] for event in evidence.events]
    if stamps and has_wrong_clock(evidence):
        stamps = _put_right(stamps, _longest_rise(stamps, evidence.ended_at + _OUT_OF_ORDER))
    return {event["id"]: at for event, at in zip(evidence.events, stamps, strict=True)}


def _put_right(stamps: Sequence[datetime], believed: set[int]) -> list[datetime]:
    """Every time by the clock of those that are believed, and not before the last one of these."""
    last = min((stamps[place] for place in believed), default=stamps[0])
    before = []
    for place, at in enumerate(stamps):
        last = at if place in believed else last
        before.append(last)
    off = [at - last for at, last in zip(stamps, before, strict=True)]
    ahead = min((by for by in off if by > _OUT_OF_ORDER), default=timedelta(0))
    behind = min((by for by in off if by < -_OUT_OF_ORDER), default=timedelta(0))
    right = []
    for at, last, by in zip(stamps, before, off, strict=True):
        wrong_by = ahead if by > _OUT_OF_ORDER else behind if by < -_OUT_OF_ORDER else timedelta(0)
        right.append(max(last, at - wrong_by))
    return right


def _longest_rise(stamps: Sequence[datetime], latest: datetime) -> set[int]:
    """The places of a longest run of values that never fall and are not after `latest`, leaving out what is between."""
    tails: list[datetime] = []
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for place, at in enumerate(stamps):
        if at > latest:
            continue
        length = bisect_right(tails, at)
        before[place] = ends[length - 1] if length else None
        tails[length : length + 1], ends[length : length + 1] = [at], [place]
    found: set[int] = set()
    step = ends[-1] if ends else None
    while step is not None:
        found.add(step)
        step = before[step]
    return found


def collected(check: Callable[[Evidence], Iterable[str]]) -> Callable[[Evidence], Sequence[str]]:
    """A check that yields its violations, as one that returns them."""

    def run(evidence: Evidence) -> Sequence[str]:
        return tuple(check(evidence))

    run.__doc__ = check.__doc__
    run.__name__ = check.__name__
    return run
