"""The worker's side of the keeper: start sessions, find them again, watch, stop and settle them."""

import contextlib
import errno
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

from gastown import clock
from gastown.errors import Bug, Conflict, Invalid, Refused, Unavailable
from gastown.runtimes import session_facts as facts
from gastown.runtimes import session_wire as wire
from gastown.runtimes.base import CommandMissing
from gastown.runtimes.session_facts import boot_id as boot_id
from gastown.runtimes.session_facts import boot_seconds as boot_seconds
from gastown.runtimes.session_facts import process_start as process_start

SOCKET_NAME = "keeper.sock"
SOCKET_PATH_BYTES = 100  # the kernel's limit is 108 on Linux and 104 on macOS
START_SECONDS = 45.0  # above the keeper's own limit for a slow exec, so that its answer is the one that counts
ZYGOTE_SECONDS = 10.0
LEFTOVER_SECONDS = 2.0  # what a dead keeper left running gets this long to obey TERM, and again to obey KILL
MISSING = {errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.ENOEXEC, errno.ELOOP}
SHORTAGE = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.ETIMEDOUT}


class KeeperUnavailable(Unavailable):
    """The process that starts sessions does not answer."""


class SessionNotStarted(Refused):
    """The keeper could not start the agent: working folder, input file or logs."""


class SessionEnded(Conflict):
    """The session of this folder has run already; a new run needs a new folder."""


class SessionLost(Conflict):
    """The session of this folder ran under a keeper that died; settle it before anything else."""


class SessionAlive(Conflict):
    """A keeper still holds the session of this folder."""


class ExitReason(StrEnum):
    """Why a session is over."""

    EXITED = "exited"  # the agent ended by itself
    STOPPED = "stopped"  # somebody asked for it
    GRACE = "grace"  # nobody renewed the deadline
    UNSTARTED = "unstarted"  # it was counted, and its worker died before it began
    LOST = "lost"  # its keeper was killed or the machine went down; the exit status is unknown


LIMITS = wire.LIMITS
REASONS = {str(reason): reason for reason in ExitReason}


@dataclass(frozen=True)
class SessionSpec:
    """What to run in a session folder, which must exist and must never have been used for another run."""

    dir: Path
    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str] = field(repr=False)
    """The agent's whole environment; it goes over the socket and is written nowhere."""
    stdin: Path | None = None
    grace_s: float = 600.0
    """How long the session lives on after the last sign of a worker."""
    kill_after_s: float = 10.0
    """Time between TERM and KILL when it is stopped."""
    lock: Path | None = None
    """Held by the session's keeper for as long as it lives: of all sessions that name it, one runs at a time."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """What the agent may use, by names of `LIMITS`."""


@dataclass(frozen=True)
class SessionProcess:
    """A running session, named so that a reused pid cannot be mistaken for it."""

    dir: Path
    keeper_pid: int
    keeper_start: int
    """Clock ticks since boot."""
    agent_pid: int
    agent_start: int
    boot_id: str
    existing: bool = False
    """Whether a start found the session running already."""


@dataclass(frozen=True)
class SessionExit:
    """How a session ended; exactly one of `code` and `signal` is set unless the status is unknown."""

    code: int | None
    signal: int | None
    reason: ExitReason
    ended_at: float
    """Epoch seconds."""
    note: str = ""
    """The reason given to `stop`."""


def ensure_zygote(run_dir: Path, *, timeout_s: float = ZYGOTE_SECONDS) -> Path:
    """Answer the socket where sessions are started; start its process when nobody listens there."""
    path = run_dir / SOCKET_NAME
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        raise Invalid(f"the socket path {path} is too long", hint="Use a run folder with a shorter path.")
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = run_dir.stat()
    if state.st_uid != os.getuid() or state.st_mode & 0o077:
        raise Refused(f"{run_dir} is open to other users", hint=f"Run: chmod 700 {run_dir}")
    until = clock.monotonic() + timeout_s
    while _ping(path) is None:
        if clock.monotonic() > until:
            raise KeeperUnavailable(f"no keeper answers on {path}", hint=f"Its log is {path.with_suffix('.log')}.")
        _spawn_zygote(path, timeout_s)
    return path


def end_zygote(run_dir: Path) -> bool:
    """End the process that starts sessions, and no session; False when there was none."""
    answer = _ping(run_dir / SOCKET_NAME)
    if answer is None:
        return False
    pid, start = _number(answer, "pid"), _number(answer, "start")
    return signal_process(pid, start, signal.SIGTERM)


def start(path: Path, spec: SessionSpec) -> SessionProcess:
    """Run the agent in its session folder; return once its command was executed.

    Safe to repeat: a folder whose session runs answers that session. Refuses a folder whose session is over, and a
    command that cannot be executed.
    """
    request = {
        "op": "start",
        "dir": os.path.abspath(spec.dir),
        "argv": list(spec.argv),
        "cwd": os.path.abspath(spec.cwd),
        "env": dict(spec.env),
        "stdin": None if spec.stdin is None else os.path.abspath(spec.stdin),
        "grace_s": spec.grace_s,
        "kill_after_s": spec.kill_after_s,
        "lock": None if spec.lock is None else os.path.abspath(spec.lock),
        "limits": dict(spec.limits),
    }
    try:
        answer = _ask(path, request)
    except OSError:
        # Nobody listens, or the answer was lost on the way; the second answer tells what the first ask did.
        ensure_zygote(path.parent)
        try:
            answer = _ask(path, request)
        except OSError as error:
            raise KeeperUnavailable(f"the keeper on {path} does not answer: {error}") from error
    return _process(spec.dir, answer) if answer.get("ok") is True else _refuse(spec, answer)


def find(folder: Path) -> SessionProcess | None:
    """The session that runs in this folder, whoever started it; None when no keeper holds it."""
    card = facts.read_json(os.fspath(folder / "keeper.json"))
    if card is None:
        return None
    process = _process(folder, card)
    return process if is_alive(process) else None


def is_alive(process: SessionProcess) -> bool:
    """Whether the session's keeper still runs; while it does, its exit is not known yet."""
    return process.boot_id == facts.boot_id() and facts.process_start(process.keeper_pid) == process.keeper_start


def read_exit(folder: Path) -> SessionExit | None:
    """How the session of this folder ended; None while it runs, or when nobody settled it after its keeper died."""
    path = folder / "exit.json"
    ending = facts.read_json(os.fspath(path))
    if ending is None:
        return None
    code, number, ended_at = ending.get("code"), ending.get("signal"), ending.get("ended_at")
    return SessionExit(
        code=code if isinstance(code, int) else None,
        signal=number if isinstance(number, int) else None,
        reason=REASONS.get(str(ending.get("reason")), ExitReason.LOST),
        ended_at=float(ended_at) if isinstance(ended_at, int | float) else path.stat().st_mtime,
        note=str(ending.get("note", "")),
    )


def pidfd(process: SessionProcess) -> int | None:
    """A descriptor that becomes readable when the session is over; None when it is over, or the system has none."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        fd = os.pidfd_open(process.keeper_pid)
    except OSError:
        return None
    if is_alive(process):
        return fd
    os.close(fd)
    return None


def wait(process: SessionProcess, timeout_s: float, wake_fd: int | None = None) -> bool:
    """Wait until the session is over; False when the time is up or `wake_fd` became readable first."""
    until = clock.monotonic() + timeout_s
    fd = pidfd(process)
    try:
        while is_alive(process):
            left = until - clock.monotonic()
            poll = select.poll()
            for watched in (fd, wake_fd):
                if watched is not None:
                    poll.register(watched, select.POLLIN)
            ready = poll.poll(max(0.0, left if fd is not None else min(left, 0.2)) * 1000)
            if left <= 0 or any(number == wake_fd for number, _ in ready):
                break
    finally:
        if fd is not None:
            os.close(fd)
    return not is_alive(process)


def stop(process: SessionProcess, reason: str = "") -> bool:
    """Ask the keeper to end the session: TERM, then KILL after its `kill_after_s`; False when it is over already."""
    number = signal.SIGUSR1
    try:
        facts.write_text(os.fspath(process.dir / "stop"), reason)
    except OSError:
        number = signal.SIGTERM  # a full disk keeps the reason out, not the order
    return signal_process(process.keeper_pid, process.keeper_start, number) if is_alive(process) else False


def touch_deadline(folder: Path, grace_s: float) -> None:
    """Let the session go on for `grace_s` seconds from now; its worker calls this at every heartbeat."""
    with _disk(folder):
        facts.write_deadline(os.fspath(folder), grace_s)


def settle(folder: Path) -> SessionExit | None:
    """Close a session whose keeper died without a word: end what runs of it, and record that it was lost.

    Answers the recorded exit when there is one, None when the session was never started. Refuses while a keeper lives.
    """
    with _disk(folder):
        lock = facts.lock_file(os.fspath(folder / "keeper.lock"))
        if lock is None:
            raise SessionAlive(f"the session in {folder} is still kept")
        try:
            if read_exit(folder) is None and (folder / "keeper.json").exists():
                _end_leftovers(folder)
                ending = {"code": None, "signal": None, "reason": str(ExitReason.LOST)}
                facts.write_exit(os.fspath(folder), {**ending, "ended_at": clock.now().timestamp()})
        finally:
            os.close(lock)
    return read_exit(folder)


def _end_leftovers(folder: Path) -> None:
    until = clock.monotonic() + LEFTOVER_SECONDS
    number = signal.SIGTERM
    while left := _leftovers(folder):
        for pid, started in left:
            signal_process(pid, started, number)
        if clock.monotonic() > until:
            if number == signal.SIGKILL:
                raise KeeperUnavailable(f"{len(left)} processes of {folder} do not end")
            number, until = signal.SIGKILL, until + LEFTOVER_SECONDS
        time.sleep(0.05)


def _leftovers(folder: Path) -> list[tuple[int, int]]:
    """Processes whose environment names this session folder, with their start times."""
    mark = b"\0" + f"{wire.DIR_VARIABLE}=".encode() + os.fsencode(os.path.abspath(folder)) + b"\0"
    found = []
    for entry in Path("/proc").glob("[0-9]*") if facts.LINUX else ():
        started = facts.process_start(int(entry.name))
        with contextlib.suppress(OSError):
            if started is not None and mark in b"\0" + (entry / "environ").read_bytes():
                found.append((int(entry.name), started))
    return found


def _spawn_zygote(path: Path, timeout_s: float) -> None:
    script = Path(facts.__file__).with_name("keeper.py")
    command = [sys.executable, "-I", "-S", os.fspath(script), os.fspath(path), "--detach"]
    # Nothing of the worker's environment: every keeper of every session inherits this one.
    env = {"PATH": os.defpath, "LANG": "C.UTF-8"}
    null = subprocess.DEVNULL
    try:
        with path.with_suffix(".log").open("ab") as log:
            subprocess.run(command, stdin=null, stdout=null, stderr=log, env=env, timeout=timeout_s, check=True)
    except (subprocess.SubprocessError, OSError) as error:
        raise KeeperUnavailable(f"the keeper cannot be started: {error}") from error


def _ask(path: Path, request: Mapping[str, object], timeout_s: float = START_SECONDS) -> dict[str, object]:
    """Send one request; OSError when nobody listens or no whole answer came in time."""
    until, data = clock.monotonic() + timeout_s, bytearray()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        connection.connect(os.fspath(path))
        connection.sendall(json.dumps(request).encode() + b"\n")
        while not data.endswith(b"\n"):
            connection.settimeout(max(0.001, until - clock.monotonic()))
            part = connection.recv(65536)
            if not part:
                raise ConnectionResetError(errno.ECONNRESET, "the keeper hung up")
            data += part
    answer = json.loads(data)
    if not isinstance(answer, dict):
        raise Bug(f"the keeper on {path} answers something else than an object")
    return answer


def _ping(path: Path) -> dict[str, object] | None:
    try:
        return _ask(path, {"op": "ping"}, timeout_s=5.0)
    except OSError:
        return None


def _process(folder: Path, card: Mapping[str, object]) -> SessionProcess:
    return SessionProcess(
        dir=folder,
        keeper_pid=_number(card, "keeper_pid"),
        keeper_start=_number(card, "keeper_start"),
        agent_pid=_number(card, "agent_pid"),
        agent_start=_number(card, "agent_start"),
        boot_id=str(card.get("boot_id")),
        existing=card.get("existing") is True,
    )


def _number(card: Mapping[str, object], name: str) -> int:
    value = card.get(name)
    return value if isinstance(value, int) else -1


def _refuse(spec: SessionSpec, answer: Mapping[str, object]) -> NoReturn:
    stage, code, detail = answer.get("error"), answer.get("errno"), answer.get("detail")
    match stage:
        case "ended":
            raise SessionEnded(f"the session in {spec.dir} has ended already")
        case "lost":
            raise SessionLost(f"the session in {spec.dir} lost its keeper")
        case "command" if code in MISSING:
            raise CommandMissing(
                f"cannot run {spec.argv[0]}: {detail}", hint="Install it on this host, or put it on the worker's PATH."
            )
        case _ if stage == "busy" or code in SHORTAGE:
            raise KeeperUnavailable(f"the session cannot be started now: {detail or stage}")
        case _:
            raise SessionNotStarted(f"the session in {spec.dir} cannot be started: {stage}: {detail}")


def signal_process(pid: int, started: int, number: int) -> bool:
    """Send a signal to the process with this pid and start time, and to no successor of its pid."""
    if not hasattr(os, "pidfd_open"):
        if facts.process_start(pid) != started:
            return False
        os.kill(pid, number)
        return True
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if facts.process_start(pid) != started:
            return False
        signal.pidfd_send_signal(fd, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)
    return True


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KeeperUnavailable(f"cannot write in {folder}: {error.strerror}") from error
