"""What a check says, what it is given, and what may be done about what it found."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from sqlmodel import Session

from gastown.config import Settings
from gastown.errors import Refused
from gastown.patrols.models import Level

T = TypeVar("T")


class Category(StrEnum):
    """What a check is about; `gt doctor` groups by it."""

    CORE = "core"  # the town's own folder, database, settings
    INFRASTRUCTURE = "infrastructure"  # what the town's processes need: Redis, git, disk, workers, ticks
    RIG = "rig"  # repositories, remotes, targets, gates
    AGENTS = "agents"  # presets, sessions, worktrees
    WORK = "work"  # attempts, requests, convoys, escalations
    CLEANUP = "cleanup"  # what crashes leave behind


class Patrol(StrEnum):
    """Who looks at a check by itself, time and again."""

    WITNESS = "witness"  # the rigs' sessions and what hangs on their hooks
    DEACON = "deacon"  # the town: workers, queues, convoys, gates, disk
    BOOT = "boot"  # the deacon itself


class Transact(Protocol):
    """Runs a function in a unit of work, again when the database asks for that."""

    def __call__(self, act: Callable[[Session], T], /) -> T:
        """Run `act`."""


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
class Hands:
    """What a mend works with."""

    here: Here
    transact: Transact
    actor: str


class NotMended(Refused):
    """The step was not taken: what it would have put at risk is said."""


@dataclass(frozen=True)
class Check:
    """One thing to look at."""

    name: str
    look: Callable[[Here], Iterable[Fault]]
    all_well: str
    """What to say when nothing is wrong."""
    category: Category = Category.CORE
    patrol: Patrol | None = None
    """Who looks periodically; None: only people who ask."""
    mend: Callable[[Hands, Fault], str] | None = None
    """The next safe step about one fault. Looks again first, changes nothing when the fault is gone, never destroys
    work, is harmless twice; returns what it did, for people, empty when there was nothing to do. Raises NotMended."""
    is_automatic: bool = False
    """Whether the patrol takes that step by itself; else only `gt doctor --fix` does."""
    is_local: bool = False
    """Whether it sees this host alone: then each host looks for itself, and its findings name the host."""
    needs_network: bool = False
    is_slow: bool = False
    """Whether it takes time that grows with the town's history: `gt doctor --slow` runs it."""
    needs_sql: bool = True
    is_first: bool = False
    """When it says an error, those that need SQL are left out."""


def warning(subject: str, message: str, hint: str = "") -> Fault:
    """Something that somebody should look at."""
    return Fault(Level.WARNING, subject, message, hint)


def error(subject: str, message: str, hint: str = "") -> Fault:
    """Something that keeps work from going on."""
    return Fault(Level.ERROR, subject, message, hint)
