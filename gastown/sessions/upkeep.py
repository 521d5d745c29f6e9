"""What piles up on a host beside its sessions: processes that no attempt has any more, locks, scratch, snapshots."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlmodel import Session, col, select

from gastown import agents, assignments, clock, git, logs, policy, rigs
from gastown.assignments import Assignment, AssignmentState
from gastown.db import database_time
from gastown.errors import GastownError
from gastown.runtimes import host, strays
from gastown.sessions import unsent, worksite
from gastown.sessions.leftovers import last_claimed
from gastown.sessions.office import Office

log = logs.get(__name__)

# Where no git is at work in the rig, locks of this age belong to one that was killed: a living one would be seen.
# The age is for one that begins while we look.
STALE_LOCK_S = 25
# After its attempt ended an agent may say goodbye for a minute, and is then stopped by who held it.
ORPHAN_GRACE_S = 180.0
# So many scratch folders go in one sweep.
TIDIED_AT_ONCE = 200


@dataclass(frozen=True)
class Tidied:
    """What a round of upkeep did."""

    ended: int
    """Sessions without an attempt that were stopped."""
    locks: int
    """Locks of killed gits that were removed."""
    scratch: int
    """Scratch folders of old runs that were removed."""
    snapshots: int
    """Snapshots of ended attempts that were let go."""
    sent: int
    """Heads that the remote has got by now."""


def tidy_host(office: Office) -> Tidied:
    """Look after what is due; each part goes on when another fails. Safe at any rate and beside another worker's."""
    parts = (
        (end_orphans, 60.0),
        (sweep_locks, 20.0),
        (tidy_scratch, 600.0),
        (drop_old_snapshots, 600.0),
        (unsent.send_again, 20.0),
    )
    return Tidied(*(_do_when_due(office, part, every_s) for part, every_s in parts))


def _do_when_due(office: Office, part: Callable[[Office], int], every_s: float) -> int:
    now = clock.monotonic()
    if now - office.tidied_at.get(part.__name__, now - every_s) < every_s:
        return 0
    office.tidied_at[part.__name__] = now
    try:
        return part(office)
    except (GastownError, OSError) as error:
        log.warning("upkeep goes on without %s: %s", part.__name__, error)
        return 0


def end_orphans(office: Office) -> int:
    """Stop agents of this town on this host that no running attempt has; their work is saved. Return how many."""
    root = office.settings.town / "sessions"
    found = {folder: row for folder in strays.list_running(root) if (row := _number_of(root, folder)) is not None}
    if not found:
        return 0
    orphans = office.do(lambda session: _orphans(session, office, found))
    ended = 0
    for folder in orphans:
        if not office.book.holds(found[folder]):
            log.warning("ending the session in %s: no running attempt has it", folder)
            _end(folder)
            _save(office, found[folder])
            ended += 1
    return ended


def _number_of(root: Path, folder: Path) -> int | None:
    """The attempt of a session folder; None for what an agent named so itself."""
    parts = folder.relative_to(root).parts
    return int(parts[0]) if len(parts) == 2 and parts[0].isdigit() and parts[1].startswith("run-") else None


def _orphans(session: Session, office: Office, found: dict[Path, int]) -> list[Path]:
    rows = session.exec(select(Assignment).where(col(Assignment.id).in_(set(found.values())))).all()
    known, now = {row.id: row for row in rows}, database_time(session)
    return [folder for folder, number in found.items() if _is_orphan(known.get(number), office, folder, now)]


def _is_orphan(row: Assignment | None, office: Office, folder: Path, now: datetime) -> bool:
    if row is None:
        return True
    if row.state is AssignmentState.RUNNING:
        name = folder.name.removeprefix("run-")
        return row.host != office.settings.host_id or (name.isdigit() and int(name) < row.runs)
    return row.ended_at is None or now - row.ended_at > timedelta(seconds=ORPHAN_GRACE_S)


def _end(folder: Path) -> None:
    process = host.find(folder)
    if process is not None and host.stop(process, "no running attempt has it"):
        host.wait(process, ORPHAN_GRACE_S / 4)
    strays.end_all_in(folder)


def _save(office: Office, number: int) -> None:
    """Save the worktree that the orphan worked in, unless another attempt has it by now."""

    def find(session: Session) -> worksite.Site | None:
        row = session.get(Assignment, number)
        last = last_claimed(session, row.polecat) if row is not None and row.polecat else None
        if row is None or last is None or last.id != number or row.state is AssignmentState.RUNNING or not row.branch:
            return None
        rig = session.get_one(rigs.Rig, row.rig)
        return worksite.site_of(office.settings, rig, row, agents.get(session, row.polecat or ""))

    site = office.do(find)
    if site is not None:
        worksite.save(site, number, agent=office.holder, why="its session had no attempt any more", push=False)


def sweep_locks(office: Office) -> int:
    """Remove lock files that killed gits left in this host's repositories; none where a git is at work now."""
    removed = 0
    for name in office.do(lambda session: [rig.name for rig in rigs.list_all(session)]):
        land, work = rigs.land_git(office.settings.town, name), rigs.work_git(office.settings.town, name)
        repos = [repo for repo in (land, work) if repo.exists()]
        if repos and not git.is_at_work(land.parent):
            removed += sum(len(git.remove_stale_locks(repo, older_than_s=STALE_LOCK_S)) for repo in repos)
    return removed


def tidy_scratch(office: Office) -> int:
    """Remove the scratch folders of runs that ended long ago; prompts, output and exit records stay."""
    keep_s = office.do(policy.load).number("session.scratch_s")
    before = clock.now().timestamp() - keep_s
    removed = 0
    for ending in (office.settings.town / "sessions").glob("*/run-*/exit.json"):
        scratch = ending.with_name("tmp")
        if removed < TIDIED_AT_ONCE and scratch.is_dir() and ending.stat().st_mtime < before:
            shutil.rmtree(scratch, ignore_errors=True)
            removed += 1
    return removed


def drop_old_snapshots(office: Office) -> int:
    """Let go of snapshots whose attempts ended with their work noted; return how many."""
    dropped = 0
    for name in office.do(lambda session: [rig.name for rig in rigs.list_all(session)]):
        work = rigs.work_git(office.settings.town, name)
        numbers = git.list_snapshots(work, worksite.SNAPSHOTS) if work.exists() else []
        ended = office.do(lambda session, numbers=numbers: _safe_elsewhere(session, numbers))  # type: ignore[misc]
        for number in ended:
            git.drop_snapshot(work, worksite.snapshot_ref(number))
        dropped += len(ended)
    return dropped


def _safe_elsewhere(session: Session, numbers: list[int]) -> list[int]:
    if not numbers:
        return []
    rows = session.exec(select(Assignment).where(col(Assignment.id).in_(numbers))).all()
    before = database_time(session) - timedelta(seconds=ORPHAN_GRACE_S)
    return [
        row.id
        for row in rows
        if row.id and row.head_oid and row.state not in assignments.OPEN_STATES and (row.ended_at or before) < before
    ]
