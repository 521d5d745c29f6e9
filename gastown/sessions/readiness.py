"""Whether finished work may be handed in: clean, ahead of its base, on its own branch, not hopelessly behind."""

from dataclasses import dataclass

from sqlmodel import Session

from gastown import git, rigs
from gastown.errors import Refused, Unavailable
from gastown.rigs import Rig
from gastown.sessions import unsent
from gastown.sessions.worksite import Site


class NotReady(Refused):
    """Something is left to do before `gt done`; nothing was handed in."""


class Halted(Unavailable):
    """The rig is stopped by somebody's word: nothing is handed in until it goes on, and nothing is lost meanwhile."""


def check_not_halted(session: Session, rig: Rig) -> None:
    """Raise Halted while nothing of the rig may be pushed."""
    why = rigs.find_freeze(session, rig)
    if why is not None:
        raise Halted(why, hint="Your work is safe in the worktree. Commit it and run the command again later.")


@dataclass(frozen=True)
class Ready:
    """What will be handed in."""

    head_oid: str
    ahead: int
    behind: int


def check_submission(site: Site, *, max_behind: int) -> Ready:
    """Look at the worktree, bring its head to the town's own repository and the remote; refuse what cannot land."""
    tree = git.state(site.work, site.path)
    if tree.branch != site.branch:
        on = f"on {tree.branch}" if tree.branch else "on no branch"
        raise NotReady(
            f"the worktree is {on}, not on {site.branch}",
            hint=f"Bring your commits there: git switch {site.branch}, then git merge or git cherry-pick them.",
        )
    if tree.unfinished:
        raise NotReady(
            "a merge, rebase or cherry-pick is under way", hint="Finish it (git status says how), then `gt done`."
        )
    if tree.changed or tree.untracked:
        names = ", ".join([*tree.changed, *tree.untracked][:5])
        raise NotReady(
            f"not everything is committed: {names}",
            hint="Commit what belongs to the work; list generated files in .gitignore. Then `gt done`.",
        )
    assert tree.head is not None
    git.fetch_head(site.land, site.work, tree.head)
    distance = git.distance(site.land, site.target_oid, tree.head)
    if distance.ahead == 0:
        raise NotReady(
            "there is no commit that the target does not have",
            hint="Commit your work first. If nothing needs changing: gt done --status NO_CHANGE --reason WHY",
        )
    if distance.behind >= max_behind:
        raise NotReady(
            f"the branch is {distance.behind} commits behind the target",
            hint="Bring it up to date (git merge with the target), then `gt done`.",
        )
    unsent.send(site, tree.head)
    return Ready(tree.head, distance.ahead, distance.behind)
