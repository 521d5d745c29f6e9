"""A kept connection to PostgreSQL that the server has ended is not used again."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlmodel import Session

from gastown.db import dispose, postgres
from gastown.db.engine import DatabaseAway
from gastown.db.unit_of_work import reading
from tests.support.databases import PostgresServer

ENDED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = :pid"


@pytest.fixture
def url(postgres_server: PostgresServer) -> Iterator[str]:
    url = postgres_server.create_database(empty=True)
    yield url
    dispose()
    postgres_server.drop_database(url)


def pid_of(session: Session) -> int:
    return int(session.execute(text("SELECT pg_backend_pid()")).scalar_one())


def end_one_of_two(url: str) -> int:
    """Have two connections kept, and one of them ended by the server."""
    with reading(url) as one, reading(url) as other:
        pids = {pid_of(one), pid_of(other)}
    with reading(url) as session:
        (idle,) = pids - {pid_of(session)}
        session.execute(text(ENDED), {"pid": idle})
    return idle


def test_a_connection_that_was_ended_is_made_anew_before_it_is_used(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = end_one_of_two(url)
    monkeypatch.setattr(postgres, "TRUSTED_S", 0.0)

    with reading(url) as one, reading(url) as other:
        pids = {pid_of(one), pid_of(other)}

    assert ended not in pids


def test_one_that_has_just_answered_is_not_asked_and_costs_one_transaction_when_it_is_ended(url: str) -> None:
    end_one_of_two(url)

    with pytest.raises(DatabaseAway), reading(url) as one, reading(url) as other:
        pid_of(one), pid_of(other)

    with reading(url) as session:
        assert pid_of(session)
