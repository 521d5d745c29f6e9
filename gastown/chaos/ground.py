"""Where a chaos run happens: the town's hosts, its remotes, and what the run itself keeps outside of the system."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sqlmodel import Session

from gastown import config
from gastown.chaos.evidence import Remote
from gastown.chaos.launcher import Order
from gastown.chaos.servers import PostgresServer
from gastown.chaos.wanted import Wanted
from gastown.db import unit_of_work as work

T = TypeVar("T")
Say = Callable[[str], None]


@dataclass
class Ground:
    """Where the run happens."""

    wanted: Wanted
    say: Say
    hosts: list[config.Settings] = field(default_factory=list)
    remotes: dict[str, Remote] = field(default_factory=dict)
    server: PostgresServer | None = None
    ids: dict[int, str] = field(default_factory=dict)
    """Beads by the number of their step."""
    convoys: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The town's database."""
        return self.hosts[0].database

    @property
    def journal(self) -> Path:
        """The agents' journal."""
        return self.wanted.folder / "journal.jsonl"

    @property
    def orders(self) -> Path:
        """What the agents are told, a file a bead."""
        return self.wanted.folder / "orders"

    @property
    def tally(self) -> Path:
        """A letter for each doorbell that went wrong."""
        return self.wanted.folder / "doorbells"

    def transact(self, act: Callable[[Session], T]) -> T:
        """Run `act` in a unit of work."""
        return work.transact(act, self.url)

    def ask(self, look: Callable[[Session], T]) -> T:
        """What `look` sees."""
        with work.reading(self.url) as session:
            return look(session)

    def wrong(self) -> Order:
        """What is wrong with the doorbells that our processes ring."""
        wanted = self.wanted
        share = wanted.doorbell_faults / 100
        if wanted.drop_doorbells:
            return Order(lost=1, tally=str(self.tally))
        return Order(lost=share, doubled=share, overtaken=share, seed=wanted.seed, tally=str(self.tally))
