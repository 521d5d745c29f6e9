"""Folding events into tables: what the reducers of the nouns (`<noun>/replay.py`) work on."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from pydantic_core import PydanticUndefined
from sqlalchemy import JSON, Boolean, Column, Float, Integer
from sqlmodel import SQLModel

from gastown.db import UtcTime
from gastown.events.kinds import EventKind

Key = tuple[Any, ...]
Values = dict[str, Any]


class Contradiction(ValueError):
    """An event says something that cannot be, after the events before it."""


class Gap(Contradiction):
    """A number that must follow the one before it does not."""


class Fact(NamedTuple):
    """An event as reducers see it: read from its row, or made up."""

    id: int
    at: datetime
    kind: EventKind
    actor: str
    bead_id: str | None
    rig: str | None
    agent: str | None
    assignment_id: int | None
    fence: int | None
    payload: Mapping[str, Any]

    def say(self, *names: str, **renamed: str) -> Values:
        """The values under these names; `column=name` for those that a column calls otherwise. All must be said."""
        pairs = {**{name: name for name in names}, **renamed}
        missing = [name for name in pairs.values() if name not in self.payload]
        if missing:
            raise Contradiction(f"says no {', '.join(missing)}")
        return {column: self.payload[name] for column, name in pairs.items()}

    def of(self, name: str) -> Any:
        """One value, which must be said."""
        return self.say(name)[name]


class Tables:
    """State tables as the events leave them: rows by table and primary key."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[Key, Values]] = defaultdict(dict)
        self.highest: dict[tuple[str, Any], int] = {}
        """The newest number of a series that has no gaps, by its name and whose it is."""

    def add(self, table: str, key: Key, values: Mapping[str, Any]) -> None:
        """A new row; what is not said of it is as the model says."""
        if key in self.rows[table]:
            raise Contradiction(f"{table} {show_key(key)} was there already")
        row = {**blank(table), **dict(zip(key_columns(table), key, strict=True)), **read(table, values)}
        self.rows[table][key] = row

    def change(self, table: str, key: Key, values: Mapping[str, Any]) -> None:
        """New values of a row."""
        self.get(table, key).update(read(table, values))

    def put(self, table: str, key: Key, values: Mapping[str, Any]) -> None:
        """New values of a row, which may be new."""
        (self.change if key in self.rows[table] else self.add)(table, key, values)

    def drop(self, table: str, key: Key) -> None:
        """The row is gone."""
        self.get(table, key)
        del self.rows[table][key]

    def get(self, table: str, key: Key) -> Values:
        """A row; Contradiction where there is none."""
        try:
            return self.rows[table][key]
        except (KeyError, TypeError):
            raise Contradiction(f"there was no {table} {show_key(key)}") from None

    def follow(self, series: str, owner: Any, number: Any) -> None:
        """Count: `number` must be the one after the newest of this owner."""
        before = self.highest.get((series, owner), 0)
        if not isinstance(number, int):
            raise Contradiction(f"{series} {number!r} of {owner} is no number")
        self.highest[(series, owner)] = max(before, number)
        if number != before + 1:
            raise Gap(f"{series} {number} of {owner} follows {before}")

    def count(self, table: str, key: Key, column: str, number: Any) -> None:
        """A column that goes up by one with each such event."""
        before = self.get(table, key)[column]
        self.change(table, key, {column: number})
        if number != before + 1:
            raise Gap(f"{column} {number} of {table} {show_key(key)} follows {before}")


Step = Callable[[Tables, Fact], None]


def show_key(key: Key) -> str:
    """A primary key in words."""
    return "/".join(map(str, key))


@cache
def key_columns(table: str) -> tuple[str, ...]:
    """The primary key's columns, as the model calls them."""
    return tuple(column.key for column in SQLModel.metadata.tables[table].primary_key.columns)


@cache
def blank(table: str) -> Mapping[str, Any]:
    """What a new row holds where nothing is said."""
    mapper = next(one for one in SQLModel._sa_registry.mappers if one.local_table.name == table)  # type: ignore[attr-defined]
    columns = {column.key: mapper.get_property_by_column(column).key for column in mapper.columns}
    fields = mapper.class_.model_fields
    return {name: _default(fields[attribute]) for name, attribute in columns.items()}


def _default(field: Any) -> Any:
    default = field.get_default(call_default_factory=True)
    return None if default is PydanticUndefined else getattr(default, "value", default)


def read(table: str, values: Mapping[str, Any]) -> Values:
    """What columns hold for what an event says; refuses what they cannot hold."""
    return {name: _read(SQLModel.metadata.tables[table].columns[name], value) for name, value in values.items()}


def _read(column: Column[Any], value: Any) -> Any:
    if is_json(column):
        return value
    if value is None:
        if not column.nullable:
            raise Contradiction(f"{column.key} is nothing")
        return None
    if isinstance(column.type, UtcTime):
        return moment(value)
    kind = _kind(column)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise Contradiction(f"{column.key} is {str(value)[:60]!r}")
    return float(value) if kind == (int, float) else value


def is_json(column: Column[Any]) -> bool:
    """Whether a column holds JSON."""
    return isinstance(column.type, JSON) or isinstance(getattr(column.type, "impl", None), JSON)


def _kind(column: Column[Any]) -> Any:
    for type_, kind in ((Boolean, bool), (Integer, int), (Float, (int, float))):
        if isinstance(column.type, type_):
            return kind
    return str


def moment(value: Any) -> datetime:
    """A time as events say it."""
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise Contradiction(f"{str(value)[:60]!r} is no time") from None


def say_time(value: datetime | None) -> str | None:
    """A time as events say it."""
    return None if value is None else value.astimezone(UTC).isoformat()


def fold(tables: Tables, steps: Mapping[EventKind, Sequence[Step]], fact: Fact) -> list[Contradiction]:
    """One more event; returns what was wrong with it. A step that is refused changes nothing, the others do."""
    wrong = []
    for step in steps.get(fact.kind, ()):
        try:
            step(tables, fact)
        except Contradiction as error:
            wrong.append(error)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            wrong.append(Contradiction(f"cannot be read: {type(error).__name__} {error}"))
    return wrong
