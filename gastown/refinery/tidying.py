"""Taking away what landed work needs no more: its branches at the remote, and what keeps its commits on this host."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlmodel import Session

from gastown import assignments, git, rigs
from gastown.errors import GastownError
from gastown.refinery import queries
from gastown.refinery.candidate import Repository
from gastown.refinery.desk import Desk
from gastown.refinery.models import RequestState

# A killed step leaves at most a train behind; more only where the remote was away just then.
_LAST_LANDED = 128


@dataclass
class Traces:
    """What landed beads left behind."""

    branches: dict[str, str] = field(default_factory=dict)
    """Every branch that their attempts gave the remote, and the newest commit known to be on it."""
    landings: dict[str, str] = field(default_factory=dict)
    """Each head that landed, and the commit on the target that holds its work, of which it need be no part."""

    def add(self, session: Session, bead_id: str) -> None:
        """Add those of a bead."""
        found = {row.branch: row.head_oid for row in assignments.history(session, bead_id)}
        for request in queries.list_for_bead(session, bead_id):
            heads = {head.id: head for head in queries.list_heads(session, request.id or 0)}
            found |= {head.branch: head.head_oid for head in heads.values()}
            if request.state is RequestState.LANDED and request.landed_oid and request.head_id in heads:
                self.landings[heads[request.head_id].head_oid] = request.landed_oid
        self.branches |= {branch: oid for branch, oid in found.items() if branch.startswith("polecat/") and oid}

    def find_in(self, land: Path, oids: Collection[str], target: str) -> frozenset[str]:
        """Those of the commits whose work is in the target: they are part of it, or of a head that has landed there."""
        commits = git.find_merged(land, set(self.landings.values()), target)
        heads = git.find_commits(land, [head for head, commit in self.landings.items() if commit in commits])
        return git.find_merged(land, oids, target, *heads)


def forget_branches(repository: Repository, traces: Traces, target: str) -> None:
    """Delete those of the branches whose work is in the target, where they still are at it; tidiness only."""
    with suppress(GastownError):
        land, branches = repository.land, traces.branches
        merged = traces.find_in(land, set(branches.values()), target)
        landed = {branch: oid for branch, oid in branches.items() if oid in merged}
        there = git.ls(land, [f"refs/heads/{branch}" for branch in landed]) if landed else {}
        left = {branch: oid for branch, oid in landed.items() if there.get(f"refs/heads/{branch}") == oid}
        git.delete_branches(land, left)
        git.unpin_all(land, merged)


def forget_landed(desk: Desk, bead_ids: Sequence[str], target: str) -> None:
    """Do so for beads that this step has landed, once nobody waits for the queue's next move."""
    if bead_ids:
        with suppress(GastownError):
            _forget(desk, bead_ids, target)


def forget_left(desk: Desk) -> None:
    """Do so for what landed last, after a step that was killed, perhaps before it came to this."""
    with suppress(GastownError):
        with desk.write() as session:
            bead_ids = queries.list_landed_beads(session, desk.rig, limit=_LAST_LANDED)
        _forget(desk, bead_ids, None)


def _forget(desk: Desk, bead_ids: Sequence[str], target: str | None) -> None:
    """Without a target: as the remote shows it, and only while nothing is halted."""
    with desk.write() as session:
        rig = rigs.get(session, desk.rig)
        traces = Traces()
        for bead_id in bead_ids:
            traces.add(session, bead_id)
        is_halted = rigs.find_freeze(session, rig) is not None
    repository = Repository.of(desk.town, rig)
    if traces.branches and not (is_halted and target is None) and repository.land.exists():
        forget_branches(repository, traces, target or repository.target())
