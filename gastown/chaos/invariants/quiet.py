"""I21 and I22: everything comes to rest, nothing is left lying about, and no ready work waits beside room for it."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from gastown.agents import WorktreeState
from gastown.assignments import AssignmentState
from gastown.chaos.evidence import Evidence, Fault, Invariant, Row
from gastown.chaos.reading import collected, indexed, moments, of_kind, setting, table
from gastown.events import EventKind
from gastown.refinery import IntentState, RunState

# A ready bead is leased within this time while there is room.
PATIENCE = timedelta(seconds=60)


@collected
def nothing_is_left(evidence: Evidence) -> Iterator[str]:
    """I21. What the host showed, and what the tables still hold open."""
    yield from evidence.leftovers
    for repository in evidence.repositories.values():
        yield from (f"{repository.rig}: the ref {name} is left at the remote" for name in repository.temporary_refs)
    yield from (
        f"attempt {row['id']} at {row['bead_id']} is still leased to {row['holder']}"
        for row in table(evidence, "assignments")
        if row["state"] == AssignmentState.RUNNING
    )
    yield from (
        f"landing intent {row['id']} of {row['rig']} is open"
        for row in table(evidence, "landing_intents")
        if row["state"] == IntentState.OPEN
    )
    yield from (
        f"gate run {row['id']} of {row['rig']} is {row['state']}"
        for row in table(evidence, "gate_runs")
        if row["state"] in (RunState.REQUESTED, RunState.RUNNING)
    )
    yield from (
        f"the worktree of {row['address']} is still busy"
        for row in table(evidence, "polecats")
        if row["worktree_state"] == WorktreeState.BUSY
    )


@collected
def ready_work_is_leased(evidence: Evidence) -> Iterator[str]:
    """I22. It comes to rest, and an offer waits 60 s at most while a slot is free and nothing is wrong.

    Time within two leases of a fault is not counted: so long recovery may take. A preferred polecat may be waited for.
    Of a long line only its first waits for a slot: the time of any other begins when one that is better has got its.
    """
    if evidence.quiet_at is None:
        yield "the town never came to rest"
    room = _Room(evidence)
    troubles = _troubles(evidence.faults, timedelta(seconds=2 * setting(evidence, "lease.ttl_s")))
    offers = list(_offers(evidence, moments(evidence)))
    line = _line(offers)
    for offer in offers:
        waited = timedelta(0)
        for start, end in room.for_(offer, _first_since(offer, line[offer.rig])):
            waited += _calm(start, end, troubles)
        if waited > PATIENCE:
            yield f"{offer.bead}@{offer.fence}: offered for {waited.total_seconds():.0f} s while there was room for it"


@dataclass(frozen=True)
class _Offer:
    """An attempt from its offer to its lease, or to whatever ended it first."""

    bead: str
    fence: int
    rig: str
    since: datetime
    until: datetime
    rank: tuple[object, ...]
    is_claimed: bool = True


def _line(offers: Sequence[_Offer]) -> Mapping[str, list[_Offer]]:
    """The offers of each rig that were claimed, in the order in which they were."""
    found: dict[str, list[_Offer]] = defaultdict(list)
    for offer in sorted(offers, key=lambda offer: offer.until):
        if offer.is_claimed:
            found[offer.rig].append(offer)
        else:
            found.setdefault(offer.rig, [])
    return found


def _first_since(offer: _Offer, line: Sequence[_Offer]) -> datetime:
    """When the last one that had to be claimed before this one was."""
    place = bisect_left(line, offer.until, key=lambda other: other.until)
    for other in reversed(line[:place]):
        if other.until <= offer.since:
            break
        if other.rank < offer.rank:
            return other.until
    return offer.since


def _offers(evidence: Evidence, when: Mapping[int, datetime]) -> Iterator[_Offer]:
    kinds = (EventKind.ASSIGNMENT_OFFERED, EventKind.ASSIGNMENT_CLAIMED, EventKind.ASSIGNMENT_ENDED)
    kept = timedelta(seconds=setting(evidence, "affinity_s"))
    preferred = {
        event["assignment_id"]
        for event in of_kind(evidence, EventKind.ASSIGNMENT_SLUNG)
        if event["payload"].get("preferred")
    }
    open_: dict[int, Row] = {}
    attempts = indexed(evidence, "assignments")

    def offer(row: Row, until: datetime, kind: object = None) -> _Offer:
        since = when[row["id"]] + (kept if row["assignment_id"] in preferred else timedelta(0))
        attempt = attempts.get(row["assignment_id"], {})
        rank = (attempt.get("priority", 0), row["fence"] <= 1, row["assignment_id"])
        is_claimed = kind == EventKind.ASSIGNMENT_CLAIMED
        return _Offer(row["bead_id"], row["fence"], row["rig"], since, until, rank, is_claimed)

    for event in of_kind(evidence, *kinds):
        if event["kind"] == EventKind.ASSIGNMENT_OFFERED:
            open_[event["assignment_id"]] = event
        elif (row := open_.pop(event["assignment_id"], None)) is not None:
            yield offer(row, when[event["id"]], event["kind"])
    yield from (offer(row, evidence.quiet_at or evidence.ended_at) for row in open_.values())


class _Room:
    """When there was a free slot for a rig: as few spans as can be."""

    def __init__(self, evidence: Evidence) -> None:
        self.most_in_rig = setting(evidence, "rig.max_polecats")
        self.changes = sorted(_changes(evidence), key=lambda change: change[0])
        self.slots = _slots(evidence, self.changes)
        self._of_rig: dict[str, list[tuple[datetime, datetime]]] = {}

    def for_(self, offer: _Offer, since: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The spans of an offer, after a moment, in which it could have been leased."""
        if offer.rig not in self._of_rig:
            self._of_rig[offer.rig] = list(self._spans(offer.rig))
        spans = self._of_rig[offer.rig]
        for start, end in spans[bisect_left(spans, since, key=lambda span: span[1]) :]:
            if start >= offer.until:
                break
            yield max(start, since), min(end, offer.until)

    def _spans(self, rig: str) -> Iterator[tuple[datetime, datetime]]:
        total = mine = 0
        since: datetime | None = datetime.min.replace(tzinfo=UTC)
        for at, where, change in self.changes:
            total += change
            mine += change if where == rig else 0
            is_free = total < self.slots and mine < self.most_in_rig
            if not is_free and since is not None:
                yield since, at
            since = (since or at) if is_free else None
        if since is not None:
            yield since, datetime.max.replace(tzinfo=UTC)


def _changes(evidence: Evidence) -> Iterator[tuple[datetime, str, int]]:
    """Each lease that was granted (1) or ended (-1), with its time and rig."""
    when = moments(evidence)
    held: set[int] = set()
    kinds = (EventKind.ASSIGNMENT_CLAIMED, EventKind.ASSIGNMENT_SUBMITTED, EventKind.ASSIGNMENT_ENDED)
    for event in of_kind(evidence, *kinds):
        number = event["assignment_id"]
        if event["kind"] == EventKind.ASSIGNMENT_CLAIMED:
            held.add(number)
            yield when[event["id"]], event["rig"], 1
        elif number in held:
            held.discard(number)
            yield when[event["id"]], event["rig"], -1


def _slots(evidence: Evidence, changes: Sequence[tuple[datetime, str, int]]) -> int:
    """How many sessions there was room for: as the workers say, else the driver, else as many as ever ran at once."""
    of_host: dict[str, int] = {}
    for row in table(evidence, "workers"):
        if row["role"] in ("sessions", "all"):
            of_host[row["host"]] = max(of_host.get(row["host"], 0), row["slots"])
    most = max(accumulate((change for _, _, change in changes)), default=0)
    return sum(of_host.values()) or int(evidence.settings.get("slots", most))


def _troubles(faults: Sequence[Fault], after: timedelta) -> list[tuple[datetime, datetime]]:
    """Faults and the time that recovery from them may take, as spans that do not overlap."""
    spans: list[tuple[datetime, datetime]] = []
    for fault in sorted(faults, key=lambda fault: fault.at):
        start, end = fault.at, (fault.until or fault.at) + after
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((start, end))
    return spans


def _calm(start: datetime, end: datetime, troubles: Sequence[tuple[datetime, datetime]]) -> timedelta:
    """How much of a span lies outside of trouble."""
    lost = sum((max(timedelta(0), min(end, over) - max(start, began)) for began, over in troubles), timedelta(0))
    return end - start - lost


QUIET = (
    Invariant(
        "I21", "Nothing is left when all is quiet: process, lease, worktree, lock, ref or intent.", nothing_is_left
    ),
    Invariant(
        "I22", "It comes to rest, and ready work is leased within 60 s while there is room.", ready_work_is_leased
    ),
)
