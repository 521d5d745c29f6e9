"""A PostgreSQL server of a chaos run's own: on a private socket in a temporary folder, restarted as part of the run."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from gastown import clock
from gastown.errors import NotFound, Unavailable

READY_WITHIN_S = 60.0
STOPPED_WITHIN_S = 30.0
_COMMAND_TIMEOUT_S = 120.0
_POLL_S = 0.05
_NOBODY = "nobody"  # whom the server runs as where we are root, whom it refuses
_USER = "gastown"
_DATABASE = "chaos"
_PR_SET_PDEATHSIG = 1
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "300",
    "shared_buffers": "128MB",
    "synchronous_commit": "off",
    "checkpoint_timeout": "15min",
}


class NoPostgres(NotFound):
    """No PostgreSQL server program on this machine, or it does not start."""


class PostgresNotReady(Unavailable):
    """The server does not answer."""


def find_binaries() -> Path:
    """The folder with `initdb`, `postgres` and `psql`: that of the first on PATH, else Debian's newest."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if all((folder / name).is_file() for name in ("initdb", "postgres", "pg_isready", "psql")):
            return folder
    raise NoPostgres(
        "no PostgreSQL server program on this machine (initdb, postgres)",
        hint="Install one, or name an empty database: --database postgresql://USER:PASSWORD@HOST/DATABASE",
    )


@dataclass
class PostgresServer:
    """The server; `halt` and `restart` are what a run does to it."""

    binaries: Path
    folder: Path
    user: str | None
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    @classmethod
    def start(cls) -> "PostgresServer":
        """Make a cluster with one empty database, and serve it. It ends when this process does, however that ends."""
        folder = Path(tempfile.mkdtemp(prefix="gt-chaos-pg-"))
        server = cls(find_binaries(), folder, _NOBODY if os.geteuid() == 0 else None)
        try:
            if server.user:
                shutil.chown(folder, server.user)
            server._run("initdb", "-D", str(server.data), "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C")
            server.restart()
            server._psql(f"CREATE DATABASE {_DATABASE}")
        except BaseException:
            server.stop()
            raise
        return server

    @property
    def data(self) -> Path:
        """Where the cluster is."""
        return self.folder / "data"

    @property
    def url(self) -> str:
        """The address of the database."""
        return f"postgresql+psycopg://{_USER}@/{_DATABASE}?host={self.folder}"

    def restart(self) -> None:
        """Serve, again after `halt`."""
        options = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        options += ["-c", f"unix_socket_directories={self.folder}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(  # type: ignore[call-overload]
                [self.binaries / "postgres", "-D", self.data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                preexec_fn=_die_with_parent,
                **self._account(),
            )
        deadline = clock.monotonic() + READY_WITHIN_S
        while not self._answers():
            if clock.monotonic() > deadline or self.process is None or self.process.poll() is not None:
                raise PostgresNotReady("the PostgreSQL server does not start", hint=f"Read {self.folder / 'log'}.")
            time.sleep(_POLL_S)

    def halt(self, *, crash: bool = False) -> None:
        """Stop serving: at once, as if it had been killed, or with what was committed written down."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
        try:
            self.process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOPPED_WITHIN_S)

    def stop(self) -> None:
        """End the server and remove its folder."""
        self.halt(crash=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        return self._try("pg_isready", "-q", "-h", str(self.folder)).returncode == 0

    def _psql(self, statement: str) -> None:
        self._run("psql", "-q", "-h", str(self.folder), "-U", _USER, "-d", "postgres", "-c", statement)

    def _run(self, program: str, *words: str) -> None:
        done = self._try(program, *words)
        if done.returncode != 0:
            raise NoPostgres(f"{program}: {(done.stderr or done.stdout).strip()[:300]}")

    def _try(self, program: str, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            [self.binaries / program, *words],
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
            cwd=self.folder,
            **self._account(),
        )

    def _account(self) -> dict[str, object]:
        if self.user is None:
            return {}
        import pwd

        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}


def _die_with_parent() -> None:
    """In the child, before exec."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
