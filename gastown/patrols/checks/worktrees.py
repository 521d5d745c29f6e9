"""The agents' worktrees on this host hang on their repository."""

from collections.abc import Iterable
from pathlib import Path

from sqlmodel import col, select

from gastown import assignments, git, rigs
from gastown.agents import Polecat, WorktreeState
from gastown.patrols.findings import Category, Check, Fault, Hands, Here, NotMended, Patrol, error, warning


def look(here: Here) -> Iterable[Fault]:
    """Both ends of each link, of worktrees that were made."""
    with here.read() as session:
        query = select(Polecat).where(
            Polecat.host == here.settings.host_id,
            col(Polecat.worktree_state) != WorktreeState.NONE,
            col(Polecat.worktree) != "",
        )
        found = list(session.exec(query.order_by(Polecat.address)).all())
        busy = {row.polecat: row.bead_id for row in assignments.list_running_on(session, here.settings.host_id)}
    for polecat in found:
        path = _path(here, polecat)
        bead_id = busy.get(polecat.address)
        work = rigs.work_git(here.settings.town, polecat.rig)
        if not path.exists():
            if bead_id is not None:
                yield error(
                    polecat.address,
                    f"its worktree was taken away while it works on {bead_id}",
                    f"Its saved commits are on their branch; `gt log {bead_id}` shows them.",
                )
        elif any(path.iterdir()) and not git.is_linked(work, path):
            say = error if bead_id is not None else warning
            yield say(
                polecat.address,
                f"its worktree is cut off from its repository: {path}",
                "`gt doctor --fix --check worktrees` ties it again; what is in it stays as it is.",
            )


def _path(here: Here, polecat: Polecat) -> Path:
    return rigs.polecats_dir(here.settings.town, polecat.rig) / polecat.worktree


def mend(hands: Hands, fault: Fault) -> str:
    """Write the worktree's link again, when the repository knows which one is its own. No file of work is touched."""
    with hands.here.read() as session:
        polecat = session.get(Polecat, fault.subject)
    if polecat is None:
        return ""
    path, work = _path(hands.here, polecat), rigs.work_git(hands.here.settings.town, polecat.rig)
    if not path.exists():
        raise NotMended(
            "a worktree that was taken away is not made anew under a living agent; its next attempt has one"
        )
    if git.is_linked(work, path):
        return ""
    if not git.relink(work, path):
        raise NotMended("the repository does not know it, or it holds a repository of its own; nothing was touched")
    return "tied it to its repository again"


CHECK = Check(
    "worktrees",
    look,
    "every agent's worktree hangs on its repository",
    category=Category.AGENTS,
    patrol=Patrol.WITNESS,
    mend=mend,
    is_local=True,
)
