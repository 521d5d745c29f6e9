"""What is known about a session from outside it: its processes in /proc and the files in its folder.

Standard library only, and no other module of gastown: the keeper loads this file by its path.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from _thread import get_ident

RESERVED_BYTES = 2048  # blocks held for exit.json, so that a full disk cannot lose the exit status
LINUX = sys.platform == "linux"


def boot_id() -> str:
    """Name this boot of the machine; the empty string where the system has no such name."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def boot_seconds() -> float:
    """Seconds since boot, suspended time included where the system can tell."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def read_stat(pid: int) -> tuple[str, int, int, int] | None:
    """State letter, parent, start time (clock ticks since boot) and group of a process; None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b") ")[2].split()
        return fields[0].decode(), int(fields[1]), int(fields[19]), int(fields[2])
    except (OSError, IndexError):
        return None


def process_start(pid: int) -> int | None:
    """Start time of a live process in clock ticks since boot; None when it is gone or only a zombie.

    Without /proc the answer is 0 for any process that exists: there a reused pid is not noticed.
    """
    if LINUX:
        stat = read_stat(pid)
        return None if stat is None or stat[0] in "ZX" else stat[2]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return 0


def descendants(root: int) -> list[int]:
    """Live processes below `root`, from the parent links in /proc; empty where there is no /proc."""
    return [pid for pid, _ in _below(root) if process_start(pid) is not None]


def groups_below(root: int) -> set[int]:
    """The process groups below `root`. A signal to a group also reaches what is forked while we look."""
    return {group for _, group in _below(root)}


def _below(root: int) -> list[tuple[int, int]]:
    children: dict[int, list[tuple[int, int]]] = {}
    for name in os.listdir("/proc") if LINUX else []:
        stat = read_stat(int(name)) if name.isdigit() else None
        if stat is not None:
            children.setdefault(stat[1], []).append((int(name), stat[3]))
    found, queue = [], [root]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += [pid for pid, _ in below]
    return found


def read_json(path: str) -> dict[str, object] | None:
    """Parse a small JSON object from a file; None when it is missing or not one."""
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def write_text(path: str, text: str) -> None:
    """Replace a file atomically for readers; not synced, since it means nothing after a reboot."""
    partial = f"{path}.{os.getpid()}-{get_ident()}.new"
    with open(partial, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
    os.rename(partial, path)


def reserve_exit(folder: str) -> None:
    """Hold the disk blocks that `write_exit` will need."""
    with open(os.path.join(folder, "exit.json.new"), "wb") as file:
        file.write(b" " * RESERVED_BYTES)


def write_exit(folder: str, ending: dict[str, object]) -> None:
    """Record durably how a session ended, in place of the reserved file where there is one."""
    partial = os.path.join(folder, "exit.json.new")
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.pwrite(fd, json.dumps(ending).ljust(RESERVED_BYTES).encode(), 0)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(partial, os.path.join(folder, "exit.json"))


def write_deadline(folder: str, grace_s: float) -> None:
    """Let the session in `folder` go on for `grace_s` seconds from now without another sign of its worker."""
    write_text(os.path.join(folder, "deadline"), f"{boot_seconds() + grace_s:.3f} {boot_id()}\n")


def read_deadline(folder: str) -> float | None:
    """The boot clock reading at which the session may be ended; None when none of this boot was written."""
    try:
        with open(os.path.join(folder, "deadline"), encoding="ascii") as file:
            text, _, boot = file.read().strip().partition(" ")
        return float(text) if boot == boot_id() else None
    except (OSError, ValueError):
        return None


def lock_file(path: str) -> int | None:
    """Take an exclusive lock that ends with this process; None when somebody else holds it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd
