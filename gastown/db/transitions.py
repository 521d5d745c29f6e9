"""Status changes are checked against a table; nothing else decides them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from gastown.errors import Conflict

S = TypeVar("S", bound=StrEnum)


class IllegalTransition(Conflict):
    """The row is not in a state from which this change is allowed."""


class Transitions(Generic[S]):
    """Which status may follow which."""

    def __init__(self, noun: str, allowed: Mapping[S, frozenset[S]]) -> None:
        self.noun = noun
        self.allowed = allowed

    def check(self, subject: str, old: S, new: S) -> None:
        """Refuse a change that the table does not list."""
        if new not in self.allowed.get(old, frozenset()):
            raise IllegalTransition(f"{self.noun} {subject} is {old}, which {new} may not follow")

    def sources(self, new: S) -> tuple[S, ...]:
        """The statuses that `new` may follow."""
        return tuple(old for old, following in self.allowed.items() if new in following)
