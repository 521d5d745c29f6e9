"""The town's processes, as the system sees them: found by number and start time, so that nobody else is hit."""

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process, as it was when it was seen."""

    pid: int
    parent: int
    start: int
    """Clock ticks since boot."""
    name: str


def look_at(pid: int) -> Process | None:
    """The process with this number, unless it is gone or only waits to be reaped."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The name is in brackets and may hold brackets and spaces itself.
    name = text[text.index("(") + 1 : text.rindex(")")]
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else Process(pid, int(fields[1]), int(fields[19]), name)


def list_all() -> Iterator[Process]:
    """Every process of this machine."""
    for entry in os.scandir(_PROC):
        if entry.name.isdigit() and (found := look_at(int(entry.name))) is not None:
            yield found


def children_of(pids: set[int]) -> list[Process]:
    """The processes that these started and that still run."""
    return [process for process in list_all() if process.parent in pids]


def send(process: Process, number: signal.Signals) -> bool:
    """Signal this very process; False when it is gone."""
    with contextlib.suppress(OSError):
        descriptor = os.pidfd_open(process.pid)
        try:
            now = look_at(process.pid)
            if now is not None and now.start == process.start:
                signal.pidfd_send_signal(descriptor, number)
                return True
        finally:
            os.close(descriptor)
    return False
