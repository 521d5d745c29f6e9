"""An upgrade lets replay start at the rows that it found."""

import pytest
from alembic import command
from sqlalchemy import text
from sqlmodel import Session

from gastown import replay
from gastown.db import get_engine
from gastown.town import schema

from .test_migrations import load_sample, revisions


@pytest.mark.parametrize("revision", revisions()[:-1])
def test_the_log_replays_to_the_rows_after_an_upgrade(empty_url: str, revision: str) -> None:
    engine = get_engine(empty_url)
    with engine.begin() as connection:
        command.upgrade(schema.config(connection), revision)
        load_sample(connection, revision)
        connection.execute(
            text("INSERT INTO events (at, kind, actor, payload) VALUES (CURRENT_TIMESTAMP, 'rig.added', 'ada', '{}')")
        )

    schema.upgrade(empty_url)

    with Session(engine) as session:
        assert replay.find_snapshot(session) is not None
        assert [str(one) for one in replay.verify(session)] == []


def test_a_database_in_which_nothing_happened_gets_no_snapshot(empty_url: str) -> None:
    engine = get_engine(empty_url)
    with engine.begin() as connection:
        command.upgrade(schema.config(connection), revisions()[0])

    schema.upgrade(empty_url)

    with Session(engine) as session:
        assert replay.find_snapshot(session) is None
