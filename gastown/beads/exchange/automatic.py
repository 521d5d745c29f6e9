"""Writing the exchange file after changes, where the store's keys ask for that: at most once in a while."""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

from sqlmodel import Session

from gastown import clock
from gastown.beads.exchange import marks
from gastown.beads.exchange.files import Exported, Target, export_file
from gastown.beads.exchange.syncing import Unit
from gastown.beads.words.configuration import get_config, is_on

AUTO = "export.auto"
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_INTERVAL_S = 60.0


def export_path(session: Session, folder: Path, key: str = "export.path") -> Path:
    """The exchange file of the store in `folder`."""
    return folder / (get_config(session, key) or "issues.jsonl")


def export_if_due(read: Unit, folder: Path) -> Exported | None:
    """Write the exchange file; None where nobody asked for that, another process does it, or one was written lately."""
    with read() as session:
        if not is_on(session, AUTO):
            return None
        path = export_path(session, folder)
        with _turn(folder / marks.FOLDER, _interval(session)) as is_ours:
            return export_file(session, Target(path, folder)) if is_ours else None


def _interval(session: Session) -> float:
    said = re.fullmatch(r"([0-9]+)(ms|s|m|h|d)", get_config(session, "export.interval"))
    return int(said[1]) * _SECONDS[said[2]] if said else _INTERVAL_S


@contextlib.contextmanager
def _turn(folder: Path, interval_s: float) -> Iterator[bool]:
    """Whether it is time, and ours to do; the time of the last turn is that of the lock's file."""
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder / "auto.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found, now = os.fstat(descriptor), clock.now().timestamp()
        # A time ahead of ours is of a clock that was set back.
        is_due = found.st_size == 0 or not 0 <= now - found.st_mtime < interval_s
        yield is_due
        if is_due:
            os.pwrite(descriptor, b"1", 0)
            os.utime(descriptor, (now, now))
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)
