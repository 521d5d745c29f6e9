"""Every table and every column is replayed, or named with the reason why not."""

from sqlmodel import Session, SQLModel

from gastown import replay, tables
from gastown.events import EventKind
from gastown.replay import columns
from gastown.replay.steps import KNOWN
from tests.support.lives import Life

assert tables  # which fills the metadata


def test_no_exception_names_what_is_not_there() -> None:
    named = {(table, column) for table, found in columns.COLUMNS.items() for column in found}
    there = {(table.name, column.key) for table in SQLModel.metadata.sorted_tables for column in table.columns}
    assert named <= there
    assert set(columns.TABLES) <= set(SQLModel.metadata.tables)
    assert not set(columns.TABLES) & set(columns.COLUMNS)
    assert all(reason for found in (columns.TABLES, *columns.COLUMNS.values()) for reason in found.values())


def test_keys_are_replayed() -> None:
    for table in columns.state_tables():
        keys = {column.key for column in table.primary_key.columns}
        assert not keys & set(columns.COLUMNS.get(table.name, {}))


def test_every_kind_of_event_is_followed_or_said_to_change_nothing() -> None:
    assert set(EventKind) == KNOWN


def test_every_table_is_compared_with_the_log(lived: Session) -> None:
    """A row of each table, and each column of a row, that the log does not know is found."""
    built = replay.rebuild(lived)
    empty = {table.name for table in columns.state_tables() if not built.keys(table.name)}
    assert empty <= {"towns", "findings"}, "the test's town is to fill every other table"


def test_a_table_that_nobody_knows_is_named(session: Session) -> None:
    from sqlalchemy import text

    Life(session)
    session.execute(text("CREATE TABLE surprises (id INTEGER)"))
    assert [str(one) for one in replay.verify(session)] == ["table surprises: no part of this program knows it"]
