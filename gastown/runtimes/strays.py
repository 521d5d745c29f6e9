"""An agent's processes as the machine shows them: to halt them, and to find those that no record leads to."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from gastown import clock
from gastown.runtimes import host
from gastown.runtimes import session_facts as facts
from gastown.runtimes import session_wire as wire

HALT_ROUNDS = 20


def halt(process: host.SessionProcess) -> None:
    """Let nothing of the session run, and keep all of it in memory; its keeper stays awake. Safe twice."""
    if not facts.LINUX:
        os.killpg(process.agent_pid, signal.SIGSTOP)
        return
    seen: set[int] = set()
    for _ in range(HALT_ROUNDS):  # what is halted forks no more, so that this ends unless they fork faster than we look
        found = set(facts.descendants(process.keeper_pid)) if host.is_alive(process) else set()
        for pid in found - seen:
            _signal_if_there(pid, signal.SIGSTOP)
        if found <= seen:
            return
        seen |= found


def let_go(process: host.SessionProcess) -> None:
    """Let a halted session go on. Safe twice."""
    if not facts.LINUX:
        os.killpg(process.agent_pid, signal.SIGCONT)
        return
    for pid in facts.descendants(process.keeper_pid) if host.is_alive(process) else ():
        _signal_if_there(pid, signal.SIGCONT)


def _signal_if_there(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def list_running(root: Path) -> dict[Path, list[tuple[int, int]]]:
    """Agents' processes by the session folder under `root` that their environment names: (pid, start time).

    It does not ask the folders, which may have been deleted.
    """
    prefix = f"{wire.DIR_VARIABLE}=".encode() + os.fsencode(os.path.abspath(root)) + b"/"
    found: dict[Path, list[tuple[int, int]]] = {}
    for entry in Path("/proc").glob("[0-9]*") if facts.LINUX else ():
        started = facts.process_start(int(entry.name))
        with contextlib.suppress(OSError):
            environ = (entry / "environ").read_bytes().split(b"\0") if started is not None else []
            for pair in environ:
                if pair.startswith(prefix) and started is not None:
                    folder = Path(os.fsdecode(pair.partition(b"=")[2]))
                    found.setdefault(folder, []).append((int(entry.name), started))
    return found


def end_all_below(root: Path) -> int:
    """End every agent's process whose session folder is under `root`; their keepers then end by themselves."""
    return _end(root, lambda: [known for processes in list_running(root).values() for known in processes])


def end_all_in(folder: Path) -> int:
    """End every agent's process of one session folder."""
    return _end(folder, lambda: list_running(folder.parent).get(folder, []))


def _end(root: Path, find: Callable[[], list[tuple[int, int]]]) -> int:
    until = clock.monotonic() + host.LEFTOVER_SECONDS
    ended: set[tuple[int, int]] = set()
    number = signal.SIGTERM
    while left := find():
        for pid, started in left:
            host.signal_process(pid, started, number)
        ended |= set(left)
        if clock.monotonic() > until:
            if number == signal.SIGKILL:
                raise host.KeeperUnavailable(f"{len(left)} processes of {root} do not end")
            number, until = signal.SIGKILL, until + host.LEFTOVER_SECONDS
        time.sleep(0.05)
    return len(ended)
