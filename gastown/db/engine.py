"""One engine a process and URL.

SQLite: WAL, full synchronisation, write transactions that begin IMMEDIATE (a deferred read-then-write fails with
SQLITE_BUSY in spite of any time-out), and the library of the `pysqlite3` wheel where there is one, since versions
before 3.51.3 can corrupt a WAL database that two connections checkpoint at once. Writers wait for each other here and
not in SQLite, whose own waiting lets newcomers pass: who has waited long sleeps 100 ms and finds the lock taken again.
"""

import random
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlmodel import Session

from gastown import clock, config
from gastown.db import stopped
from gastown.db.columns import read_json
from gastown.errors import Invalid, Unavailable

# How long SQLite itself waits for what is soon over: somebody recovers the log, or closes the file as the last one.
BUSY_TIMEOUT_S = 30
# How long a writer waits for the others; the longest write of ours takes well under a second.
WRITER_PATIENCE_S = 60.0
# Between two looks at the lock. The pause is random, so that every waiter has a like chance at each moment, and it
# grows, so that a hundred of them do not eat the processor; but little, or those who came last would win.
_SHORTEST_PAUSE_S = 0.001
_FIRST_PAUSE_S = 0.008
_LONGEST_PAUSE_S = 0.02
_PAUSE_GROWTH = 1.02
# After so long a wait, and again after as long, it is seen whether the writer was stopped in the middle of its write.
_WAKE_AFTER_S = 3.0
_HELD_TIME = "database_time"
# Versions with the WAL-reset bug mended.
SAFE_SQLITE = (3, 51, 3)

_engines: dict[str, Engine] = {}
_is_worker = False
# An SQLite engine without connections, kept for the statements that it has compiled (see `keep_warm`).
_warm: list[Engine] = []


class DatabaseAway(Unavailable):
    """The database did not answer, is full, or is read-only."""


class BadDatabase(Invalid):
    """The settings name no database that a town can use."""


def sqlite_module() -> ModuleType:
    """The SQLite driver in use: the wheel's newer library, else Python's own."""
    try:
        import pysqlite3

        return pysqlite3  # type: ignore[no-any-return]
    except ImportError:
        return sqlite3


def _on_sqlite_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we begin transactions ourselves, see _on_begin
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=0")
    # The first to open a new file writes this into it. Two of those at once refuse each other without any waiting.
    if not _is_granted(cursor, "PRAGMA journal_mode=WAL"):
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")
    cursor.close()


def _on_sqlite_begin(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("gastown_read_only", False)
    if read_only:
        connection.exec_driver_sql("BEGIN")
        return
    driver: Any = connection.connection.dbapi_connection
    cursor = driver.cursor()
    cursor.execute("PRAGMA busy_timeout=0")
    try:
        if not _is_granted(cursor, "BEGIN IMMEDIATE", connection.engine.url.database):
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # whose error is of the kind that others expect
    finally:
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")
        cursor.close()


def _is_granted(cursor: Any, statement: str, database: str | None = None) -> bool:
    """Whether `statement` was carried out within a writer's patience, however often others were in its way.

    A writer of the file `database` that was stopped in the middle of its write is woken.
    """
    began = clock.monotonic()
    wake_at = began + _WAKE_AFTER_S
    longest = _FIRST_PAUSE_S
    while True:
        try:
            cursor.execute(statement)
        except sqlite_module().OperationalError as error:
            now = clock.monotonic()
            if not is_busy(error) or now >= began + WRITER_PATIENCE_S:
                return False
            if database and now >= wake_at:
                stopped.wake_holder(Path(database))
                wake_at = now + _WAKE_AFTER_S
        else:
            return True
        time.sleep(random.uniform(_SHORTEST_PAUSE_S, longest))  # noqa: S311 - a turn, not a secret
        longest = min(longest * _PAUSE_GROWTH, _LONGEST_PAUSE_S)


def is_busy(error: BaseException | None) -> bool:
    """Whether SQLite says that others are in the way."""
    return str(getattr(error, "sqlite_errorname", "")).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def make_engine(url: str) -> Engine:
    """An engine for `url` with everything a town needs set on its connections; refuses what is no address of one."""
    try:
        return _make_engine(url)
    except (ArgumentError, ImportError):  # not to be shown: it may hold a password
        raise BadDatabase(
            "database_url is not the address of a database that a town can use",
            hint="Give postgresql://USER:PASSWORD@HOST/DATABASE, or sqlite:////path with four slashes.",
        ) from None


def _make_engine(url: str) -> Engine:
    if url.startswith("sqlite"):
        if _warm:
            engine = _warm.pop()
            engine.url = make_url(url)
            return engine
        options = {"timeout": BUSY_TIMEOUT_S}
        engine = create_engine(url, module=sqlite_module(), connect_args=options, json_deserializer=read_json)
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
        _follow_url(engine)
        return engine
    from gastown.db import postgres  # its driver is slow to import, and most towns have none

    engine = create_engine(
        url,
        pool_size=5,
        max_overflow=20,
        pool_timeout=30,
        connect_args=postgres.connect_arguments(is_worker=_is_worker),
    )
    postgres.be_impatient(engine)
    postgres.be_wary(engine)
    return engine


def _follow_url(engine: Engine) -> None:
    # Compiled statements are found by the engine's own dialect, so that a warm one must go elsewhere as it is.
    def connect_there(dialect: Any, _record: object, words: list[Any], options: dict[str, Any]) -> None:
        words[:], more = dialect.create_connect_args(engine.url)
        options.update(more)

    event.listen(engine, "do_connect", connect_there)


def keep_warm() -> None:
    """Keep the SQLite engine in use for the next SQLite database that is opened: its statements need no compiling."""
    for url in [url for url in _engines if url.startswith("sqlite")][:1]:
        engine = _engines.pop(url)
        engine.dispose()
        _warm[:] = [engine]


def be_worker() -> None:
    """Have the server end what this process leaves lying in the middle of a transaction after seconds; called first."""
    global _is_worker
    _is_worker = True


def get_engine(url: str | None = None) -> Engine:
    """The engine of this process's town, or of `url`, made at first use."""
    url = url or config.current().database
    if url not in _engines:
        _engines[url] = make_engine(url)
    return _engines[url]


def dispose() -> None:
    """Close every connection; the next use opens new ones. Call it in a child after a fork."""
    for engine in _engines.values():
        engine.dispose()
    _engines.clear()


def forget_after_fork() -> None:
    """Drop the parent's connections without closing them under the parent."""
    for engine in _engines.values():
        engine.dispose(close=False)
    _engines.clear()


config.on_change(dispose)


def is_sqlite(session: Session) -> bool:
    """Whether `session` talks to SQLite."""
    return session.get_bind().dialect.name == "sqlite"


def database_time(session: Session) -> datetime:
    """The database's present. Leases use no other clock; SQLite's is this host's, where all its users live."""
    if is_sqlite(session):
        return clock.now()
    held: tuple[datetime, float] | None = session.info.get(_HELD_TIME)
    if held is not None:
        return held[0] + timedelta(seconds=clock.monotonic() - held[1])
    value: datetime = session.connection().execute(text("SELECT clock_timestamp()")).scalar_one()
    return value.astimezone(UTC)


def time_in_sql(session: Session) -> Any:
    """The database's present as a value for a statement, where nobody needs to know it."""
    return clock.now() if is_sqlite(session) else func.clock_timestamp()


def hold_time(session: Session, at: datetime, since: float) -> None:
    """Let `database_time` count on from `at`, which was read at `since` of the monotonic clock: for a series of looks,
    each of which would ask for it anew.
    """
    session.info[_HELD_TIME] = (at, since)


def read_file(file: Path, query: str, *, wait_s: float) -> list[tuple[Any, ...]]:
    """What `query` finds in a SQLite file that is not ours: opened for reading, for this one question."""
    driver = sqlite_module()
    try:
        with closing(driver.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=wait_s)) as connection:
            return list(connection.execute(query))
    except (driver.Error, OSError) as error:
        raise DatabaseAway(f"cannot read {file}: {error}") from None
