"""A PostgreSQL that is there and does not answer: stopped, or its disk stalls. Worse than one that is gone."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest
from celery import signals
from sqlalchemy import text
from sqlmodel import Session, select

from gastown import assignments, config, rigs
from gastown.db import DatabaseAway, engine, postgres
from gastown.db.unit_of_work import reading, transact
from gastown.sessions import LeaseBook
from tests.support.databases import PostgresServer
from tests.support.factories import make_bead, make_rig, make_running
from tests.support.towns import wait_until

SILENCE_S = 1.5


def family_of(pid: int) -> list[int]:
    """The server and its children: each of them would answer."""
    children = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                children.append(int(entry.name))
    return [pid, *children]


@contextmanager
def hung(server: PostgresServer) -> Iterator[None]:
    """The server says nothing meanwhile."""
    stopped = family_of(server.process.pid)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(stopped):
            os.kill(pid, signal.SIGCONT)


@pytest.fixture
def on_postgres(
    tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[config.Settings]:
    monkeypatch.setattr(postgres.ImpatientConnection, "silence_s", SILENCE_S)
    monkeypatch.setitem(postgres.CONNECT_ARGUMENTS, "connect_timeout", 2)  # the least that libpq knows
    (tmp_path / "town.toml").touch()
    url = postgres_server.create_database()
    settings = config.Settings(town=tmp_path, database_url=url, host="here")
    config.use(settings)
    yield settings
    config.use(None)
    postgres_server.drop_database(url)


def test_a_caller_hears_that_the_database_is_away_when_it_hangs_and_is_served_when_it_is_back(
    on_postgres: config.Settings, postgres_server: PostgresServer
) -> None:
    def ask(session: Session) -> int:
        return int(session.connection().execute(text("SELECT 7")).scalar_one())

    assert transact(ask) == 7

    with hung(postgres_server):
        began = time.monotonic()
        for _ in range(2):  # on the connection that was open, and on a new one
            with pytest.raises(DatabaseAway):
                transact(ask)
        assert time.monotonic() - began < 20

    assert transact(ask) == 7


def test_a_statement_in_the_middle_of_a_transaction_is_given_up_when_the_database_hangs(
    on_postgres: config.Settings, postgres_server: PostgresServer
) -> None:
    def ask_twice() -> None:
        with reading() as session:
            session.connection().execute(text("SELECT 1"))
            with hung(postgres_server):
                session.connection().execute(text("SELECT 2"))

    with pytest.raises(DatabaseAway):
        ask_twice()


def test_leases_are_renewed_again_when_the_database_hung_and_came_back(
    on_postgres: config.Settings, postgres_server: PostgresServer
) -> None:
    def prepare(session: Session) -> tuple[int, str]:
        make_rig(session)
        bead = make_bead(session)
        return make_running(session, bead).assignment.id or 0, bead.id

    number, bead_id = transact(prepare)

    def renew(leases: Mapping[int, int], _signs: object) -> list[assignments.HeldLease]:
        return transact(lambda session: assignments.heartbeat(session, leases, holder="here:101:1:boot0000", ttl_s=60))

    book = LeaseBook(renew, heartbeat_s=0.1, grace_s=600)
    entry = book.add(number, 1, bead_id)
    try:
        wait_until(lambda: entry.standing is not None, "the lease is renewed")
        with hung(postgres_server):
            began = book.last_beat
            wait_until(lambda: time.monotonic() - began > 2 * SILENCE_S, "a heartbeat was given up")
        back_at = time.monotonic()
        wait_until(lambda: book.last_beat > back_at, "the lease is renewed again", within_s=20)
        assert entry.standing is not None
        assert entry.standing.is_mine
    finally:
        book.remove(entry)


def test_a_transaction_that_says_nothing_is_ended_by_the_server(on_postgres: config.Settings) -> None:
    """Else a worker that was stopped in one keeps its rows from everybody."""

    def limits(session: Session) -> list[str]:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        connection = session.connection()
        return [str(connection.execute(text(f"SHOW {name}")).scalar_one()) for name in names]

    assert transact(limits) == ["1min", "15s", "30s"]


def be_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_is_worker", False)  # put back at the end
    import_module("workers.app")
    signals.celeryd_init.send(sender="a worker")


def test_a_workers_transaction_is_ended_before_others_give_up_their_wait(
    on_postgres: config.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_worker(monkeypatch)
    with reading() as session:
        shown = session.connection().execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()
    assert shown == "5s"
    assert postgres.LOCK_TIMEOUT_S > 5


def test_a_worker_that_was_stopped_in_a_transaction_gives_way_and_runs_it_again(
    on_postgres: config.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "WORKER_IDLE_TIMEOUT_S", 1)
    be_worker(monkeypatch)
    transact(make_rig)
    begun: list[float] = []

    def claim(session: Session) -> float:
        rigs.get(session, "app", lock=True)
        begun.append(time.monotonic())
        if len(begun) == 1:
            other = threading.Thread(target=transact, args=(rename,))
            other.start()
            other.join(10)
            assert not other.is_alive(), "somebody waits still for a lock of ours"
        return session.scalar(select(1)) or 0

    def rename(session: Session) -> None:
        rigs.get(session, "app", lock=True).branch = "trunk"

    assert transact(claim) == 1
    assert len(begun) == 2
    with reading() as session:
        assert rigs.get(session, "app").branch == "trunk"
