"""Which open requests have to wait for which: what their beads say, and what their commits say.

A request waits for another one while that is open and its bead blocks this one's, or a head of it is part of this one's
history: whoever landed this one first would land the other with it. It boards behind it, and leaves the train with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from gastown import git
from gastown.beads import Dependency, DependencyType
from gastown.refinery import ordering
from gastown.refinery.candidate import Repository
from gastown.refinery.models import OPEN_REQUESTS, MergeHead, MergeRequest, RequestState
from gastown.refinery.ordering import After

# Edges after which a bead's change builds on the other's.
_ORDERED = (DependencyType.BLOCKS.value, DependencyType.MERGE.value)


@dataclass(frozen=True)
class Other:
    """An open request that others may wait for."""

    bead_id: str
    state: RequestState
    heads: Sequence[str]
    """Oldest first; the last one is what is to land."""


@dataclass(frozen=True)
class Ties:
    """Who waits for whom, by the requests' numbers."""

    after: After = field(default_factory=dict)
    others: Mapping[int, Other] = field(default_factory=dict)

    def with_commits(self, repository: Repository, target: str) -> "Ties":
        """The same, and what the heads say that `land.git` has: one call of git, so no transaction may be open."""
        return Ties(ordering.without_circles(_contained(self.others, repository, target), self.after), self.others)

    def holds(self, number: int, ahead: Iterable[int]) -> bool:
        """Whether a request has to wait although those `ahead` are aboard before it."""
        return not set(self.after.get(number, ())) <= set(ahead)

    def waiting_for(self, number: int) -> list[str]:
        """The beads whose requests have to let this one go first."""
        return sorted(self.others[one].bead_id for one, before in self.after.items() if number in before)

    def say(self, number: int) -> str:
        """Why a request does not board, for people; empty: nothing holds it."""
        held = [self.others[other] for other in sorted(self.after.get(number, ())) if other in self.others]
        what = ", ".join(f"{other.bead_id} ({_STANDS.get(other.state, other.state.value)})" for other in held[:5])
        return f"waits for {what}, on which it builds" if what else ""


_STANDS = {RequestState.RETURNED: "in rework", RequestState.TESTING: "under test", RequestState.LANDING: "landing"}


def find(session: Session, rig: str | None) -> Ties:
    """Who waits for whom in the rig's queue, or in all of them, as far as the beads say."""
    said = _asked(session, rig)
    others = _others(session, rig, {other for before in said.values() for other in before})
    return Ties(ordering.without_circles({}, said), others)


def _asked(session: Session, rig: str | None) -> dict[int, set[int]]:
    """For each open request of the rig, the open ones (of any rig) that its bead waits for."""
    other = aliased(MergeRequest)
    query = (
        select(MergeRequest.id, other.id)
        .join(Dependency, col(Dependency.issue_id) == col(MergeRequest.bead_id))
        .join(other, col(other.bead_id) == col(Dependency.depends_on_id))
        .where(
            col(MergeRequest.state).in_(OPEN_REQUESTS),
            col(other.state).in_(OPEN_REQUESTS),
            col(Dependency.type).in_(_ORDERED),
        )
    )
    found: dict[int, set[int]] = {}
    for number, before in session.exec(query.where(MergeRequest.rig == rig) if rig else query).all():
        found.setdefault(number or 0, set()).add(before or 0)
    return found


def _others(session: Session, rig: str | None, elsewhere: set[int]) -> dict[int, Other]:
    query = (
        select(MergeRequest.id, MergeRequest.bead_id, MergeRequest.state, MergeHead.head_oid)
        .join(MergeHead, col(MergeHead.request_id) == col(MergeRequest.id))
        .where(col(MergeRequest.state).in_(OPEN_REQUESTS))
        .order_by(col(MergeHead.id))
    )
    if rig:
        query = query.where((col(MergeRequest.rig) == rig) | col(MergeRequest.id).in_(elsewhere))
    heads: dict[tuple[int, str, RequestState], list[str]] = {}
    for number, bead, state, head in session.exec(query).all():
        heads.setdefault((number or 0, bead, RequestState(state)), []).append(head)
    return {number: Other(bead, state, oids) for (number, bead, state), oids in heads.items()}


def _contained(others: Mapping[int, Other], repository: Repository, target: str) -> dict[int, frozenset[int]]:
    """Whose head is part of whose. An older head of a request counts, too, unless that one builds on this by now."""
    owners = {oid: number for number, other in others.items() for oid in other.heads}
    newest = {other.heads[-1]: number for number, other in others.items()}
    if len(newest) < 2:
        return {}
    inside = git.heads_within(repository.land, list(owners), target)
    sure: dict[int, set[int]] = {}
    older: dict[int, set[int]] = {}
    for number, other in others.items():
        for oid in inside.get(other.heads[-1], ()):
            if oid in newest:
                sure.setdefault(number, set()).add(newest[oid])
            else:
                older.setdefault(number, set()).add(owners[oid])
    return ordering.without_circles(sure, older)
