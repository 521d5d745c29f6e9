"""A process that was stopped (SIGSTOP, ctrl-Z) in the middle of a write to SQLite holds up everybody: it is woken.

SQLite's lock goes with its process alone. Killing that would cut off what it does; waking it ends the write in
milliseconds, and who stopped it can stop it again. On Linux; elsewhere the others wait until it goes on by itself.
"""

import contextlib
import os
import signal
from pathlib import Path

from gastown import logs

log = logs.get(__name__)

_LOCKS = Path("/proc/locks")
# The byte of the write lock in the file `-shm`: https://www.sqlite.org/walformat.html#locks
_WRITE_LOCK = 120
_STOPPED = "T"


def wake_holder(database: Path) -> int | None:
    """Let the process go on that holds the write lock of this database in WAL mode and was stopped; its id, or None.

    One that runs, or is another user's, is left alone.
    """
    shared = Path(f"{database}-shm")
    with contextlib.suppress(OSError, ValueError):
        pid = _find_holder(shared)
        if pid is not None and _is_stopped(pid) and _has_open(pid, shared):
            os.kill(pid, signal.SIGCONT)
            log.warning("process %d was stopped while it wrote to %s, and held up all others: woke it", pid, database)
            return pid
    return None


def _find_holder(shared: Path) -> int | None:
    """The process with the write lock, by the kernel's list. Opening the file to ask would end our own locks on it."""
    inode = str(shared.stat().st_ino)
    for line in _LOCKS.read_text().splitlines():
        # 1: POSIX  ADVISORY  WRITE 708 fe:00:1234 120 120
        words = line.split()
        if len(words) == 8 and words[1] == "POSIX" and words[3] == "WRITE" and words[5].rpartition(":")[2] == inode:
            first, last = int(words[6]), int(words[7]) if words[7].isdigit() else _WRITE_LOCK
            if first <= _WRITE_LOCK <= last and int(words[4]) > 0:
                return int(words[4])
    return None


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == _STOPPED


def _has_open(pid: int, shared: Path) -> bool:
    """Whether it is that very file: inodes of two file systems may have one number."""
    wanted = shared.stat()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found = path.stat()
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                return True
    return False
