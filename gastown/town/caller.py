"""The process that runs a tick."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlmodel import Session

from gastown import logs
from gastown.config import Settings
from gastown.errors import Unavailable

log = logs.get(__name__)
T = TypeVar("T")


class Transact(Protocol):
    """Runs a function in a unit of work, again when the database asks for that."""

    def __call__(self, act: Callable[[Session], T], /) -> T:
        """Run `act`."""


@dataclass(frozen=True)
class Caller:
    """Its ways to SQL and its name."""

    settings: Settings
    holder: str
    transact: Transact
    read: Callable[[], AbstractContextManager[Session]]


def try_step(step: Callable[[Caller], object], caller: Caller) -> None:
    """One step's trouble is not another's: what it left is found again by the next tick."""
    try:
        step(caller)
    except Unavailable:
        raise
    except Exception:
        log.exception("a step of the tick failed; the others go on")
