"""What the log and the tables say differently."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

_LONGEST = 120


class Flaw(StrEnum):
    """In what way they differ."""

    VALUE = "value"  # a column holds something else than the log says
    MISSING = "missing"  # the log tells of a row that is not there
    SURPLUS = "surplus"  # a row is there of which the log tells nothing
    EVENT = "event"  # an event cannot be, or cannot be read
    GAP = "gap"  # a number of a series does not follow the one before it
    TABLE = "table"  # a table that no reducer and no exception names


@dataclass(frozen=True)
class Difference:
    """One thing that differs."""

    flaw: Flaw
    table: str = ""
    row: str = ""
    """Its primary key."""
    column: str = ""
    said: Any = None
    """By the log."""
    held: Any = None
    """By the row."""
    event: int | None = None
    """The event that is wrong."""
    what: str = ""

    def __str__(self) -> str:
        """In one sentence, for people."""
        where = f"{self.table} {self.row}"
        match self.flaw:
            case Flaw.VALUE:
                return f"{where}, {self.column}: the log says {_show(self.said)}, the row says {_show(self.held)}"
            case Flaw.MISSING:
                return f"{where}: the log tells of it, and the table has no such row"
            case Flaw.SURPLUS:
                return f"{where}: the row is there, and no event tells of it"
            case Flaw.TABLE:
                return f"table {self.table}: {self.what}"
        return f"event {self.event} {self.what}"

    def as_json(self) -> dict[str, Any]:
        """As `--json` shows it."""
        values = {"said": _plain(self.said), "held": _plain(self.held)} if self.flaw is Flaw.VALUE else {}
        named = {"table": self.table, "row": self.row, "column": self.column, "event": self.event}
        return {"flaw": self.flaw.value, **{k: v for k, v in named.items() if v}, **values, "message": str(self)}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _show(value: Any) -> str:
    text = json.dumps(_plain(value), ensure_ascii=False, default=str)
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
