"""Running one shell command of the user's: bounded in time and output, in its own process group, without secrets."""

import contextlib
import os
import platform
import selectors
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from gastown import clock
from gastown.refinery.masking import Mask
from gastown.refinery.verdicts import SHELL_NAME, Ended

LOG_LIMIT_BYTES = 20_000_000
# What is kept in memory of the output's end, for the verdict.
KEPT_BYTES = 1_000_000
# How often a running command's deadline, lease and stop sign are looked at.
LOOK_S = 0.5
TERM_GRACE_S = 3.0
# What the warden may take besides, to kill what did not end by itself.
WARDEN_GRACE_S = 6.0
LARGEST_PIPE_BYTES = 1 << 20
# Marks every process of a gate, also those that left its process group; the value is the slot's path.
MARK = "GASTOWN_GATE_SLOT"
_WARDEN = Path(__file__).with_name("warden.py")

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class Stopped(Exception):
    """The run's lease was lost or its worker stops: what the command did counts for nothing."""


@dataclass(frozen=True)
class Shell:
    """Where and as what commands run."""

    folder: Path
    home: Path
    temp: Path
    slot: Path
    environment: Mapping[str, str]
    """Of this process; only a short list of it is passed on."""
    allowed: Sequence[str] = ()
    """Names of more variables of it that are passed on."""
    told: Mapping[str, str] = field(default_factory=dict)
    """What the command is told besides."""

    def secrets(self) -> list[str]:
        """Values that are passed on and may appear in no log."""
        return [self.environment[name] for name in self.allowed if name in self.environment]

    def variables(self) -> dict[str, str]:
        """A gate's whole environment: never a database's or Redis's address, nor anybody's keys."""
        passed = {name: self.environment[name] for name in _PASSED_ON if name in self.environment}
        for name in (*_PROXIES, *(name.upper() for name in _PROXIES)):
            value = self.environment.get(name)
            if value and "@" not in value:  # a proxy's password is a secret too
                passed[name] = value
        passed |= {name: self.environment[name] for name in self.allowed if name in self.environment}
        # A person's `bd`, tested by a gate, must leave no process behind that serves the next gate.
        passed["GASTOWN_RESIDENT"] = "off"
        own = {"HOME": self.home, "TMPDIR": self.temp, MARK: self.slot, "PWD": self.folder}
        return {"LANG": "C.UTF-8", "CI": "1", **passed, **self.told, **{name: str(path) for name, path in own.items()}}


class _Output:
    """The log file up to its limit, and the end of the output in memory."""

    def __init__(self, log: BinaryIO, mask: Mask) -> None:
        self.log = log
        self.mask = mask
        self.written = log.tell()  # by earlier commands that write into the same log
        self.left_out = 0
        self.kept: deque[bytes] = deque()
        self.kept_bytes = 0

    def take(self, chunk: bytes) -> None:
        self._keep(self.mask.take(chunk))

    def _keep(self, chunk: bytes) -> None:
        room = max(0, LOG_LIMIT_BYTES - self.written)
        if room:
            self.log.write(chunk[:room])
        self.written += min(room, len(chunk))
        self.left_out += max(0, len(chunk) - room)
        self.kept.append(chunk)
        self.kept_bytes += len(chunk)
        while self.kept and self.kept_bytes - len(self.kept[0]) >= KEPT_BYTES:
            self.kept_bytes -= len(self.kept.popleft())

    def finish(self) -> str:
        self._keep(self.mask.rest())
        end = b"".join(self.kept)
        if self.left_out and self.log.tell() < LOG_LIMIT_BYTES + KEPT_BYTES:  # more than once where it is written on
            self.log.write(f"\n[... {self.left_out} bytes left out; the end follows ...]\n".encode())
            self.log.write(end[-min(self.left_out, 65536) :])
        self.log.flush()
        return end.decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Limits:
    """What one command may use."""

    timeout_s: float
    memory_mb: int | None = None
    """Address space of each of its processes."""


def run(
    shell: Shell, command: str, *, log: Path, limits: Limits, given_up: Callable[[], bool], more: bool = False
) -> Ended:
    """Run `command` with `sh -c`; whatever it left running is killed before this returns.

    The log is written anew, or on with `more`. Raises `Stopped` as soon as `given_up()` says so, and OSError where the
    command cannot be started or logged.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    deadline = clock.monotonic() + limits.timeout_s
    with log.open("ab" if more else "wb") as file:
        output = _Output(file, Mask(shell.secrets()))
        process = subprocess.Popen(
            _words(command, limits),
            cwd=shell.folder,
            env=shell.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            timed_out = _follow(process, output, deadline, given_up)
        finally:
            end_group(process)
            sweep(shell.slot)
            if process.stdout is not None:
                process.stdout.close()
        code = None if timed_out else process.returncode
        return Ended(code, output.finish(), timed_out)


def _words(command: str, limits: Limits) -> list[str]:
    plain = ["sh", "-c", command, SHELL_NAME]
    if platform.system() == "Linux":
        return [sys.executable, "-I", "-S", str(_WARDEN), str(limits.memory_mb or 0), str(TERM_GRACE_S), *plain]
    if limits.memory_mb is None:
        return plain
    return [
        "sh",
        "-c",
        'ulimit -v "$1" || exit 126; shift; exec "$@"',
        SHELL_NAME,
        str(limits.memory_mb * 1024),
        *plain,
    ]


def _follow(process: "subprocess.Popen[bytes]", output: _Output, deadline: float, given_up: Callable[[], bool]) -> bool:
    """Read until the command has ended; True when its time was over before."""
    assert process.stdout is not None
    for chunk in _read(process, process.stdout.fileno()):
        if chunk:
            output.take(chunk)
        if given_up():
            raise Stopped
        if clock.monotonic() > deadline:
            return True
    return False


def _read(process: "subprocess.Popen[bytes]", pipe: int) -> Iterator[bytes]:
    """Chunks of output, and b"" at least twice a second; ends when the command has ended or closed its output."""
    with selectors.DefaultSelector() as selector:
        os.set_blocking(pipe, False)
        selector.register(pipe, selectors.EVENT_READ)
        left = LARGEST_PIPE_BYTES
        while left > 0:
            # Looked at before the read: what the command wrote before it ended is then in the pipe already.
            over = process.poll() is not None
            ready = selector.select(0 if over else LOOK_S)
            chunk = os.read(pipe, 65536) if ready else b""
            if ready and not chunk:
                break  # closed; the command itself may go on without output
            if over and not ready:
                return
            left -= len(chunk) if over else 0  # something it left behind may write for ever
            yield chunk
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_S)
        yield b""


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """End the warden, which ends all that the command started, kindly first; and reap it.

    Where there is none, this is the command's own process group.
    """
    if process.poll() is None:
        _signal(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(TERM_GRACE_S + WARDEN_GRACE_S)
    _signal(process.pid, signal.SIGKILL)
    process.wait()


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def sweep(slot: Path) -> int:
    """Kill what earlier commands in `slot` left running, wherever it moved itself; call it only while holding the slot.

    Linux only: elsewhere the process group is all we know.
    """
    mark = f"{MARK}={slot}".encode()
    killed = 0
    for entry in Path("/proc").glob("[0-9]*") if Path("/proc/self/environ").exists() else ():
        pid = int(entry.name)
        try:
            if pid == os.getpid() or mark not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            os.kill(pid, signal.SIGKILL)
        except OSError:  # gone, or another user's
            continue
        killed += 1
    return killed
