"""Saving what runs: each session's work is committed and pushed from time to time, without its agent noticing.

One at a time in a worker, beside its supervising threads: an agent's commands are answered meanwhile, and thirty
sessions ask for thirty saves one after the other, not for thirty gits at once.
"""

import contextlib
import os
from functools import partial

from sqlmodel import Session

from gastown import assignments, clock, git, logs, rigs
from gastown.assignments import LeaseLost, StaleFence
from gastown.errors import GastownError, Unavailable
from gastown.rigs import Rig
from gastown.sessions import worksite
from gastown.sessions.held import Held
from gastown.sessions.office import Office
from gastown.sessions.take import check_disk

log = logs.get(__name__)

# A full disk or a remote that is away lasts a while, but less long than the time between two saves.
TRY_AGAIN_S = 60.0


def save_when_due(office: Office, held: Held) -> None:
    """Ask for a save when the last one was long enough ago; at most one a session waits or is under way."""
    saves = held.saves
    if saves.is_asked or clock.monotonic() < saves.due_at or held.entry.is_over or held.entry.is_lost:
        return
    saves.is_asked = True
    office.saver.ask(partial(_save_aside, office, held))


def _save_aside(office: Office, held: Held) -> None:
    pause = held.policy.number("save_s")
    row = held.row
    try:
        if not (held.entry.is_closed or office.stopping.is_set()):
            with logs.bound(bead=row.bead_id, fence=row.fence, rig=row.rig):
                pause = pause if save_now(office, held, why="it runs") else min(pause, TRY_AGAIN_S)
    finally:
        held.saves.due_at = clock.monotonic() + pause
        held.saves.is_asked = False


def save_now(office: Office, held: Held, *, why: str) -> bool:
    """Save the session's work where a successor on any host finds it; False: not now, try again.

    Nothing here may end the session: what goes wrong is logged.
    """
    try:
        return _save(office, held, why)
    except (StaleFence, LeaseLost) as over:
        log.info("nothing more is saved for this attempt: %s", over)
    except (GastownError, OSError) as error:
        log.warning("the work of %s is not saved this time: %s", held.polecat.address, error)
    return False


def _save(office: Office, held: Held, why: str) -> bool:
    site, saves = held.site, held.saves
    check_disk(office.settings, held.policy)
    state = git.state(site.work, site.path)
    seen = _look_of(site, state)
    if seen == saves.seen:
        return True
    if state.is_clean and state.head == site.base_oid:
        saves.seen = seen
        return True
    saved, is_changed = worksite.snapshot(site, held.id, agent=held.polecat.address, why=why)
    if is_changed:
        held.entry.note_progress()
    if clock.monotonic() < office.saver.resting.get(site.land, 0.0) or not may_push(office, held):
        return False
    try:
        if not worksite.send_snapshot(site, saved):
            return False
    except Unavailable:
        # What one push has waited for in vain, the other sessions of the rig need not wait for, too.
        office.saver.resting[site.land] = clock.monotonic() + TRY_AGAIN_S
        raise

    def note(session: Session) -> None:
        # Only what is on the remote is noted: another host must be able to start from it.
        row = assignments.held(session, held.id, held.row.fence, holder=office.holder)
        assignments.note_saved(session, held.id, row.fence, actor=office.holder, head_oid=saved, why=why)

    office.do(note)
    saves.seen = seen
    return True


def _look_of(site: worksite.Site, state: git.TreeState) -> tuple[object, ...]:
    """What tells a worktree from how it was before: its head, and each file that is not committed as it is."""
    files = []
    for name in (*state.changed, *state.untracked):
        with contextlib.suppress(OSError, ValueError):
            found = os.lstat(site.path / name)
            files.append((name, found.st_mtime_ns, found.st_size, found.st_ino))
    return (state.head, state.branch, state.changed, state.untracked, tuple(files))


def may_push(office: Office, held: Held) -> bool:
    """Whether this worker may push now: its lease is known to be good, and nobody stopped the rig."""
    if not office.book.may_act(held.entry):
        log.warning("nothing is pushed: the lease was not renewed for longer than it lasts")
        return False
    return office.do(lambda session: rigs.find_freeze(session, session.get_one(Rig, held.rig.name))) is None
