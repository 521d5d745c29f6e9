"""Where tests write: in memory where the machine has enough of it, else in the temporary folder.

Nothing here has to outlive the machine, and half of a test's time on a disk is waiting for it. Benchmarks stay on disk.
"""

import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_DISK = Path("/tmp")
# A whole run of the tests writes less than half of it.
_ROOM_BYTES = 6 << 30
_RUN = "gt-tests-"


_root = _DISK


def root() -> Path:
    """The folder to make folders in; its path is short enough for sockets below it."""
    return _root


def use_memory() -> None:
    """From now on make folders in memory, if there is room."""
    global _root
    _root = _MEMORY if _has_room(_MEMORY) else _DISK


def _has_room(folder: Path) -> bool:
    try:
        found = os.statvfs(folder)
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return False
    free_kb = next((int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), 0)
    is_open = os.access(folder, os.W_OK) and not found.f_flag & os.ST_NOEXEC
    return is_open and min(found.f_bavail * found.f_frsize, free_kb * 1024 // 2) >= _ROOM_BYTES


def make(prefix: str) -> Path:
    """A new folder; whoever made it removes it."""
    return Path(tempfile.mkdtemp(prefix=prefix, dir=root()))


def begin_run() -> Path:
    """A folder for what a whole run writes, named after its process; remove what runs that were killed have left."""
    for left in root().glob(f"{_RUN}*"):
        pid = left.name.removeprefix(_RUN).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and left.stat().st_uid == os.getuid():
            shutil.rmtree(left, ignore_errors=True)
    return make(f"{_RUN}{os.getpid()}-")
