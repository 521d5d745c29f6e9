"""Reading rows as they are, whatever somebody wrote into them: nothing here fails for a bad value."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Boolean, Column, ColumnElement, Table, select, type_coerce
from sqlalchemy.types import NullType
from sqlmodel import Session, SQLModel

from gastown.db import UtcTime, is_sqlite
from gastown.events import EventKind, Fact, is_json

BATCH = 2000
_KINDS = {kind.value: kind for kind in EventKind}


class Unreadable(ValueError):
    """An event row that is none."""


def events_table() -> Table:
    """The log."""
    return SQLModel.metadata.tables["events"]


def raw(column: Column[Any]) -> ColumnElement[Any]:
    """A column without the checks of its type."""
    return type_coerce(column, NullType())


def converter(column: Column[Any], session: Session) -> Callable[[Any], Any] | None:
    """What makes of a driver's value what the model would; None: nothing is to be made."""
    if isinstance(column.type, UtcTime):
        return as_time
    if is_json(column) and is_sqlite(session):
        return as_json
    if isinstance(column.type, Boolean) and is_sqlite(session):
        return as_bool
    return None


def as_time(value: Any) -> Any:
    """A time with its zone; what is none stays as it is."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def as_json(value: Any) -> Any:
    """What the text says; a text that is no JSON stays as it is."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def as_bool(value: Any) -> Any:
    """SQLite's 0 and 1."""
    return bool(value) if value in (0, 1) else value


def read_rows(session: Session, table: Table, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Every row of a table, some columns of it."""
    columns = [table.columns[name] for name in names]
    makers = [converter(column, session) for column in columns]
    query = select(*(raw(column).label(f"c{place}") for place, column in enumerate(columns)))
    for row in session.execute(query.execution_options(yield_per=BATCH)):
        yield {
            name: value if maker is None else maker(value)
            for name, maker, value in zip(names, makers, row, strict=True)
        }


_EVENT = ("id", "at", "kind", "actor", "bead_id", "rig", "agent", "assignment_id", "fence", "payload")


def read_events(session: Session, *conditions: ColumnElement[bool]) -> Iterator[tuple[int, Fact | str]]:
    """Every event by number, or what is wrong with it."""
    log = events_table()
    columns = [log.columns[name] for name in _EVENT]
    payload = converter(log.columns["payload"], session)
    query = select(*(raw(column).label(f"c{place}") for place, column in enumerate(columns)))
    query = query.where(*conditions).order_by(log.columns["id"]).execution_options(yield_per=BATCH)
    for number, at, kind, actor, bead_id, rig, agent, assignment_id, fence, said in session.execute(query):
        values = said if payload is None else payload(said)
        known, moment = _KINDS.get(kind), as_time(at)
        if known is None:
            yield number, f"of the unknown kind {str(kind)[:60]!r}"
        elif not isinstance(values, dict):
            yield number, "says nothing that can be read"
        elif not isinstance(moment, datetime):
            yield number, f"happened at {str(at)[:60]!r}, which is no time"
        else:
            yield number, Fact(number, moment, known, actor, bead_id, rig, agent, assignment_id, fence, values)
