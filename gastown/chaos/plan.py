"""What the town is given to do: beads over the rigs, some of which depend, clash, fail or hope in vain. Pure."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

# Of a hundred beads.
BAD_PERCENT = 4
CLASHING_PERCENT = 6
NEEDING_PERCENT = 20
CONVOYS, MOST_IN_CONVOY = 2, 12
# A bead needs others that are at most so many places before it: longer chains would only slow the run down.
REACH = 40
QUICKEST_S, SLOWEST_S = 0.4, 2.4


class Kind(StrEnum):
    """How a bead's agent behaves."""

    GOOD = "good"
    BAD = "bad"  # what it hands in first fails the gate
    CLASH = "clash"  # writes where another one writes
    HOPELESS = "hopeless"  # dies at once, every time


@dataclass(frozen=True)
class Step:
    """One bead of the plan."""

    number: int
    rig: str
    kind: Kind
    seconds: float
    """What its agent spends on thinking."""
    path: str
    """The file that it writes."""
    needs: tuple[int, ...]
    """Numbers of earlier steps."""
    convoy: int | None
    priority: int

    def order(self) -> str:
        """What its agent is told."""
        return f"{self.kind}\t{self.seconds}\t{self.path}"


def rig_names(count: int) -> list[str]:
    """The names of so many rigs."""
    return [f"rig{number}" for number in range(1, count + 1)]


def make_plan(beads: int, rigs: Sequence[str], *, hopeless: int, seed: int) -> list[Step]:
    """`beads` steps, drawn by `seed`, in an order in which each follows what it needs."""
    chance = random.Random(f"plan {seed}")  # noqa: S311 - nothing secret
    numbers = list(range(beads))
    kinds = _draw_kinds(numbers, hopeless, chance)
    partners = _pair([number for number in numbers if kinds[number] is Kind.CLASH])
    steps: list[Step] = []
    able: list[int] = []
    for number in numbers:
        kind, partner = kinds[number], partners.get(number, number)
        first = min(number, partner)
        lone = kind is Kind.HOPELESS or partner != number
        wants = not lone and able and chance.uniform(0, 100) < NEEDING_PERCENT
        needs = chance.sample(able[-REACH:], min(len(able), chance.randint(1, 2))) if wants else []
        steps.append(
            Step(
                number=number,
                rig=rigs[first % len(rigs)],  # those that clash are in one rig
                kind=kind,
                seconds=round(chance.uniform(QUICKEST_S, SLOWEST_S), 2),
                path=f"parts/both-{first}.txt" if partner != number else f"parts/{number % 100:02d}/{number}.txt",
                needs=tuple(sorted(needs)),
                convoy=None,
                priority=chance.choice((1, 2, 2, 2, 3)),
            )
        )
        if kind is not Kind.HOPELESS:
            able.append(number)
    return _with_convoys(steps, able, chance)


def _draw_kinds(numbers: Sequence[int], hopeless: int, chance: random.Random) -> Mapping[int, Kind]:
    bad = round(len(numbers) * BAD_PERCENT / 100)
    clashing = 2 * round(len(numbers) * CLASHING_PERCENT / 200)
    odd = [*[Kind.HOPELESS] * hopeless, *[Kind.BAD] * bad, *[Kind.CLASH] * clashing][: len(numbers)]
    drawn = dict(zip(chance.sample(numbers, len(odd)), odd, strict=True))
    return {number: drawn.get(number, Kind.GOOD) for number in numbers}


def _pair(numbers: Sequence[int]) -> dict[int, int]:
    """Neighbours, so that they are worked on at about the same time."""
    pairs = list(zip(numbers[::2], numbers[1::2], strict=False))
    return {**dict(pairs), **{second: first for first, second in pairs}}


def _with_convoys(steps: Sequence[Step], able: Sequence[int], chance: random.Random) -> list[Step]:
    size = min(MOST_IN_CONVOY, len(able) // (2 * CONVOYS))
    drawn = chance.sample(list(able), size * CONVOYS)
    convoy = {number: place % CONVOYS for place, number in enumerate(drawn)}
    return [replace(step, convoy=convoy.get(step.number)) for step in steps]
