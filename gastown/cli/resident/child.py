"""A child of the resident: it takes over what the client handed on, and runs one command."""

import array
import contextlib
import io
import os
import resource
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from gastown import config
from gastown.cli.resident import client

# Longer than the client waits: it gives up by closing the channel, which ends this at once.
_GO_S = 10.0
_FDS = 5


@dataclass
class Request:
    """What a client wants to be run, and where."""

    program: str
    ignored: str
    umask: int
    argv: list[str]
    environment: list[bytes]
    streams: list[int]
    here: int
    channel: socket.socket


@dataclass
class Parcel:
    """A request as it came: its text, and the streams, the working folder and the channel."""

    body: bytes
    fds: list[int]

    @property
    def key(self) -> bytes:
        """For which resident it is."""
        return self.body.partition(b"\0")[0]

    def close(self) -> None:
        """Close its descriptors."""
        for number in self.fds:
            os.close(number)

    def pass_on(self, line: socket.socket) -> None:
        """Send it to a child of ours."""
        passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", self.fds))]
        data = len(self.body).to_bytes(4, "big") + self.body
        line.sendall(data[line.sendmsg([data], passed) :])


def receive(connection: socket.socket, patience_s: float | None) -> Parcel:
    """Read one request; OSError or ValueError when it does not come, or is none."""
    connection.settimeout(patience_s)
    space = socket.CMSG_SPACE(_FDS * 4)
    data, control, _, _ = connection.recvmsg(1 << 18, space, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
    fds = array.array("i")
    for level, kind, value in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(value[: len(value) - len(value) % fds.itemsize])
    try:
        if len(fds) != _FDS or len(data) < 4:
            raise ValueError("not a request")
        length = int.from_bytes(data[:4], "big") + 4
        if length > client.REQUEST_LIMIT + 4:
            raise ValueError("too long")
        parts = [data]
        missing = length - len(data)
        while missing > 0:
            part = connection.recv(min(missing, 1 << 20))
            if not part:
                raise ValueError("cut off")
            parts.append(part)
            missing -= len(part)
        return Parcel(b"".join(parts)[4:], list(fds))
    except BaseException:
        for number in fds:
            os.close(number)
        raise


def _parse(parcel: Parcel) -> Request:
    _, program, ignored, umask, count, *rest = parcel.body.split(b"\0")
    words = [os.fsdecode(word) for word in rest[: int(count) + 1]]
    if program not in (b"bd", b"gt"):
        raise ValueError("no program of ours")
    *streams, here, channel = parcel.fds
    environment, argv = rest[int(count) + 1 :], words
    said = (program.decode(), ignored.decode(), int(umask))
    return Request(*said, argv, environment, streams, here, socket.socket(fileno=channel))


def stand_by(line: socket.socket, rehearsal: Callable[[], None] | None) -> NoReturn:
    """Wait in this fork for a request, become the command once the client says so, and end with it.

    A rehearsal beforehand takes the time that copying the pages of memory takes which every command writes to.
    """
    try:
        os.setpgid(0, 0)
        if rehearsal is not None:
            _with_spare_time(rehearsal)
            line.send(b"r")
        request = _parse(receive(line, None))
        line.settimeout(_GO_S)
        asker = int.from_bytes(line.recv(4), "big")
        _take_over(request, asker)
        if line.recv(1) != b"Y":
            os._exit(0)
        line.close()
        channel = request.channel
        channel.settimeout(_GO_S)
        channel.send(b"R%d" % os.getpid())
        if channel.recv(1) != b"G":
            os._exit(0)
    except Exception:  # it has not begun: the client sees the channel close, and runs the command itself
        os._exit(0)
    _end(channel, _run(request))


def _with_spare_time(act: Callable[[], None]) -> None:
    """Do it only while no processor has anything better to do, where the platform can tell."""
    if not hasattr(os, "SCHED_IDLE"):
        act()
        return
    before, how = os.sched_getscheduler(0), os.sched_getparam(0)
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    act()
    os.sched_setscheduler(0, before, how)


def _run(request: Request) -> int:
    from gastown.cli.app import main

    try:
        code = main(request.program, request.argv[1:])
    except KeyboardInterrupt:
        code = 130
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:  # as the interpreter does
        with contextlib.suppress(Exception):
            sys.excepthook(*sys.exc_info())
        code = 1
    return code


def _end(channel: socket.socket, code: int) -> NoReturn:
    """Leave without the interpreter's own clearing up, after what counts of it."""
    try:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                code = 120  # the interpreter's own word for this
        with contextlib.suppress(Exception):
            config.use(None)  # closes the database: the last one to do so puts the log into the file
        # Whoever reads our output must see its end before the client is gone.
        for number in (0, 1, 2):
            os.close(number)
        channel.send(b"E%d\n" % (code & 0xFF))
    finally:
        os._exit(code & 0xFF)


def _take_over(request: Request, asker: int) -> None:
    for name in client.FORWARDED:
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in filter(None, request.ignored.split(",")):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    for number, taken in enumerate(request.streams):
        os.dup2(taken, number)
    os.fchdir(request.here)
    for number in (*request.streams, request.here):
        os.close(number)
    os.umask(request.umask)
    _take_limits(asker)
    os.environb.clear()
    os.environb.update(entry.split(b"=", 1) for entry in request.environment)  # type: ignore[misc]
    time.tzset()
    tempfile.tempdir = None
    sys.argv = request.argv
    _open_streams()


def _take_limits(asker: int) -> None:
    """The client's limits and priority; an error where they cannot be had, which leaves the command to the client."""
    if not asker or not hasattr(resource, "prlimit"):
        return
    for name in _LIMITS:
        wanted = resource.prlimit(asker, name)
        if wanted != resource.getrlimit(name):
            resource.setrlimit(name, wanted)
    nice = os.getpriority(os.PRIO_PROCESS, asker)
    if nice != os.getpriority(os.PRIO_PROCESS, 0):
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    processors = os.sched_getaffinity(asker)
    if processors != os.sched_getaffinity(0):
        os.sched_setaffinity(0, processors)


_LIMITS = sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")})


def _open_streams() -> None:
    """Streams as the interpreter makes them at its start; encodings are the resident's own, see `client.identity`."""
    unbuffered = bool(config.environment().get("PYTHONUNBUFFERED"))
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        raw: Any = io.FileIO(number, "w" if number else "r", closefd=False)
        buffer = io.BufferedReader(raw) if number == 0 else raw if unbuffered else io.BufferedWriter(raw)
        stream = _stream(number, getattr(sys, f"__{name}__"), buffer, unbuffered and number > 0)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _stream(number: int, before: Any, buffer: Any, unbuffered: bool) -> Any:
    return io.TextIOWrapper(
        buffer,
        encoding=before.encoding,
        errors=before.errors,
        newline="\n",
        line_buffering=number == 2 or (number == 1 and os.isatty(1)),
        write_through=unbuffered,
    )
