"""Taking away what a landing needs no more: its branch at the remote, and what keeps its commit on this host."""

from contextlib import suppress
from pathlib import Path

from gastown import git, rigs
from gastown.errors import GastownError
from gastown.refinery import queries
from gastown.refinery.desk import Desk
from gastown.refinery.models import MergeHead

# A killed step leaves one behind; more only where the remote was away just then.
_LAST_LANDED = 5


def forget_head(land: Path, head: MergeHead) -> None:
    """Delete the branch of a head whose landing is in SQL; tidiness only, its commits are in the target."""
    if not head.branch.startswith("polecat/"):
        return
    with suppress(GastownError):
        git.delete_branch(land, head.branch, expect=head.head_oid)
        git.unpin(land, head.head_oid)


def forget_left(desk: Desk) -> None:
    """Do so for what landed last, after a step that was killed, perhaps before it came to this."""
    with suppress(GastownError):
        with desk.write() as session:
            frozen = rigs.find_freeze(session, rigs.get(session, desk.rig))
            heads = queries.list_landed_heads(session, desk.rig, limit=_LAST_LANDED)
        land = rigs.land_git(desk.town, desk.rig)
        if frozen or not heads or not land.exists():
            return
        there = git.ls(land, [f"refs/heads/{head.branch}" for head in heads])
        for head in heads:
            if there.get(f"refs/heads/{head.branch}") == head.head_oid:
                forget_head(land, head)
