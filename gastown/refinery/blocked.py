"""Which requests cannot move, and why, for people: read in one transaction, looked up in git after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session

from gastown import beads, git, rigs
from gastown.beads import BeadStatus
from gastown.git import Conflicted
from gastown.refinery import ties
from gastown.refinery.candidate import Repository
from gastown.refinery.models import RequestState
from gastown.refinery.overview import QueueItem, list_queue
from gastown.refinery.ties import Ties
from gastown.rigs import Rig, TargetState

# Conflicts of so many are looked for.
_MOST_TRIED = 100


@dataclass(frozen=True)
class Blocked:
    """One request that cannot move."""

    item: QueueItem
    kind: str
    """rework, escalated, aside, dependency, conflict, paused, halted, target, landing."""
    why: str


@dataclass(frozen=True)
class Seen:
    """What SQL says, for `find_blocked`."""

    items: Sequence[QueueItem]
    rigs: Sequence[Rig]
    halted: dict[str, tuple[str, str]]
    escalated: frozenset[str]
    tied: Ties


def read_blocked(session: Session, rig: str | None = None) -> Seen:
    """Read what decides about it; refuses an unknown rig."""
    rows = [rigs.get(session, rig)] if rig else rigs.list_all(session)
    items = list_queue(session, rig)
    known = beads.find_many(session, [item.request.bead_id for item in items if not item.position])
    escalated = frozenset(name for name, bead in known.items() if bead.status == BeadStatus.ESCALATED)
    halted = {row.name: why for row in rows if (why := _halt(session, row)) is not None}
    return Seen(items, rows, halted, escalated, ties.find(session, rig))


def _halt(session: Session, rig: Rig) -> tuple[str, str] | None:
    """What keeps all of a rig's requests where they are, the strongest first."""
    frozen = rigs.find_freeze(session, rig)
    if frozen is not None:
        return "halted", frozen
    paused = rigs.find_queue_pause(rig)
    if paused is not None:
        return "paused", paused
    if rig.target_state in (TargetState.RED, TargetState.BROKEN):
        return "target", f"the target {rig.branch} is {rig.target_state.value} (`gt mq status {rig.name}` says why)"
    return None


def find_blocked(seen: Seen, town: Path) -> list[Blocked]:
    """Those that cannot move. Asks this host's repositories about conflicts and histories, where they are there."""
    found = []
    for rig in seen.rigs:
        items = [item for item in seen.items if item.request.rig == rig.name]
        repository = Repository.of(town, rig)
        tied = seen.tied
        if rig.target_oid and repository.land.exists() and repository.has(rig.target_oid):
            tied = tied.with_commits(repository, rig.target_oid)
        conflicts = _conflicts(repository, items)
        for item in items:
            own = _of_itself(item, tied, conflicts, seen.escalated, is_docked=rig.is_docked)
            kind, why = own or seen.halted.get(rig.name, ("", ""))
            if kind:
                found.append(Blocked(item, kind, why))
    return found


def _of_itself(
    item: QueueItem, tied: Ties, conflicts: dict[int, str], escalated: frozenset[str], *, is_docked: bool
) -> tuple[str, str] | None:
    request = item.request
    number = request.id or 0
    match request.state:
        case RequestState.RETURNED if request.bead_id in escalated:
            return "escalated", f"a person decides (`gt log {request.bead_id}` says what was tried)"
        case RequestState.RETURNED:
            return "rework", f"it is with its polecat: {item.waits_for}"
        case RequestState.TESTING if request.aside_at is not None:
            return "aside", item.waits_for
        case RequestState.QUEUED if tied.say(number):
            return "dependency", tied.say(number)
        case RequestState.QUEUED if number in conflicts:
            return "conflict", conflicts[number]
        case RequestState.QUEUED if is_docked:
            return "halted", f"rig {request.rig} is docked: nothing boards"
        case _:
            return None


def _conflicts(repository: Repository, items: Sequence[QueueItem]) -> dict[int, str]:
    """Those that wait and do not merge with those aboard, and with whom they do not."""
    aboard = [item for item in items if item.request.seat is not None]
    waiting = [item for item in items if item.request.state is RequestState.QUEUED][:_MOST_TRIED]
    if not (aboard and waiting and repository.land.exists() and repository.has(aboard[-1].request.candidate_oid)):
        return {}
    found = {}
    for item in waiting:
        other = _first_conflict(repository, aboard, item) if repository.has(item.head_oid) else None
        if other is not None:
            why = f"it conflicts with {other.request.bead_id}, which sits on the train: it waits until that has landed"
            found[item.request.id or 0] = why
    return found


def _first_conflict(repository: Repository, aboard: Sequence[QueueItem], item: QueueItem) -> QueueItem | None:
    """Halve the train: with the candidates up to whom it merges, and from whom on it does not."""

    def clashes(place: int) -> bool:
        merged = git.merge_trees(repository.land, aboard[place].request.candidate_oid, item.head_oid)
        return isinstance(merged, Conflicted)

    if not clashes(len(aboard) - 1):
        return None
    low, high = 0, len(aboard) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if clashes(middle) else (middle + 1, high)
    return aboard[low]
