"""What our code looks like on disk: whoever forks from imported code asks first whether it still is the same."""

import contextlib
import os
import sys
from collections.abc import Iterator

_PACKAGES = ("gastown", "workers", "beat")

Entry = tuple[str, int, int, int]
Look = list[Entry]
"""Path, time of the last change in ns, size and inode of each file."""


def look_of_the_code() -> Look:
    """Our packages' files, and the folders in which something may be installed beside them. A few milliseconds."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    folders = [path for name in _PACKAGES if os.path.isdir(path := os.path.join(root, name))]
    return [*(entry for folder in folders for entry in _files(folder)), *_installed(root)]


def _files(folder: str) -> Iterator[Entry]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                yield _look(entry.path, entry.stat())
            elif "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
                yield from _files(entry.path)


def _installed(root: str) -> Iterator[Entry]:
    # In a checkout's own folder only our packages are imported, and much else comes and goes there.
    is_checkout = os.path.basename(root) not in ("site-packages", "dist-packages")
    for path in (*sys.path, sys.executable):
        if is_checkout and path == root:
            continue
        with contextlib.suppress(OSError):
            yield _look(path, os.stat(path))


def _look(path: str, found: os.stat_result) -> Entry:
    return path, found.st_mtime_ns, found.st_size, found.st_ino
