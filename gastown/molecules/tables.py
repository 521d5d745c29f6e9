"""Reading a document's tables: each value has the type that is asked for, and keys that nobody asked for are noted."""

from collections.abc import Mapping
from typing import Any

from gastown.molecules.errors import FormulaInvalid

_NESTING = 40


class Table:
    """One table of a document, at a place that messages name."""

    def __init__(self, data: Mapping[str, Any], source: str, place: str, unknown: list[str]) -> None:
        self.data = data
        self.source = source
        self.place = place
        self.unknown = unknown
        self._asked: set[str] = set()

    def refuse(self, what: str, *, hint: str | None = None) -> FormulaInvalid:
        """The error that this table is wrong."""
        named = self.data.get("id")
        place = f"{self.place} ({named[:60]})" if isinstance(named, str) and named else self.place
        return FormulaInvalid(self.source, place, what, hint=hint)

    def _get(self, key: str, kind: type, word: str, default: Any) -> Any:
        self._asked.add(key)
        value = self.data.get(key)
        if value is None:
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.refuse(f"{key} is not {word}")
        if isinstance(value, str):
            self._check_text(key, value)
        return value

    def _check_text(self, key: str, value: str) -> None:
        if "\x00" in value:
            raise self.refuse(f"{key} holds a null character")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self.refuse(f"{key} holds half of a surrogate pair") from None

    def text(self, key: str, default: str = "") -> str:
        """A text."""
        value: str = self._get(key, str, "a text", default)
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """True or false."""
        value: bool = self._get(key, bool, "true or false", default)
        return value

    def number(self, key: str, default: int = 0) -> int:
        """A whole number."""
        value: int = self._get(key, int, "a whole number", default)
        return value

    def has(self, key: str) -> bool:
        """Whether the document says anything under this key."""
        self._asked.add(key)
        return self.data.get(key) is not None

    def scalar(self, key: str) -> str | None:
        """A text, number or flag, as text; None where nothing is said."""
        self._asked.add(key)
        return None if self.data.get(key) is None else self._scalar(key, self.data[key])

    def _scalar(self, key: str, value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str | int | float):
            raise self.refuse(f"{key} is not a text, a number or a flag")
        self._check_text(key, str(value))
        return str(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        values = self._get(key, list, "a list of texts", [])
        if not all(isinstance(value, str) for value in values):
            raise self.refuse(f"{key} is not a list of texts")
        for value in values:
            self._check_text(key, value)
        return tuple(values)

    def words(self, key: str) -> tuple[str, ...]:
        """A list of texts, numbers or flags, as texts."""
        values: list[Any] = self._get(key, list, "a list", [])
        return tuple(self._scalar(key, value) for value in values)

    def scalars(self, key: str) -> dict[str, str]:
        """A table of texts, numbers or flags."""
        values: dict[str, Any] = self._get(key, dict, "a table", {})
        return {name: self._scalar(f"{key}.{name}", value) for name, value in values.items()}

    def values(self, key: str) -> dict[str, Any]:
        """A table of anything that JSON can hold."""
        values: dict[str, Any] = self._get(key, dict, "a table", {})
        return {name: self._plain(f"{key}.{name}", value) for name, value in values.items()}

    def _plain(self, key: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._plain(f"{key}.{name}", item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._plain(key, item) for item in value]
        if isinstance(value, str):
            self._check_text(key, value)
        if value is None or isinstance(value, str | int | float):
            return value
        return str(value)  # a date of TOML

    def named(self, key: str) -> dict[str, Any]:
        """A table whose keys are names that the document chose."""
        values: dict[str, Any] = self._get(key, dict, "a table", {})
        return values

    def table(self, key: str) -> "Table | None":
        """A table inside this one."""
        value = self._get(key, dict, "a table", None)
        return None if value is None else self.inside(key, value)

    def tables(self, key: str, *, or_one: bool = False) -> list["Table"]:
        """A list of tables; `or_one` takes a table for a list of one."""
        if or_one and isinstance(self.data.get(key), dict):
            return [self.inside(key, self.named(key))]
        values = self._get(key, list, "a list of tables", [])
        if not all(isinstance(value, dict) for value in values):
            raise self.refuse(f"{key} is not a list of tables")
        return [self.inside(f"{key}[{number}]", value) for number, value in enumerate(values)]

    def inside(self, key: str, data: Mapping[str, Any]) -> "Table":
        """A table at `key` below this one."""
        if self.place.count(".") > _NESTING:
            raise self.refuse(f"nested more than {_NESTING} deep")
        return Table(data, self.source, f"{self.place}.{key}" if self.place else key, self.unknown)

    def need(self, key: str) -> str:
        """A text that may not be missing."""
        value = self.text(key).strip()
        if not value:
            raise self.refuse(f"{key} is required")
        return value

    def end(self) -> None:
        """Note the keys that nobody asked for."""
        where = f"{self.place}." if self.place else ""
        self.unknown.extend(f"{where}{key}"[:200] for key in self.data if key not in self._asked)
