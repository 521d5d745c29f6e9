"""What a worker process has that its sessions share."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sqlmodel import Session

from gastown.config import Settings
from gastown.sessions.book import LeaseBook
from gastown.sessions.channel import Ask
from gastown.sessions.saver import Saver

T = TypeVar("T")
Work = Callable[[], AbstractContextManager[Session]]


@dataclass
class Office:
    """One worker process: its identity, its ways to SQL, its leases, and how it answers agents."""

    settings: Settings
    holder: str
    transact: "Callable[[Callable[[Session], object]], object]"
    """Runs a function in a unit of work, again when the database asks for that."""
    keeper_socket: Path
    book: LeaseBook
    answer: Ask
    """Runs an agent's `gt` or `bd` command."""
    stopping: threading.Event = field(default_factory=threading.Event)
    claims: set[int] = field(default_factory=set)
    """The threads that claim something just now: what they get is ours before it is in the book."""
    saver: Saver = field(default_factory=Saver)
    """Saves what runs."""
    tidied_at: dict[str, float] = field(default_factory=dict)
    """When each kind of upkeep was done last, by the monotonic clock."""

    def do(self, act: Callable[[Session], T]) -> T:
        """Run `act` in a unit of work and return what it returns."""
        return self.transact(act)  # type: ignore[return-value]
