"""Column types that mean the same on both databases."""

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import JSON, DateTime, Dialect, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

# JSON of our own making: text on SQLite, jsonb on PostgreSQL.
JsonObject = JSON().with_variant(JSONB(), "postgresql")


class UtcTime(TypeDecorator[datetime]):
    """An aware instant, kept in UTC with microseconds. Refuses naive values."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse what has no zone; SQLite's text column gets the UTC wall time, which sorts."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive time for an aware column: {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give SQLite's wall time its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class JsonFacts(TypeDecorator[dict[str, Any]]):
    """A JSON object by name; what somebody wrote there that is none is handed out as `{"unreadable": ...}`."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """As `JsonObject`."""
        return dialect.type_descriptor(JSONB() if dialect.name == "postgresql" else JSON())

    def process_result_value(self, value: Any, dialect: Dialect) -> dict[str, Any]:
        """Never anything but an object."""
        return value if isinstance(value, dict) else {"unreadable": value}


def read_json(text: str) -> Any:
    """Decode a JSON column of a database that does not check them; what is no JSON is handed out as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return {"unreadable": text}


class UnknownWord(str):
    """What a column holds that none of its values is: written by hand, or by a newer version of this program.

    It equals no value, so that nothing is done about its row, and a list with such a row can be read all the same.
    """

    @property
    def value(self) -> str:
        """The word, as a value of the column would say it."""
        return str(self)


class _EnumText(TypeDecorator[StrEnum]):
    impl = String
    cache_ok = True

    def __init__(self, kind: type[StrEnum]) -> None:
        super().__init__(32)
        self.kind = kind
        self._known = frozenset(kind)

    def process_bind_param(self, value: StrEnum | UnknownWord | None, dialect: Dialect) -> str | None:
        if value is None or isinstance(value, UnknownWord):
            return value  # what nobody knows is looked for as it is
        return self.kind(value).value

    def process_result_value(self, value: Any, dialect: Dialect) -> StrEnum | None:
        if value is None:
            return None
        return self.kind(value) if value in self._known else cast(StrEnum, UnknownWord(value))


def enum_column(kind: type[StrEnum]) -> _EnumText:
    """A text column that holds the values of `kind` and nothing else."""
    return _EnumText(kind)
