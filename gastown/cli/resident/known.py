"""The residents of this user that answer."""

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from gastown.cli.resident import client


@dataclass(frozen=True)
class Known:
    """One that answered."""

    path: str
    pid: int
    memory_kb: int


def find() -> list[Known]:
    """Whoever answers on a socket of our folder."""
    found = []
    for path in sorted(Path(client.folder()).glob("resident-*.sock")):
        with contextlib.suppress(OSError), contextlib.closing(client.connect(str(path))) as connection:
            pid, _ = client.peer(connection)
            found.append(Known(str(path), pid, _memory_kb(pid)))
    return found


def stop_all(found: list[Known]) -> None:
    """Ask each to end. It answered just now, so that its number is still its own."""
    for one in found:
        if one.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGTERM)


def _memory_kb(pid: int) -> int:
    """What is this process's own, with its share of what it shares; 0 where the platform does not tell."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
