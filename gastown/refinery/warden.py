"""The parent of a gate's command: inherits whatever that leaves behind, and ends all of it before it ends itself.

Run by path in an interpreter of its own (`python -I -S warden.py MEMORY_MB GRACE_S WORDS...`), with nothing but the
standard library. A daemon may leave its group, its session, its folder and its environment; not its descent.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LOOK_S = 0.02
# What cannot be ended in this time is stuck in the kernel.
_LAST_S = 5.0


def main(words: list[str]) -> None:
    """Run the command of `words`, forward SIGTERM to all of it, and end as it ended."""
    memory_mb, grace_s, command = int(words[0]), float(words[1]), words[2:]
    # Held back until there is somebody to forward it to.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    _inherit_orphans()
    child = os.fork()
    if not child:
        _become(command, memory_mb)
    status = _watch(child, grace_s)
    _end_all()
    _end_as(status)


def _inherit_orphans() -> None:
    """And hear of the death of the runner, whose gate then is nobody's."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _become(command: list[str], memory_mb: int) -> None:
    try:
        os.setsid()
        # Python ignores these two from its start, and what is ignored stays so in the command: its pipes never break.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory_mb:
            resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
        os.execvp(command[0], command)  # noqa: S606 - the shell is the command
    except OSError as error:
        os.write(2, f"gastown-gate: 0: {command[0]}: cannot execute: {error}\n".encode())
    finally:
        os._exit(126)


def _watch(child: int, grace_s: float) -> int:
    """The command's exit status; once we are told to stop, it has `grace_s` seconds to end by itself."""
    kill_at = 0.0
    while True:
        status = _reap(child)
        if status is not None:
            return status
        left = max(0.0, kill_at - time.monotonic()) if kill_at else 3600.0
        said = signal.sigtimedwait({signal.SIGTERM, signal.SIGCHLD}, left)
        if said is None and kill_at:
            os.kill(child, signal.SIGKILL)
            kill_at = time.monotonic() + _LAST_S
        elif said is not None and said.si_signo == signal.SIGTERM and not kill_at:
            kill_at = time.monotonic() + grace_s
            _signal_all(signal.SIGTERM)


def _reap(child: int) -> int | None:
    """Collect the dead; the command's status if it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not pid:
            return found
        found = status if pid == child else found


def _end_all() -> None:
    """Kill whatever descends from us until there is nothing; orphans of those that die become ours."""
    until = time.monotonic() + _LAST_S
    while _has_children() and time.monotonic() < until:
        _signal_all(signal.SIGKILL)
        time.sleep(_LOOK_S)


def _has_children() -> bool:
    """Whether somebody is left, the dead having been collected."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _signal_all(number: int) -> None:
    for pid in _descendants():
        with contextlib.suppress(OSError):  # gone, or another user's
            os.kill(pid, number)


def _descendants() -> list[int]:
    parents = dict(_parents())
    ours = {os.getpid()}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in ours} - ours
        ours |= more
        grown = bool(more)
    return sorted(ours - {os.getpid()})


def _parents() -> Iterator[tuple[int, int]]:
    """Every living process and its parent, where the kernel says so."""
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return
    for name in names:
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except OSError:
            continue
        if state != b"Z":
            yield int(name), int(parent)


def _end_as(status: int) -> None:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        os._exit(code)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if -code not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
    os._exit(128 - code)


if __name__ == "__main__":
    main(sys.argv[1:])
