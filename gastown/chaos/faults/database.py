"""The database goes away for some seconds; of one that is not ours only our connections are cut."""

import random
from dataclasses import dataclass

from sqlalchemy import text
from sqlmodel import Session

from gastown import clock
from gastown.chaos.evidence import Fault
from gastown.chaos.faults.base import Begun
from gastown.chaos.ground import Ground

SHORTEST_S, LONGEST_S = 0.5, 3.0
_CUT = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True)
class RestartDatabase:
    """Stops the run's own server, every second time as if it had crashed, and starts it again."""

    kind: str = "restart.database"

    def begin(self, ground: Ground, chance: random.Random) -> Begun | None:
        """Stop it."""
        at, server = clock.now(), ground.server
        if server is None:
            return Begun(Fault(at, "cut.database", f"{ground.ask(_cut)} connections"))
        crash = chance.random() < 0.5
        server.halt(crash=crash)
        how = "immediate" if crash else "fast"
        return Begun(Fault(at, self.kind, f"postgresql ({how})"), chance.uniform(SHORTEST_S, LONGEST_S), server.restart)


def _cut(session: Session) -> int:
    return int(session.execute(_CUT).scalar() or 0)
