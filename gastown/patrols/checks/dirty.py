"""What idle agents left in their worktrees on this host is safe."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlmodel import Session, col, select

from gastown import assignments, clock, git, rigs
from gastown.agents import Polecat, WorktreeState
from gastown.errors import GastownError
from gastown.patrols.findings import Category, Check, Fault, Hands, Here, NotMended, Patrol, warning

# Worktrees that one look asks git about.
_AT_ONCE = 20
# Worktrees that were found in order, and when they were used last: nobody works there until they are used again, and a
# town may have a thousand of them.
_known_good: dict[Path, datetime | None] = {}


@dataclass(frozen=True)
class Idle:
    """A worktree that no session is in."""

    subject: str
    """The polecat whose it is, or was."""
    rig: str
    path: Path
    used_at: datetime | None = None
    is_forgotten: bool = False
    """Whether its polecat has another one by now."""


def look(here: Here) -> Iterable[Fault]:
    """Worktrees that no session is in, with changes that no commit holds."""
    with here.read() as session:
        idle = list(_idle(session, here))
    fresh = [item for item in idle if item.path not in _known_good or _known_good[item.path] != item.used_at]
    for item in fresh[:_AT_ONCE]:
        changed = _changed(here, item)
        if not changed:
            _known_good[item.path] = item.used_at
        else:
            yield warning(
                item.subject,
                f"{changed} changed files in {item.path} are in no commit, and no session works there",
                "The witness commits them to the branch of the attempt that was there; nothing is removed.",
            )


def _idle(session: Session, here: Here) -> Iterator[Idle]:
    host = here.settings.host_id
    at_work = {row.polecat for row in assignments.list_running_on(session, host)}
    polecats = session.exec(select(Polecat).where(Polecat.host == host).order_by(col(Polecat.address))).all()
    taken = {(polecat.rig, polecat.worktree or polecat.name) for polecat in polecats}
    for polecat in polecats:
        path = rigs.polecats_dir(here.settings.town, polecat.rig) / (polecat.worktree or polecat.name)
        is_idle = polecat.worktree_state in (WorktreeState.CLEAN, WorktreeState.SPENT)
        if is_idle and polecat.address not in at_work and path.is_dir():
            yield Idle(polecat.address, polecat.rig, path, polecat.last_used_at)
    for rig in rigs.list_all(session):
        folder = rigs.polecats_dir(here.settings.town, rig.name)
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.is_dir() and (rig.name, path.name) not in taken:
                yield Idle(f"{rig.name}/polecats/{path.name}", rig.name, path, is_forgotten=True)


def _changed(here: Here, item: Idle) -> int:
    """How many files differ from the last commit there; 0 as well where git cannot tell, which `worktrees` says."""
    try:
        state = git.state(rigs.work_git(here.settings.town, item.rig), item.path)
    except GastownError:
        return 0
    return len(state.changed) + len(state.untracked)


def mend(hands: Hands, fault: Fault) -> str:
    """Commit them to the branch of the attempt that was there, under its fence; remove nothing."""
    here = hands.here
    with here.read() as session:
        item = next((item for item in _idle(session, here) if item.subject == fault.subject), None)
        past = assignments.of_polecat(session, fault.subject)
    if item is None or not _changed(here, item):
        return ""
    work = rigs.work_git(here.settings.town, item.rig)
    branch = git.state(work, item.path).branch
    last = next((row for row in past if row.branch and row.branch == branch), None)
    if branch is None or not (item.is_forgotten or last):
        raise NotMended(f"nobody knows which work this is: look into {item.path}")
    person = git.Person(fault.subject, f"{fault.subject.replace('/', '.')}@gastown.local")
    keeper = git.Keeper("Work in progress: found in an idle worktree", person, clock.now())
    saved = git.save_work(work, item.path, branch, keeper)
    if last is not None:
        number, fence, why = last.id or 0, last.fence, "found in an idle worktree"
        hands.transact(
            lambda session: assignments.note_saved(
                session, number, fence, actor=hands.actor, head_oid=saved.oid, why=why
            )
        )
    if saved.left_out:
        raise NotMended(f"all but {', '.join(saved.left_out[:5])} is in {saved.oid[:10]}: look into {item.path}")
    return f"saved them in {saved.oid[:10]} on {branch}"


CHECK = Check(
    "dirty",
    look,
    "nothing in idle worktrees is unsaved",
    category=Category.CLEANUP,
    patrol=Patrol.WITNESS,
    mend=mend,
    is_automatic=True,
    is_local=True,
)
