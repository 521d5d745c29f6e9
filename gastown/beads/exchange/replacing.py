"""Putting a file in the place of another: who reads it, or a crash, sees the old one or the new one."""

import contextlib
import fcntl
import filecmp
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from gastown import clock
from gastown.errors import Unavailable

_DEVICES = (Path("/dev"), Path("/dev/fd"))
_BLOCK = 1024 * 1024
_BEGINS_WITHIN_S = 60


class CannotWrite(Unavailable):
    """The file cannot be written; what was there is still there."""


def is_stream(path: Path) -> bool:
    """Whether the path leads to something that is written to and never replaced: a pipe, a terminal, /dev/stdout."""
    # These lead to a redirected file as well; what lies in /dev/shm is a file like any other.
    if path.is_relative_to("/proc") or path.parent in _DEVICES:
        return True
    try:
        return not stat.S_ISREG(path.stat().st_mode) and not path.is_dir()
    except OSError:
        return False


def stream(path: Path, lines: Iterable[str]) -> int:
    """Write to a pipe or a device; return the number of lines."""
    number = 0
    try:
        with path.open("wb") as file:
            for line in lines:
                file.write(line.encode())
                number += 1
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _cannot(path, error) from None
    return number


def replace(path: Path, lines: Iterable[str]) -> bool:
    """Give the file these lines, on disk when this returns; False when it had them, and is not touched.

    What links to the file stays a link.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not os.access(target, os.W_OK):
        raise CannotWrite(f"cannot write {path}: Permission denied", hint="Nothing was changed.")
    try:
        _sweep(target)
        with _waiting(target) as (waiting, file):
            for line in lines:
                file.write(line.encode())
            file.flush()
            if target.exists() and filecmp.cmp(waiting, target, shallow=False):
                return False
            os.fsync(file.fileno())
            waiting.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
            waiting.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise _cannot(path, error) from None
    return True


def copy(source: Path, target: Path, *, only_if: Callable[[], bool]) -> None:
    """Make `target` hold what `source` holds, if what was copied still counts then."""
    _sweep(target)
    with source.open("rb") as file, _waiting(target) as (waiting, new):
        while block := file.read(_BLOCK):
            new.write(block)
        new.flush()
        os.fsync(new.fileno())
        if only_if():
            waiting.replace(target)


def _cannot(path: Path, error: OSError) -> CannotWrite:
    return CannotWrite(f"cannot write {path}: {error.strerror}", hint="Nothing was changed.")


@contextlib.contextmanager
def _waiting(target: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file beside `target`, locked while somebody writes it, and gone afterwards unless it was renamed."""
    descriptor, name = tempfile.mkstemp(prefix=_prefix(target), suffix=".new", dir=target.parent)
    waiting = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield waiting, file
    finally:
        waiting.unlink(missing_ok=True)


def _prefix(target: Path) -> str:
    return f".{target.name}."


def _sweep(target: Path) -> None:
    """Remove what writers that were killed left behind: nobody holds its lock."""
    for path in target.parent.iterdir():
        if path.name.startswith(_prefix(target)) and path.suffix == ".new":
            with contextlib.suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found = os.fstat(file.fileno())
                # Between its making and its lock a file is empty: it may be somebody's who just began.
                if found.st_size or found.st_mtime < clock.now().timestamp() - _BEGINS_WITHIN_S:
                    path.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
