"""The supervisor of one host's processes: its configuration, starting it, talking to it over its private socket."""

import contextlib
import fcntl
import http.client
import json
import os
import shlex
import signal
import socket
import subprocess
import time
import xmlrpc.client
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gastown import clock, config
from gastown.errors import Conflict, Unavailable
from gastown.town import launch
from gastown.town.processes import Process

RPC_TIMEOUT_S = 5.0
_POLL_S = 0.05
_SHUTDOWN_STATE = 6  # supervisor.xmlrpc.Faults
_LOCK = "supervisor.lock"
# From this many quick deaths on the supervisor stops trying; the pause grows by a second each time (66 s in all).
_START_RETRIES = 11
_LOG_BYTES, _LOG_BACKUPS = "10MB", 3


class AlreadyUp(Conflict):
    """The town's processes run already on this host."""


class SupervisorAway(Unavailable):
    """The supervisor does not answer."""


class ShuttingDown(SupervisorAway):
    """The supervisor is stopping everything and takes no other request."""


@dataclass(frozen=True)
class ProcessState:
    """What the supervisor says of one process."""

    name: str
    state: str
    """STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL or UNKNOWN."""
    pid: int
    started_at: float
    """Seconds since the epoch; 0 when it never ran."""
    exit_code: int
    log: Path


def services_dir(settings: config.Settings) -> Path:
    """The folder of locks and generated files. Never under the temp folder, which may be swept."""
    return settings.town / "services"


def logs_dir(settings: config.Settings) -> Path:
    """The folder of the processes' logs."""
    return settings.town / "logs"


def socket_path(settings: config.Settings) -> Path:
    """The supervisor's socket."""
    return settings.run / "supervisor.sock"


def configuration(processes: list[Process]) -> str:
    """The supervisor's file: names and numbers only, since its format cannot hold every path (see launch.py)."""
    sections: list[tuple[str, dict[str, object]]] = [
        (
            "supervisord",
            {
                "logfile": "supervisor.log",
                "pidfile": "%(here)s/supervisor.pid",
                "logfile_maxbytes": _LOG_BYTES,
                "logfile_backups": _LOG_BACKUPS,
                "minfds": 256,
                "minprocs": 1,
                "umask": "077",
                **({"user": "root"} if os.getuid() == 0 else {}),
            },
        ),
        ("unix_http_server", {"file": "%(ENV_GASTOWN_SUPERVISOR)s", "chmod": "0600"}),
        (
            "rpcinterface:supervisor",
            {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
        ),
        *((f"program:{process.name}", _program(process)) for process in processes),
    ]
    return "".join(f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in body.items()) + "\n" for name, body in sections)


def _program(process: Process) -> dict[str, object]:
    return {
        "command": f"%(ENV_GASTOWN_LAUNCH)s {process.name}",
        "priority": process.order,
        "autorestart": "unexpected" if process.may_end else "true",
        "exitcodes": 0,
        "startsecs": process.start_s,
        "startretries": _START_RETRIES,
        "stopwaitsecs": process.stop_s,
        "killasgroup": str(process.kill_group).lower(),
        "redirect_stderr": "true",
        "stdout_logfile": f"{process.name}.log",
        "stdout_logfile_maxbytes": _LOG_BYTES,
        "stdout_logfile_backups": _LOG_BACKUPS,
    }


@contextlib.contextmanager
def starting(settings: config.Settings) -> Iterator[int]:
    """Hold the lock that says that this host's supervisor runs; AlreadyUp while another one has it."""
    lock = _try_lock(services_dir(settings) / _LOCK)
    if lock is None:
        raise AlreadyUp(
            f"the town at {settings.town} is up already on this host",
            hint="`gt status` shows it; `gt down` stops it, then `gt up` starts it anew.",
        )
    try:
        yield lock
    finally:
        os.close(lock)  # the supervisor, if it was started, keeps its own copy


def _try_lock(path: Path) -> int | None:
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def is_up(settings: config.Settings) -> bool:
    """Whether a supervisor of this town lives on this host."""
    path = services_dir(settings) / _LOCK
    if not path.exists():
        return False
    lock = _try_lock(path)
    if lock is not None:
        os.close(lock)
    return lock is None


def start(settings: config.Settings, processes: list[Process], environment: Mapping[str, str], lock: int) -> int:
    """Write the configuration and start the supervisor in a session of its own; return its process id."""
    services, logs = services_dir(settings), logs_dir(settings)
    orders = {
        process.name: {
            "argv": process.argv,
            "env": dict(process.env),
            "cwd": str(settings.run),
            "open_files": process.open_files,
            "by_fork": process.by_fork,
        }
        for process in processes
    }
    write_private(services / "processes.json", json.dumps(orders, indent=1))
    write_private(services / "supervisord.conf", configuration(processes))
    script = Path(launch.__file__)
    program = script.with_name("supervisord.py")
    write_private(logs / "supervisor.out", "")
    with (logs / "supervisor.out").open("a") as out:
        child = subprocess.Popen(
            [config.python(), "-P", str(program), "-n", "-c", str(services / "supervisord.conf")],
            cwd=logs,
            env={
                **environment,
                "GASTOWN_SERVICES": str(services),
                "GASTOWN_SUPERVISOR": str(socket_path(settings)),
                "SPT_NOENV": "1",  # a process's title must not be written over its environment
                "GASTOWN_LAUNCH": shlex.join([config.python(), "-I", "-S", str(script)]),
            },
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            umask=0o077,
            start_new_session=True,  # ctrl-C is for `gt up --foreground`, which then stops things in order
            pass_fds=[lock],
        )
    child.returncode = 0  # it outlives us on purpose: no warning about a child that still runs
    return child.pid


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:
        file.write(text)


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=RPC_TIMEOUT_S)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(RPC_TIMEOUT_S)
        self.sock.connect(self.path)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def make_connection(self, host: object) -> _Connection:
        connection = _Connection(self.path)
        self._connection = (host, connection)  # type: ignore[assignment]  # what is kept here is closed with the proxy
        return connection


def _call(settings: config.Settings, method: str, *args: object) -> object:
    """One call of the supervisor. Raises SupervisorAway when it does not answer, xmlrpc's Fault when it refuses."""
    path = str(socket_path(settings))
    try:
        with xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(path)) as server:
            return getattr(server, method)(*args)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode == _SHUTDOWN_STATE:
            raise ShuttingDown("the town is being stopped", hint="Wait for it, then run the command again.") from None
        raise
    except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
        raise SupervisorAway(
            f"the town's supervisor does not answer: {error}",
            hint=f"Look into {logs_dir(settings) / 'supervisor.log'}; `gt down` stops what is left.",
        ) from None


def list_processes(settings: config.Settings) -> list[ProcessState]:
    """What the supervisor says of each process; SupervisorAway when there is none."""
    rows = _call(settings, "supervisor.getAllProcessInfo")
    assert isinstance(rows, list)
    return [
        ProcessState(
            name=row["name"],
            state=row["statename"],
            pid=row["pid"],
            started_at=float(row["start"]),
            exit_code=row["exitstatus"],
            log=logs_dir(settings) / f"{row['name']}.log",
        )
        for row in rows
    ]


def ask_to_stop(settings: config.Settings, name: str) -> None:
    """Have one process stopped; returns before it is. One that does not run is left alone."""
    with contextlib.suppress(xmlrpc.client.Fault):
        _call(settings, "supervisor.stopProcess", name, False)


def ask_to_shut_down(settings: config.Settings) -> None:
    """Have everything stopped in reverse order, the supervisor last; returns before it is."""
    with contextlib.suppress(xmlrpc.client.Fault):
        _call(settings, "supervisor.shutdown")


def end_leftovers(settings: config.Settings, *, deadline_s: float = 15) -> list[str]:
    """Stop processes whose supervisor was killed; return their names. Raises SupervisorAway for one that stays.

    A process is known by the lock it holds, so a number that was reused can never be signalled.
    """
    left = {path.stem: path for path in services_dir(settings).glob("*.lock") if path.name != _LOCK}
    ended = []
    until = clock.monotonic() + deadline_s
    for name, path in left.items():
        asked = False
        while (lock := _try_lock(path)) is None:
            if not asked:
                _terminate(path)
                asked = True
                ended.append(name)
            if clock.monotonic() > until:
                raise SupervisorAway(
                    f"{name} of an earlier start does not stop (process {path.read_text().strip()})",
                    hint="See what holds it up, stop it, then run `gt up` again.",
                )
            time.sleep(_POLL_S)
        os.close(lock)
    return ended


def _terminate(path: Path) -> None:
    with contextlib.suppress(ValueError, ProcessLookupError, PermissionError):
        os.kill(int(path.read_text()), signal.SIGTERM)
