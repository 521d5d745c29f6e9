"""Temporary folders for merging, and what is done about those whose process was killed."""

import os
import shutil
import stat
import tempfile
from pathlib import Path

_PREFIX = "gastown-merge-"


def make_folder() -> "tempfile.TemporaryDirectory[str]":
    """A folder that goes with its block."""
    return tempfile.TemporaryDirectory(prefix=_PREFIX)


def sweep_folders(before: float) -> int:
    """Remove this user's folders that nobody has touched since `before` (seconds since the epoch); how many went.

    A merge takes seconds, so that an old one is of a process that was killed. What cannot be removed stays.
    """
    mine = [path for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*") if _is_left(path, before)]
    for path in mine:
        shutil.rmtree(path, ignore_errors=True)
    return sum(not path.exists() for path in mine)


def _is_left(path: Path, before: float) -> bool:
    try:
        found = path.lstat()
    except OSError:  # its process has removed it just now
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and found.st_mtime < before
