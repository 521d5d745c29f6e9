"""Become one of the town's processes; standard library only, run as `python -I -S launch.py NAME` by the supervisor.

Or called in a fork of the supervisor (`supervisord.py`). Two things hold from here until the process ends, whatever it
becomes: it has the lock that says that NAME runs (so that no crash can leave two Redis servers on one file), and it is
asked to stop when the supervisor dies.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import sys
from collections.abc import Mapping
from typing import Any

PR_SET_PDEATHSIG = 1
LOCKED = 75  # exit code: another process of this name still runs


def main(name: str) -> int:  # noqa: RET503 - exec does not return
    """Become it in an interpreter, or a program, of its own; returns only when that cannot be done."""
    order = take_place(name, os.environ)
    if order is None:
        return LOCKED
    os.execve(order["argv"][0], order["argv"], os.environ)  # noqa: S606 - no shell is the point


def take_place(name: str, given: Mapping[str, str]) -> dict[str, Any] | None:
    """Take the lock, arrange for the end, and take up place and environment; the order, or None where it is locked."""
    parent = os.getppid()
    folder = given["GASTOWN_SERVICES"]
    with open(os.path.join(folder, "processes.json"), encoding="utf-8") as file:
        order: dict[str, Any] = json.load(file)[name]
    lock = os.open(os.path.join(folder, f"{name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write(f"{name} of an earlier start still runs as process {os.read(lock, 20).decode()}\n")
        return None
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    os.set_inheritable(lock, True)
    die_with(parent)
    allow_files(order["open_files"])
    os.chdir(order["cwd"])
    os.umask(0o077)
    ours = ("SUPERVISOR_", "GASTOWN_LAUNCH", "GASTOWN_SERVICES", "GASTOWN_SUPERVISOR", "SPT_NOENV")
    kept = {key: value for key, value in given.items() if not key.startswith(ours)}
    os.environ.clear()
    os.environ.update({**kept, **order["env"]})
    return order


def allow_files(wanted: int) -> None:
    """Raise the limit of open files to what is wanted, or to the hard limit; never lower it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and allowed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def die_with(parent: int) -> None:
    """Have the kernel send SIGTERM when the parent ends; where it cannot, the lock is what `gt up` finds."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it ended before we asked
        sys.exit("the supervisor is gone")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
