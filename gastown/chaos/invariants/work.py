"""The work: I1 to I4 and I6 to I8. Nothing slung is lost, nobody works twice, and order and caps are kept."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise

from gastown.assignments import AssignmentState, Reason
from gastown.beads import BeadStatus
from gastown.chaos.evidence import Evidence, Invariant, Row
from gastown.chaos.reading import (
    TERMINAL,
    Attempt,
    attempts,
    by_bead,
    collected,
    has_wrong_clock,
    held_up,
    indexed,
    is_landing,
    of_kind,
    setting,
    since_sling,
    slung_beads,
    table,
)
from gastown.convoys import ConvoyStatus
from gastown.events import EventKind

# `ended_at` is the word of a process, `claimed_at` that of the database.
_CLOCKS_DIFFER = timedelta(seconds=1)
# What may still be written under the fence of an attempt that has been followed by another: it concerns that attempt's
# own row and nothing else. (What its agent's last run cost, and where its work was saved.)
_LATE_BOOKS = frozenset({EventKind.SESSION_ENDED, EventKind.WORK_SAVED, EventKind.REQUEST_CANCELLED})
_BLOCKING = frozenset({"blocks", "merge-blocks"})


@collected
def ends_once(evidence: Evidence) -> Iterator[str]:
    """I1. A bead that waits for one that was escalated is excused: only a person can bring it to its end."""
    events, waiting, rows = by_bead(evidence.events), held_up(evidence), indexed(evidence, "beads")
    for bead in slung_beads(evidence):
        slings = [event["id"] for event in events[bead] if _is_sling(event)]
        if not slings:
            yield f"{bead}: was slung, and the log knows of no attempt at it"
        for start, end in zip(slings, [*slings[1:], None], strict=False):
            ends = [event for event in events[bead] if event["id"] > start and (end is None or event["id"] < end)]
            terminal = [event for event in ends if event["kind"] in TERMINAL and _counts(event)]
            if len(terminal) > 1 or (not terminal and bead not in waiting):
                numbers = ", ".join(str(event["id"]) for event in terminal) or "none"
                yield f"{bead}: slung by event {start}, has {len(terminal)} terminal events ({numbers})"
        if bead not in waiting and not _has_ended(rows.get(bead)):
            status = (rows.get(bead) or {}).get("status", "nothing")
            yield f"{bead}: its row says {status}, neither landed nor escalated"


def _is_sling(event: Row) -> bool:
    return bool(event["kind"] == EventKind.ASSIGNMENT_SLUNG and event["payload"].get("reason") == Reason.SLING)


def _counts(event: Row) -> bool:
    """A close of code without a landing is no end, unless a person said that there is no code in it."""
    is_escalation = bool(event["kind"] == EventKind.BEAD_ESCALATED)
    return is_escalation or is_landing(event) or bool(event["payload"].get("no_code"))


def _has_ended(row: Row | None) -> bool:
    if row is None:
        return False
    return _has_landed(row) or bool(row["status"] == BeadStatus.ESCALATED)


def _has_landed(row: Row) -> bool:
    """Closed, and where it was slung for code, landed."""
    return bool(row["status"] == BeadStatus.CLOSED and (row["landed_sha"] or not row["is_code"]))


@collected
def fences_rise_by_one(evidence: Evidence) -> Iterator[str]:
    """I2."""
    held: dict[str, list[int]] = defaultdict(list)
    for row in table(evidence, "assignments"):
        held[row["bead_id"]].append(row["fence"])
    for bead, line in attempts(evidence).items():
        fences = [attempt.fence for attempt in line]
        if fences != list(range(1, len(fences) + 1)):
            yield f"{bead}: attempts were made with the fences {fences}"
        if sorted(held[bead]) != sorted(fences):
            yield f"{bead}: the log has the fences {fences}, the table {sorted(held[bead])}"
    last: dict[str, int] = defaultdict(int)
    for event in of_kind(evidence, EventKind.ASSIGNMENT_CLAIMED):
        if event["fence"] <= last[event["bead_id"]]:
            yield f"{event['bead_id']}: fence {event['fence']} was claimed after {last[event['bead_id']]}"
        last[event["bead_id"]] = event["fence"]


@collected
def leases_never_overlap(evidence: Evidence) -> Iterator[str]:
    """I3. By the order of the log for beads and for polecats, and by the database's clock for beads."""
    yield from _overlaps(evidence, "bead_id")
    yield from _overlaps(evidence, "agent")
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in table(evidence, "assignments"):
        if row["claimed_at"] is not None:
            rows[row["bead_id"]].append(row)
    for bead, claimed in rows.items():
        claimed.sort(key=lambda row: row["fence"])
        for one, other in pairwise(claimed):
            end = one["claimed_at"] if has_wrong_clock(evidence) else one["ended_at"]
            if end is None or end > other["claimed_at"] + _CLOCKS_DIFFER:
                yield f"{bead}: lease {one['fence']} ended at {end}, lease {other['fence']} began {other['claimed_at']}"


def _overlaps(evidence: Evidence, column: str) -> Iterator[str]:
    """Claims of something that is leased already."""
    holding: dict[str, int] = {}
    kinds = (EventKind.ASSIGNMENT_CLAIMED, EventKind.ASSIGNMENT_SUBMITTED, EventKind.ASSIGNMENT_ENDED)
    for event in of_kind(evidence, *kinds):
        who, number = event[column], event["assignment_id"]
        if event["kind"] != EventKind.ASSIGNMENT_CLAIMED:
            holding = {name: held for name, held in holding.items() if held != number}
        elif who is not None:
            if holding.get(who, number) != number:
                yield f"{who}: attempt {number} was claimed (event {event['id']}) while {holding[who]} was leased"
            holding[who] = number


@collected
def no_stale_write(evidence: Evidence) -> Iterator[str]:
    """I4. Fences of attempts by bead, and those of the refineries' leases by rig."""
    highest: dict[str, int] = defaultdict(int)
    granted: dict[int, int] = {}
    leases: dict[str, int] = defaultdict(int)
    for event in evidence.events:
        bead, fence, number = event["bead_id"], event["fence"], event["assignment_id"]
        if event["kind"] == EventKind.ASSIGNMENT_SLUNG:
            highest[bead] = max(highest[bead], fence)
            granted[number] = fence
        elif bead and fence is not None:
            yield from _stale(event, highest[bead], granted.get(number))
        lease = event["payload"].get("lease")
        if lease is not None and event["rig"]:
            if lease < leases[event["rig"]]:
                yield f"{event['rig']}: event {event['id']} {event['kind']} under the queue's old lease {lease}"
            leases[event["rig"]] = max(leases[event["rig"]], lease)


def _stale(event: Row, highest: int, granted: int | None) -> Iterator[str]:
    what = f"{event['bead_id']}: event {event['id']} {event['kind']} under fence {event['fence']}"
    if event["fence"] < highest and event["kind"] not in _LATE_BOOKS:
        yield f"{what}, {highest} was granted"
    elif event["fence"] != granted:
        yield f"{what}, attempt {event['assignment_id']} was granted {granted or 'none'}"


@collected
def caps_are_kept(evidence: Evidence) -> Iterator[str]:
    """I6."""
    events = by_bead(of_kind(evidence, EventKind.BEAD_ESCALATED))
    for bead, line in attempts(evidence).items():
        parts = list(since_sling(line))
        for part in parts:
            yield from _over_cap(evidence, bead, part)
        starts = [part[0].slung["id"] for part in parts]
        for start, end in zip(starts, [*starts[1:], None], strict=True):
            asked = [event for event in events[bead] if event["id"] > start and (end is None or event["id"] < end)]
            if len(asked) > 1:
                yield f"{bead}: escalated {len(asked)} times for one sling"
    for row in table(evidence, "assignments"):
        for column, cap in (("adoptions", "cap.adoptions"), ("restarts", "witness.restarts")):
            if row.get(column, 0) > setting(evidence, cap):
                yield f"{row['bead_id']}@{row['fence']}: {row[column]} {column}, over the cap"


def _over_cap(evidence: Evidence, bead: str, part: Sequence[Attempt]) -> Iterator[str]:
    counts = {
        "cap.agent_failures": sum(attempt.ended_as == AssignmentState.FAILED for attempt in part),
        "cap.infrastructure": sum(attempt.ended_as == AssignmentState.LOST for attempt in part),
        "cap.reworks": sum(attempt.reason == Reason.REWORK for attempt in part),
        "cap.handoffs": sum(attempt.reason == Reason.HANDOFF for attempt in part),
    }
    for cap, count in counts.items():
        if count > setting(evidence, cap):
            yield f"{bead}: {count} attempts count for {cap}, which is {setting(evidence, cap):g}"
    for reason, cap in ((Reason.RETRY, "cap.agent_failures"), (Reason.TAKEOVER, "cap.infrastructure")):
        again = sum(attempt.reason == reason for attempt in part)
        if again >= setting(evidence, cap):
            yield f"{bead}: made anew {again} times by {reason}, {cap} is {setting(evidence, cap):g}"


@collected
def order_is_kept(evidence: Evidence) -> Iterator[str]:
    """I7. A claim while something that blocks the bead is not closed."""
    needs: dict[str, set[str]] = defaultdict(set)
    closed: set[str] = set()
    for event in evidence.events:
        bead, kind = event["bead_id"], event["kind"]
        if kind == EventKind.DEPENDENCY_ADDED and event["payload"].get("type") in _BLOCKING:
            needs[bead].add(event["payload"]["depends_on_id"])
        elif kind == EventKind.DEPENDENCY_REMOVED:
            needs[bead].discard(event["payload"].get("depends_on_id", ""))
        elif kind == EventKind.BEAD_CLOSED:
            closed.add(bead)
        elif kind in (EventKind.BEAD_REOPENED, EventKind.BEAD_DELETED):
            closed.discard(bead)
        elif kind == EventKind.ASSIGNMENT_CLAIMED and (open_ := needs[bead] - closed):
            yield f"{bead}: claimed (event {event['id']}) while {', '.join(sorted(open_))} was not closed"


@collected
def convoys_land_last(evidence: Evidence) -> Iterator[str]:
    """I8. When a convoy is said to land, and at the end."""
    members: dict[str, set[str]] = defaultdict(set)
    landed: set[str] = set()
    for event in evidence.events:
        payload, kind = event["payload"], event["kind"]
        if kind == EventKind.CONVOY_MEMBER_ADDED:
            members[payload["convoy"]].add(event["bead_id"])
        elif kind == EventKind.BEAD_CLOSED and (is_landing(event) or payload.get("no_code")):
            landed.add(event["bead_id"])
        elif kind == EventKind.BEAD_REOPENED:
            landed.discard(event["bead_id"])
        elif kind == EventKind.CONVOY_LANDED and (missing := members[payload["convoy"]] - landed):
            yield f"{payload['convoy']}: landed (event {event['id']}) without {', '.join(sorted(missing))}"
    yield from _convoys_at_the_end(evidence)


def _convoys_at_the_end(evidence: Evidence) -> Iterator[str]:
    beads = indexed(evidence, "beads")
    travellers: Mapping[str, list[Row]] = defaultdict(list)
    for member in table(evidence, "convoy_members"):
        row = beads.get(member["bead_id"])
        if row is not None and row["status"] != BeadStatus.TOMBSTONE:
            travellers[member["convoy_id"]].append(row)
    for convoy in table(evidence, "convoys"):
        rows = travellers[convoy["id"]]
        have_landed = bool(rows) and all(
            row["status"] == BeadStatus.CLOSED and (row["is_code"] is not True or bool(row["landed_sha"]))
            for row in rows
        )
        if have_landed != (convoy["status"] == ConvoyStatus.LANDED):
            yield f"{convoy['id']}: is {convoy['status']}, and {'all' if have_landed else 'not all'} its members landed"


WORK = (
    Invariant("I1", "Every slung bead comes to exactly one end, landed or escalated, and none is lost.", ends_once),
    Invariant("I2", "A bead's fences rise by exactly one with every attempt.", fences_rise_by_one),
    Invariant("I3", "No bead and no polecat is ever leased twice at a time.", leases_never_overlap),
    Invariant("I4", "Nothing is written under a fence that a higher one has overtaken.", no_stale_write),
    Invariant("I6", "No cap on attempts is passed, and a person is asked once for each cause.", caps_are_kept),
    Invariant("I7", "No bead is started before what blocks it has closed.", order_is_kept),
    Invariant("I8", "A convoy has landed if, and only if, all its members have.", convoys_land_last),
)
