"""What a check says, and what it is given."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import Session

from gastown.config import Settings


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"  # somebody should look when there is time
    ERROR = "error"  # work stands still, or may be lost


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    check: str
    subject: str
    """What it is about: a rig, a bead, a worker; empty for the town as a whole."""
    message: str
    hint: str = ""
    """What to do; never a deletion."""


@dataclass(frozen=True)
class Here:
    """The place that a check looks from."""

    settings: Settings
    read: Callable[[], AbstractContextManager[Session]]
    """Opens a reading session on the town's database."""


@dataclass(frozen=True)
class Fault:
    """What a check found wrong, before it has the check's name on it."""

    level: Level
    subject: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Check:
    """One thing to look at."""

    name: str
    look: Callable[[Here], Iterable[Fault]]
    all_well: str
    """What to say when nothing is wrong."""
    needs_sql: bool = True
    is_first: bool = False
    """When it says an error, those that need SQL are left out."""


def warning(subject: str, message: str, hint: str = "") -> Fault:
    """Something that somebody should look at."""
    return Fault(Level.WARNING, subject, message, hint)


def error(subject: str, message: str, hint: str = "") -> Fault:
    """Something that keeps work from going on."""
    return Fault(Level.ERROR, subject, message, hint)
