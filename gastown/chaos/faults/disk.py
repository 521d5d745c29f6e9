"""The disk is under its floor for a while: the floor is raised above what is free, since no disk is ours to fill."""

import random
import shutil
from dataclasses import dataclass
from functools import partial

from sqlmodel import Session

from gastown import clock, policy
from gastown.chaos.evidence import Fault
from gastown.chaos.faults.base import Begun
from gastown.chaos.ground import Ground
from gastown.chaos.wanted import policy_of

KEY = "disk.floor_mb"
SHORTEST_S, LONGEST_S = 3.0, 6.0
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class LowDisk:
    """Raises the floor and lowers it again."""

    kind: str = "disk.floor"

    def begin(self, ground: Ground, chance: random.Random) -> Begun | None:
        """Raise it."""
        free = shutil.disk_usage(ground.wanted.folder).free // _MEGABYTE
        before = policy_of(ground.wanted)[KEY]
        at = clock.now()
        ground.transact(partial(_set, value=2 * free + 1, actor=ground.wanted.actor))
        back = partial(_set, value=before, actor=ground.wanted.actor)
        return Begun(
            Fault(at, self.kind, "setting"), chance.uniform(SHORTEST_S, LONGEST_S), lambda: _lower(ground, back)
        )


def _lower(ground: Ground, back: "partial[object]") -> None:
    ground.transact(back)


def _set(session: Session, *, value: object, actor: str) -> object:
    return policy.set_value(session, KEY, str(value), actor=actor)
