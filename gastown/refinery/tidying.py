"""Taking away what landed work needs no more: its branches at the remote, and what keeps its commits on this host."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from sqlmodel import Session

from gastown import assignments, git, rigs
from gastown.errors import GastownError
from gastown.refinery import queries
from gastown.refinery.candidate import Repository
from gastown.refinery.desk import Desk

# A killed step leaves at most a train behind; more only where the remote was away just then.
_LAST_LANDED = 128


def branches_of(session: Session, bead_id: str) -> dict[str, str]:
    """Every branch that the bead's attempts gave the remote, and the newest commit known to be on it."""
    found = {row.branch: row.head_oid for row in assignments.history(session, bead_id)}
    for request in queries.list_for_bead(session, bead_id):
        found |= {head.branch: head.head_oid for head in queries.list_heads(session, request.id or 0)}
    return {branch: oid for branch, oid in found.items() if branch.startswith("polecat/") and oid}


def forget_branches(repository: Repository, branches: Mapping[str, str], target: str) -> None:
    """Delete those of the branches whose commit is in the target, where they still are at it; tidiness only."""
    with suppress(GastownError):
        merged = git.find_merged(repository.land, set(branches.values()), target)
        landed = {branch: oid for branch, oid in branches.items() if oid in merged}
        there = git.ls(repository.land, [f"refs/heads/{branch}" for branch in landed]) if landed else {}
        left = {branch: oid for branch, oid in landed.items() if there.get(f"refs/heads/{branch}") == oid}
        git.delete_branches(repository.land, left)
        git.unpin_all(repository.land, merged)


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
        branches: dict[str, str] = {}
        for bead_id in bead_ids:
            branches |= branches_of(session, bead_id)
        is_halted = rigs.find_freeze(session, rig) is not None
    repository = Repository.of(desk.town, rig)
    if branches and not (is_halted and target is None) and repository.land.exists():
        forget_branches(repository, branches, target or repository.target())
