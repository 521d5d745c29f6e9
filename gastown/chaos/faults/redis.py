"""Redis loses all that it holds, or restarts."""

import contextlib
import random
import signal
from dataclasses import dataclass

from gastown import clock, queue
from gastown.chaos import processes
from gastown.chaos.evidence import Fault
from gastown.chaos.faults import victims
from gastown.chaos.faults.base import Begun
from gastown.chaos.ground import Ground


@dataclass(frozen=True)
class Flush:
    """FLUSHALL."""

    kind: str = "flush"

    def begin(self, ground: Ground, chance: random.Random) -> Begun | None:
        """Wipe it; None while it does not answer."""
        at = clock.now()
        with contextlib.suppress(Exception):  # whatever keeps it from answering, it is tried again
            queue.get_redis().flushall()
            return Begun(Fault(at, self.kind, ground.hosts[0].redis))
        return None


@dataclass(frozen=True)
class RestartRedis:
    """SIGKILL; its supervisor starts it anew with what was on disk."""

    kind: str = "restart.redis"

    def begin(self, ground: Ground, chance: random.Random) -> Begun | None:
        """Kill it."""
        process = victims.services_of(ground).get(f"{ground.hosts[0].host_id}/redis")
        at = clock.now()
        if process is None or not processes.send(process, signal.SIGKILL):
            return None
        return Begun(Fault(at, self.kind, f"redis ({process.pid})"))
