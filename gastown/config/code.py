"""What our code looks like on disk: whoever forks from imported code asks first whether it still is the same."""

import contextlib
import os
import sys
from collections.abc import Iterator

Entry = tuple[str, int, int, int]
Look = list[Entry]
"""Path, time of the last change in ns, size and inode of each file."""


def look_of_the_code() -> Look:
    """The package's files, and the folders in which something may be installed beside it. A few milliseconds."""
    top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return [*_files(top), *_installed()]


def _files(folder: str) -> Iterator[Entry]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                yield _look(entry.path, entry.stat())
            elif "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
                yield from _files(entry.path)


def _installed() -> Iterator[Entry]:
    for path in (*sys.path, sys.executable):
        with contextlib.suppress(OSError):
            yield _look(path, os.stat(path))


def _look(path: str, found: os.stat_result) -> Entry:
    return path, found.st_mtime_ns, found.st_size, found.st_ino
