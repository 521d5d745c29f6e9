"""Whether the log says what the tables hold: every row, every column that replays."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

from sqlalchemy import Table, inspect
from sqlmodel import Session, SQLModel

from gastown.events import key_columns, show_key
from gastown.replay import columns
from gastown.replay.differences import Difference, Flaw
from gastown.replay.reading import read_rows
from gastown.replay.rebuild import MOST, Progress, Rebuilt, rebuild

_VERSIONS = "alembic_version"


def verify(session: Session, *, progress: Progress | None = None) -> Sequence[Difference]:
    """Rebuild the tables from the log and compare them; what differs, at most `MOST` things, events first.

    All reads must see one moment: give it a frozen reading session where others write.
    """
    built = rebuild(session, progress=progress)
    return compare(session, built)


def compare(session: Session, built: Rebuilt) -> Sequence[Difference]:
    """What differs between the tables and what was rebuilt, which is used up."""
    parts = (_compare(session, built, table) for table in columns.state_tables())
    return list(islice(chain(built.wrong, _unknown_tables(session), chain.from_iterable(parts)), MOST))


def find_gaps(session: Session) -> Sequence[Difference]:
    """Numbers that do not follow the one before: fences of a bead, runs and adoptions of an attempt, returns."""
    return [one for one in rebuild(session).wrong if one.flaw is Flaw.GAP]


def _unknown_tables(session: Session) -> Iterator[Difference]:
    known = {*SQLModel.metadata.tables, _VERSIONS}
    for name in inspect(session.connection()).get_table_names():
        if name not in known:
            yield Difference(Flaw.TABLE, name, what="no part of this program knows it")


def _compare(session: Session, built: Rebuilt, table: Table) -> Iterator[Difference]:
    keys = key_columns(table.name)
    names = columns.replayed(table.name, (column.key for column in table.columns))
    told = set(built.keys(table.name))
    for row in read_rows(session, table, names):
        key = tuple(row[name] for name in keys)
        said = built.find(table.name, key)
        if said is None:
            yield Difference(Flaw.SURPLUS, table.name, show_key(key))
            continue
        told.discard(key)
        yield from _values(table.name, show_key(key), names, said, row)
    for key in sorted(told, key=str):
        yield Difference(Flaw.MISSING, table.name, show_key(key))


def _values(
    table: str, row: str, names: Sequence[str], said: dict[str, Any], held: dict[str, Any]
) -> Iterator[Difference]:
    for name in names:
        if said[name] != held[name]:
            yield Difference(Flaw.VALUE, table, row, name, said[name], held[name])
