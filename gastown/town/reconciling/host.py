"""What only this host can see: pins of commits that nobody needs, worktrees that no polecat has any more, scratch.

Nothing is let go whose commits are not safe: a pin only when another ref holds its commit, a worktree only when it is
clean and a branch holds all that was committed in it.
"""

from pathlib import Path

from sqlmodel import Session, col, select

from gastown import assignments, clock, git, logs, refinery, rigs
from gastown.agents import Polecat
from gastown.db import locks
from gastown.errors import GastownError
from gastown.rigs import Rig
from gastown.town.caller import Caller, try_step

log = logs.get(__name__)

EVERY_S = 600.0
# Younger folders may be in the making.
_YOUNG_S = 3600.0
_MOST_PINS = 200


def tidy_host(caller: Caller, *, older_than_s: float = _YOUNG_S) -> bool:
    """Let go of what no rig needs on this host; False when a neighbour did so within ten minutes."""
    name = f"tidy.{caller.settings.host_id}"
    if not caller.transact(lambda session: locks.try_acquire(session, name, holder=caller.holder, ttl_s=EVERY_S)):
        return False
    try_step(lambda _who: _sweep(older_than_s), caller)
    with caller.read() as session:
        found = list(rigs.list_all(session))
    for rig in found:
        try_step(lambda who, rig=rig: _unpin(who, rig), caller)  # type: ignore[misc]
        try_step(lambda who, rig=rig: _remove_worktrees(who, rig, older_than_s), caller)  # type: ignore[misc]
    return True


def _sweep(older_than_s: float) -> None:
    count = git.sweep_folders(clock.now().timestamp() - older_than_s)
    if count:
        log.info("removed %d temporary folders of merges that were cut off", count)


def _unpin(caller: Caller, rig: Rig) -> None:
    land, work = rigs.land_git(caller.settings.town, rig.name), rigs.work_git(caller.settings.town, rig.name)
    if not land.exists():
        return
    # First what is pinned, then what is needed: whoever pins in between has its row already.
    pinned = git.list_pins(land)
    with caller.read() as session:
        spare = sorted(set(pinned) - refinery.list_needed(session, rig.name))[:_MOST_PINS]
        branches = refinery.branches_of(session, rig.name, set(spare))
        landings = refinery.landed_as(session, rig.name, set(spare))
    target = git.ref_value(land, f"refs/remotes/origin/{rig.branch}")
    # Who squashes or rebases has none of these commits on the target, and all of their work.
    landed = git.find_merged(land, set(landings.values()), target) if target and landings else frozenset()
    for oid in spare:
        is_safe = landings.get(oid) in landed
        if is_safe or git.is_held_elsewhere(land, oid, target=rig.branch, work=work, branch=branches.get(oid, "")):
            log.info("rig %s: nobody needs the pin of %s", rig.name, oid[:12])
            git.unpin(land, oid)


def _remove_worktrees(caller: Caller, rig: Rig, older_than_s: float) -> None:
    folder, work = rigs.polecats_dir(caller.settings.town, rig.name), rigs.work_git(caller.settings.town, rig.name)
    if not folder.is_dir() or not work.exists():
        return
    before = clock.now().timestamp() - older_than_s
    folders = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    old = sorted(path for path in folders if path.lstat().st_mtime < before)
    with caller.read() as session:
        taken = _list_taken(session, rig.name, caller.settings.host_id)
    for path in old if taken is not None else ():
        if path.name not in (taken or ()):
            _remove(work, path, rig.name)


def _list_taken(session: Session, rig: str, host: str) -> frozenset[str] | None:
    """The folders of this host's polecats, or their names, which are the folders that they get next.

    None where something runs of which the rows do not say where.
    """
    rows = session.exec(select(Polecat).where(Polecat.rig == rig, col(Polecat.host) == host)).all()
    known = {row.address for row in rows}
    running = [row for row in assignments.list_running(session, rig) if row.host in (host, None)]
    if any(row.polecat not in known for row in running):
        return None
    return frozenset(Path(row.worktree).name if row.worktree else row.name for row in rows)


def _remove(work: Path, path: Path, rig: str) -> None:
    try:
        git.remove_worktree(work, path)
    except (GastownError, OSError) as error:
        log.info("rig %s: %s stays: %s", rig, path.name, error)
    else:
        log.info("rig %s: removed the worktree %s, whose commits are on its branch", rig, path.name)
