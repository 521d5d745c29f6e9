"""SIGKILL: of workers, agents, gates, git, beat, the relay of the outbox."""

import random
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gastown import clock
from gastown.chaos import processes
from gastown.chaos.evidence import Fault
from gastown.chaos.faults import victims
from gastown.chaos.faults.base import Begun
from gastown.chaos.faults.victims import Victim
from gastown.chaos.ground import Ground

# Some live for milliseconds only: looked for as long as this before something else is hit.
PATIENCE_S = 1.0


@dataclass(frozen=True)
class Kill:
    """Kills one of those that it finds."""

    kind: str
    find: Callable[[Ground], Sequence[Victim]]

    def begin(self, ground: Ground, chance: random.Random) -> Begun | None:
        """Kill one that is there; looks again for a moment while there is none."""
        deadline = clock.monotonic() + PATIENCE_S
        while True:
            found = sorted(self.find(ground), key=lambda victim: (victim.what, victim.process.pid))
            while found:
                victim = found.pop(chance.randrange(len(found)))
                at = clock.now()
                if processes.send(victim.process, signal.SIGKILL):
                    return Begun(Fault(at, self.kind, f"{victim.what} ({victim.process.pid})", bead=victim.bead))
            if clock.monotonic() > deadline:
                return None


def _beats(ground: Ground) -> list[Victim]:
    return [
        Victim(process, name)
        for name, process in victims.services_of(ground).items()
        if name.partition("/")[2].startswith("beat")
    ]


KILLS: dict[str, tuple[Kill, int]] = {
    kill.kind: (kill, weight)
    for kill, weight in (
        (Kill("kill.worker.sessions", lambda ground: victims.workers(ground, "sessions")), 3),
        (Kill("kill.worker.refinery", lambda ground: victims.workers(ground, "refinery")), 3),
        (Kill("kill.worker.gates", lambda ground: victims.workers(ground, "gates")), 2),
        (Kill("kill.worker.town", lambda ground: victims.workers(ground, "town")), 2),
        # The child of the town worker's pool, which sweeps the outbox.
        (Kill("kill.relay", lambda ground: victims.children(ground, "town", are_git=False)), 2),
        (Kill("kill.agent", victims.agents), 8),
        (Kill("kill.gate", lambda ground: victims.children(ground, "gates", are_git=False)), 3),
        (Kill("kill.git", lambda ground: victims.children(ground, "refinery", "gates", "sessions", are_git=True)), 5),
        (Kill("kill.beat", _beats), 2),
    )
}
"""Every kind of kill, and how often it is drawn."""
