"""Processes that belong to a folder, and their end, whatever became of their parents."""

import contextlib
import os
import signal
import time
from pathlib import Path


def processes_of(folder: Path) -> list[int]:
    """Processes with `folder`, or something in it, as an argument, in their environment, or as their place of work."""
    name = os.fsencode(folder)
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command, environ = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            place = os.readlink(os.fsencode(entry / "cwd"))  # Redis writes its title over both of the others
        except OSError:
            continue
        fields = [place, *command.split(b"\0"), *(pair.partition(b"=")[2] for pair in environ.split(b"\0"))]
        if any(value == name or value.startswith(name + b"/") for value in fields):
            found.append(int(entry.name))
    return found


def end_processes_of(folder: Path, within_s: float = 20) -> None:
    """SIGKILL what belongs to the folder until nothing does."""
    deadline = time.monotonic() + within_s
    while (left := processes_of(folder)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
