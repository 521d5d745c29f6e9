"""When which fault happens, drawn by the seed. Pure.

A moment is a share of the work that is done, so that the faults are spread over the work whatever the machine.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gastown.chaos.wanted import Counts

EARLIEST, LATEST = 0.01, 0.9


@dataclass(frozen=True)
class Moment:
    """One fault that is to come."""

    share: float
    kind: str


def make_schedule(counts: Counts, kills: Mapping[str, int], *, seed: int) -> list[Moment]:
    """Every fault with its moment, in order; `kills` are the kinds of kills with their weights."""
    chance = random.Random(f"schedule {seed}")  # noqa: S311 - nothing secret
    kinds: Sequence[str] = [
        *chance.choices(list(kills), weights=list(kills.values()), k=counts.kills),
        *["flush"] * counts.flushes,
        *["stop"] * counts.stops,
        *["restart.redis"] * counts.redis_restarts,
        *["restart.database"] * counts.database_restarts,
        *["disk.floor"] * counts.floors,
    ]
    moments = [Moment(round(chance.uniform(EARLIEST, LATEST), 4), kind) for kind in kinds]
    return sorted(moments, key=lambda moment: moment.share)
