"""The ranges of loops: `1..7`, `1..2^{disks}`, `{first}..{last}`. Whole numbers, + - * / ^ and parentheses."""

import re
from collections.abc import Callable, Mapping

from gastown.molecules.variables import substitute, substitute_single

_TOKEN = re.compile(r"\s*(?:(\d{1,9})|([-+*/^()]))")
_LARGEST = 10**9
_NESTING = 20


class BadRange(ValueError):
    """The text is no range; the message says why."""


def parse_range(text: str, values: Mapping[str, str]) -> range:
    """The numbers that a range means, both ends included."""
    filled = substitute_single(substitute(text, values), values)
    if "{" in filled:
        raise BadRange(f"a variable in {filled[:60]!r} has no value")
    first, dots, last = filled.partition("..")
    if not dots:
        raise BadRange(f"{filled[:60]!r} is not FIRST..LAST")
    start, end = _Sum(first).value(), _Sum(last).value()
    if end < start:
        raise BadRange(f"it ends ({end}) before it begins ({start})")
    return range(start, end + 1)


class _Sum:
    """One arithmetic expression, read from left to right."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        text = text.strip()
        while text:
            found = _TOKEN.match(text)
            if found is None:
                raise BadRange(f"{text[:40]!r} is no number and no sign")
            self.tokens.append(found[1] or found[2])
            text = text[found.end() :].lstrip()
        self.depth = 0

    def value(self) -> int:
        """What it comes to."""
        found = self._sum()
        if self.tokens:
            raise BadRange(f"{self.tokens[0]!r} is too much")
        return found

    def _next(self, *wanted: str) -> str:
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in wanted else ""

    def _sum(self) -> int:
        found = self._product()
        while sign := self._next("+", "-"):
            other = self._product()
            found = _bounded(found + other if sign == "+" else found - other)
        return found

    def _product(self) -> int:
        found = self._power()
        while sign := self._next("*", "/"):
            other = self._power()
            if sign == "/" and other == 0:
                raise BadRange("division by zero")
            found = _bounded(found * other if sign == "*" else found // other)
        return found

    def _power(self) -> int:
        base = self._atom()
        if not self._next("^"):
            return base
        exponent = self._deeper(self._power)
        if not 0 <= exponent <= 64:
            raise BadRange(f"the exponent {exponent} is not 0 to 64")
        return _bounded(_bounded(base) ** exponent)

    def _atom(self) -> int:
        if self._next("-"):
            return -self._deeper(self._atom)
        if self._next("("):
            found = self._deeper(self._sum)
            if not self._next(")"):
                raise BadRange("a parenthesis is not closed")
            return found
        if not self.tokens or not self.tokens[0].isdigit():
            raise BadRange("a number is missing")
        return int(self.tokens.pop(0))

    def _deeper(self, read: Callable[[], int]) -> int:
        self.depth += 1
        if self.depth > _NESTING:
            raise BadRange("too many parentheses and signs")
        found = read()
        self.depth -= 1
        return found


def _bounded(value: int) -> int:
    if abs(value) > _LARGEST:
        raise BadRange(f"a number is larger than {_LARGEST}")
    return value
