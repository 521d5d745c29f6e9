"""SIGSTOP of a worker for longer than a lease lasts, then SIGCONT: it wakes up as if nothing had happened."""

import random
import signal
from dataclasses import dataclass, replace

from gastown import clock
from gastown.chaos import processes
from gastown.chaos.evidence import Fault
from gastown.chaos.faults import victims
from gastown.chaos.faults.base import Begun
from gastown.chaos.ground import Ground

# Of the lease's length.
LEAST, MOST = 1.2, 1.6
ROLES = ("sessions", "refinery", "gates", "town")


@dataclass(frozen=True)
class StopWorker:
    """Stops a worker and lets it go on."""

    kind: str = "stop"

    def begin(self, ground: Ground, chance: random.Random) -> Begun | None:
        """Stop one."""
        found = victims.workers(ground, chance.choice(ROLES))
        if not found:
            return None
        victim = chance.choice(sorted(found, key=lambda one: one.what))
        fault = Fault(clock.now(), self.kind, f"{victim.what} ({victim.process.pid})")
        if not processes.send(victim.process, signal.SIGSTOP):
            return None
        lasts_s = ground.wanted.ttl_s * chance.uniform(LEAST, MOST)
        return Begun(replace(fault), lasts_s, lambda: _go_on(victim.process))


def _go_on(process: processes.Process) -> None:
    processes.send(process, signal.SIGCONT)
