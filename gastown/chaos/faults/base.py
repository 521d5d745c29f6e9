"""What a fault is to the driver."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gastown.chaos.evidence import Fault
from gastown.chaos.ground import Ground


@dataclass(frozen=True)
class Begun:
    """A fault that has been brought about."""

    fault: Fault
    lasts_s: float = 0
    end: Callable[[], None] | None = None
    """Takes it back; None: there is nothing to take back."""


class Bringer(Protocol):
    """Brings about faults of one kind."""

    @property
    def kind(self) -> str:
        """As in `Fault.kind`."""

    def begin(self, ground: Ground, chance: random.Random) -> Begun | None:
        """Bring one about; None while there is nothing to hit."""
