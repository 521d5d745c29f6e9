"""Locks between our own processes round a repository, and the removal of locks that killed git processes left."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from gastown import clock
from gastown.git.errors import RepositoryBusy

_FIRST_PAUSE_S = 0.002
_LONGEST_PAUSE_S = 0.05


@contextlib.contextmanager
def exclusive(path: Path, *, timeout_s: float = 60.0) -> Iterator[int]:
    """Hold the file `path` locked against threads and processes of this host; yields the lock's file descriptor.

    A command that inherits the descriptor keeps the lock while it lives, even when we are killed: whoever gets the
    lock next knows that no such command runs any more. Raises `RepositoryBusy` after `timeout_s`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, path, clock.monotonic() + timeout_s)
        yield descriptor
    finally:
        os.close(descriptor)  # not LOCK_UN: that would also free it for a command that still holds it


def _take(descriptor: int, path: Path, deadline: float) -> None:
    pause = _FIRST_PAUSE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if clock.monotonic() > deadline:
                raise RepositoryBusy(
                    f"{path} is held by another process", hint="Try again when the other git command has ended."
                ) from None
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_S)


def is_at_work(folder: Path) -> bool:
    """Whether a git of this host works under `folder` now, as far as this user may see: its locks are its own.

    An agent's commit may wait for an editor for as long as it likes, with its lock held and its file closed.
    """
    inside = os.fsencode(folder.resolve()) + b"/"
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if not (process / "comm").read_bytes().startswith(b"git"):
                continue
            places = [os.fsencode(os.readlink(process / "cwd")), *(process / "environ").read_bytes().split(b"\0")]
            if any(inside in place + b"/" for place in places):
                return True
    return False


def remove_stale_locks(repo: Path, *, older_than_s: float) -> list[Path]:
    """Remove lock files of git under the git directory `repo` that are older than any command may live; return them.

    Call it only while holding what keeps other writers out of the repository: age is the sole proof that it asks for.
    """
    before = clock.now().timestamp() - older_than_s
    removed = []
    for folder, subfolders, files in os.walk(repo):
        if os.path.basename(folder) == "objects":
            subfolders[:] = [name for name in subfolders if len(name) != 2]  # loose objects are never locked
        for name in files:
            if name.endswith(".lock") and _remove_if_older(Path(folder, name), before):
                removed.append(Path(folder, name))
    return sorted(removed)


def _remove_if_older(path: Path, before: float) -> bool:
    try:
        if path.lstat().st_mtime >= before:
            return False
        path.unlink()
    except FileNotFoundError:
        return False
    return True
