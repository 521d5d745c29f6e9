"""The demo's beads: what is to be done in which rig, what waits for what, and where things go wrong. Pure."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from gastown.town.demo import project_work, sample_work
from gastown.town.demo.work import Work

LEAST_BEADS = 12
MOST_BEADS = 200
BLOCK = "gastown-demo"
"""The name of the block in a bead's description that the demo's agent follows."""
# What an agent without a model spends on thinking, in seconds: long enough to be watched, short enough to wait for.
QUICKEST_S, SLOWEST_S = 0.4, 1.2


class Side(StrEnum):
    """Which of the demo's two rigs."""

    PROJECT = "project"  # the clone of a real repository
    SAMPLE = "sample"


@dataclass(frozen=True)
class Step:
    """One bead of the plan."""

    key: str
    side: Side
    work: Work
    seconds: float
    needs: tuple[str, ...]


def make_plan(count: int, *, seed: int, folder: str) -> list[Step]:
    """`count` beads in an order in which each follows what it needs; `folder` is where the first rig's work goes.

    Twelve to fourteen are a story; more are filled up with beads that wait for earlier ones, drawn by `seed`.
    """
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    works: dict[str, tuple[Side, Work]] = {
        **{work.key: (Side.SAMPLE, work) for work in sample_work.WORKS},
        **{work.key: (Side.PROJECT, work) for work in project_work.works(folder)},
    }
    spare = [key for key, (_, work) in works.items() if work.is_spare]
    for key in spare[: max(0, len(works) - count)]:
        del works[key]
    number = 0
    while len(works) < count:
        number += 1
        side = Side.PROJECT if number % 2 else Side.SAMPLE
        needs = tuple(sorted(chance.sample(sorted(works), chance.randint(0, 2))))
        make = _FILLERS[side]
        works[f"extra-{number}"] = (side, replace(make(number, folder), needs=needs))
    steps = [
        Step(key, side, work, work.seconds or round(chance.uniform(QUICKEST_S, SLOWEST_S), 2), work.needs)
        for key, (side, work) in works.items()
    ]
    return _in_order(steps)


_FILLERS: Mapping[Side, Callable[[int, str], Work]] = {
    Side.PROJECT: project_work.filler,
    Side.SAMPLE: sample_work.filler,
}


def _in_order(steps: Sequence[Step]) -> list[Step]:
    done: dict[str, Step] = {}
    left = list(steps)
    while left:
        ready = [step for step in left if all(need in done for need in step.needs)]
        if not ready:
            raise ValueError(f"these wait for one another: {', '.join(step.key for step in left)}")
        done |= {step.key: step for step in ready}
        left = [step for step in left if step.key not in done]
    return list(done.values())


def describe(step: Step) -> str:
    """The bead's description: words for people, then the block for the agent."""
    job: dict[str, Any] = {"seconds": step.seconds, "edits": step.work.edits}
    if step.work.dies:
        job["dies"] = True
    if step.work.mends:
        job["mends"] = step.work.mends
    if step.work.finds:
        job["finds"] = step.work.finds
    block = json.dumps(job, indent=1, ensure_ascii=False)
    return f"{step.work.text}\n\n```{BLOCK}\n{block}\n```"
