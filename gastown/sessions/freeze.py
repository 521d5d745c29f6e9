"""An emergency stop of what runs: agents of a stopped rig are halted where they stand, and go on from there."""

import contextlib
import os
from pathlib import Path

from sqlmodel import Session

from gastown import assignments, clock, logs, rigs
from gastown.runtimes import host, strays
from gastown.sessions import paths
from gastown.sessions.office import Office

log = logs.get(__name__)

_MARK = "frozen"
"""In a run's folder while its agent is halted; its time says since when."""


def is_frozen(folder: Path) -> bool:
    """Whether the run's agent is halted: its time does not count, and its silence means nothing."""
    return (folder / _MARK).exists()


def keep_frozen(office: Office) -> int:
    """Halt the agents of stopped rigs that this worker holds, let the others go on; return how many are halted.

    Safe twice: processes that appeared since the last call are halted by the next one.
    """
    entries = {entry.assignment_id: entry for entry in office.book.entries()}
    if not entries:
        return 0
    stopped = office.do(lambda session: _in_stopped_rigs(session, office))
    count = 0
    for number in entries:
        folder = paths.latest_run_dir(office.settings, number)
        if folder is None:
            continue
        if number in stopped:
            count += _halt(folder, stopped[number])
        elif is_frozen(folder):
            _let_go(folder)
    return count


def _in_stopped_rigs(session: Session, office: Office) -> dict[int, str]:
    frozen = {rig.name: why for rig in rigs.list_all(session) if (why := rigs.find_freeze(session, rig)) is not None}
    if not frozen:
        return {}
    rows = assignments.list_running_on(session, office.settings.host_id)
    return {row.id: frozen[row.rig] for row in rows if row.id is not None and row.rig in frozen}


def _halt(folder: Path, why: str) -> bool:
    process = host.find(folder)
    if process is None:
        return False
    if not is_frozen(folder):
        log.warning("halting the agent in %s: %s", folder, why)
        # The mark first: killed in between, the next call halts it; the other way round nothing would wake it.
        (folder / _MARK).touch()
    strays.halt(process)
    return True


def _let_go(folder: Path) -> None:
    """Let a halted agent go on; the time that it stood still is taken off its age."""
    with contextlib.suppress(FileNotFoundError):
        lost = clock.now().timestamp() - (folder / _MARK).stat().st_mtime
        started = (folder / "prompt.txt").stat().st_mtime
        os.utime(folder / "prompt.txt", (started + max(0.0, lost),) * 2)
    process = host.find(folder)
    if process is not None:
        strays.let_go(process)
    (folder / _MARK).unlink(missing_ok=True)
    log.warning("the agent in %s goes on", folder)
