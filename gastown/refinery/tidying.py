"""Taking away what landed work needs no more: its branches at the remote, and what keeps its commits on this host."""

from collections.abc import Mapping
from contextlib import suppress

from sqlmodel import Session

from gastown import assignments, git, rigs
from gastown.errors import GastownError
from gastown.refinery import queries
from gastown.refinery.candidate import Repository
from gastown.refinery.desk import Desk

# A killed step leaves one behind; more only where the remote was away just then.
_LAST_LANDED = 5


def branches_of(session: Session, bead_id: str) -> dict[str, str]:
    """Every branch that the bead's attempts gave the remote, and the newest commit known to be on it."""
    found = {row.branch: row.head_oid for row in assignments.history(session, bead_id)}
    for request in queries.list_for_bead(session, bead_id):
        found |= {head.branch: head.head_oid for head in queries.list_heads(session, request.id or 0)}
    return {branch: oid for branch, oid in found.items() if branch.startswith("polecat/") and oid}


def forget_branches(repository: Repository, branches: Mapping[str, str], target: str) -> None:
    """Delete those of the branches whose commit is in the target, where they still are at it; tidiness only."""
    with suppress(GastownError):
        there = git.ls(repository.land, [f"refs/heads/{branch}" for branch in branches])
        for branch, oid in branches.items():
            if repository.is_in(oid, target):
                if there.get(f"refs/heads/{branch}") == oid:
                    git.delete_branch(repository.land, branch, expect=oid)
                git.unpin(repository.land, oid)


def forget_left(desk: Desk) -> None:
    """Do so for what landed last, after a step that was killed, perhaps before it came to this."""
    with suppress(GastownError):
        with desk.write() as session:
            rig = rigs.get(session, desk.rig)
            branches: dict[str, str] = {}
            for bead_id in queries.list_landed_beads(session, desk.rig, limit=_LAST_LANDED):
                branches |= branches_of(session, bead_id)
            is_halted = rigs.find_freeze(session, rig) is not None
        repository = Repository.of(desk.town, rig)
        if branches and not is_halted and repository.land.exists():
            forget_branches(repository, branches, repository.target())
