"""Heads that were handed in while the remote did not answer: noted on the host that has them, and sent again by it.

Until then no other host can test or land them, and nobody has them when this host is lost.
"""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from sqlmodel import Session, col, select

from gastown import clock, git, logs, rigs
from gastown.assignments import Assignment, AssignmentState
from gastown.beads import Bead, BeadStatus
from gastown.sessions.office import Office
from gastown.sessions.worksite import Site, forward

log = logs.get(__name__)

_FOLDER = "gastown.unsent"
# A note without an attempt that handed its head in may be of one that is just about to.
_YOUNG_S = 600.0
_AT_ONCE = 50
# So many failures end a rig's round: the remote is away, or refuses; others have their turn in the next one.
_FAILURES_AT_ONCE = 3
_OVER = (BeadStatus.CLOSED.value, BeadStatus.TOMBSTONE.value)


def send(site: Site, oid: str) -> bool:
    """Give the remote the attempt's branch at `oid`. False: not now; this host sends it again until it is there.

    The note is made first, so that whoever is killed on the way has left it.
    """
    note = site.land / _FOLDER / git.check_oid(oid)
    with contextlib.suppress(OSError):  # a full disk is no reason not to try
        note.parent.mkdir(exist_ok=True)
        note.write_text(f"{site.branch}\n")  # for whoever looks; what counts is the name
    is_there = forward(site, oid)
    if is_there:
        note.unlink(missing_ok=True)
    return is_there


def send_again(office: Office) -> int:
    """Send what this host's notes name and a merge queue still waits for; return how many arrived.

    Nothing is sent for a rig that is stopped by somebody's word. What could not be sent goes to the end of the line.
    """
    found = (office.settings.town / "rigs").glob(f"*/land.git/{_FOLDER}/*")
    by_rig: dict[str, list[Path]] = {}
    for note in sorted(found, key=_noted_at):
        by_rig.setdefault(note.parents[2].name, []).append(note)
    return sum(_send_all(office, rig, notes[:_AT_ONCE]) for rig, notes in by_rig.items())


def _send_all(office: Office, rig: str, notes: Sequence[Path]) -> int:
    wanted = office.do(lambda session: _list_wanted(session, rig, [note.name for note in notes]))
    if wanted is None:
        return 0
    land, work = rigs.land_git(office.settings.town, rig), rigs.work_git(office.settings.town, rig)
    arrived = failed = 0
    for note in notes:
        branch = wanted.get(note.name)
        if branch is None:
            _forget(note)
        elif failed == _FAILURES_AT_ONCE:
            break
        elif forward(Site(work, work, land, branch, "", ""), note.name):
            log.info("branch %s is on the remote now", branch)
            note.unlink(missing_ok=True)
            arrived += 1
        else:
            failed += 1
            with contextlib.suppress(OSError):
                os.utime(note)
    return arrived


def _noted_at(note: Path) -> float:
    with contextlib.suppress(OSError):
        return note.lstat().st_mtime
    return 0.0


def _list_wanted(session: Session, rig: str, oids: Sequence[str]) -> dict[str, str] | None:
    """The branches of those heads whose beads are not over; None while nothing of the rig may be pushed."""
    row = session.get(rigs.Rig, rig)
    if row is None or rigs.find_freeze(session, row) is not None:
        return None
    found = session.exec(
        select(Assignment.head_oid, Assignment.branch)
        .join(Bead, col(Bead.id) == col(Assignment.bead_id))
        .where(
            Assignment.rig == rig,
            Assignment.state == AssignmentState.SUBMITTED,
            col(Assignment.head_oid).in_(oids),
            col(Bead.status).not_in(_OVER),
        )
    ).all()
    return {oid: branch for oid, branch in found if branch}


def _forget(note: Path) -> None:
    """Drop the note of what landed, was returned, or was never handed in."""
    with contextlib.suppress(OSError):
        if clock.now().timestamp() - note.lstat().st_mtime > _YOUNG_S:
            note.unlink()
