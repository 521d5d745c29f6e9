"""Trains on a virtual clock: what a rate of bad requests costs, decided by the very code that decides for real.

Every gate run takes one unit of time, merging and landing take none. What this makes up is the requests, which of them
are bad or clash with another, and when the gates fail for nothing; what to run, to land and to send back is asked of
`planning.py`, and the odds are learnt from one train to the next as a rig learns them.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from gastown.refinery.odds import Tally
from gastown.refinery.planning import Evidence, Mode, Plan, Prefix, Situation, is_condemned, plan

# Runs after which a single train is given up: the planning would never end. No train comes near it.
MOST_RUNS_A_REQUEST = 200


class Endless(RuntimeError):
    """A train did not come to its end: a bug in the planning."""


@dataclass(frozen=True)
class World:
    """One made-up train: the requests, and what is wrong with them."""

    riders: Prefix
    bad: frozenset[int]
    clashes: frozenset[frozenset[int]]
    """Pairs that are good apart and red together."""
    flaky: float

    def is_bad(self, tree: Prefix) -> bool:
        """Whether sound gates would fail on this merge."""
        inside = frozenset(tree)
        return not inside.isdisjoint(self.bad) or any(pair <= inside for pair in self.clashes)


@dataclass
class Journey:
    """What became of one train."""

    gate_runs: int = 0
    confirm_runs: int = 0
    landed: list[int] = field(default_factory=list)
    landed_at: list[float] = field(default_factory=list)
    ejected: list[int] = field(default_factory=list)
    wrong_ejections: int = 0
    red_commits: int = 0
    decided_at: float = 0.0

    @property
    def makespan(self) -> float:
        """When the last request was on the target."""
        return max(self.landed_at, default=self.decided_at)


def make_world(random: Random, requests: int, bad: int, clashes: int, flaky: float) -> World:
    """So many requests, of which so many are bad and so many pairs clash, all anywhere."""
    riders = tuple(range(1, requests + 1))
    pairs = frozenset(frozenset(random.sample(riders, 2)) for _ in range(clashes))
    return World(riders, frozenset(random.sample(riders, bad)), pairs, flaky)


@dataclass
class _Train:
    world: World
    runners: int
    mode: Mode
    random: Random
    tally: Tally
    now: float = 0.0
    target: Prefix = ()
    riders: Prefix = ()
    aside: dict[int, Prefix] = field(default_factory=dict)
    """The merge with which each of those set aside was red."""
    reds: dict[Prefix, int] = field(default_factory=dict)
    greens: set[Prefix] = field(default_factory=set)
    running: dict[Prefix, bool] = field(default_factory=dict)
    """Merges at the gates; whether the run confirms."""
    ends: list[tuple[float, int, Prefix]] = field(default_factory=list)
    journey: Journey = field(default_factory=Journey)

    def travel(self) -> Journey:
        self.riders = self.world.riders
        while self.riders or self.aside:
            decided = self._decide()
            if self.riders or self.aside:
                self._start(decided)
                self._await()
        self.journey.decided_at = self.now
        return self.journey

    def _decide(self) -> Plan:
        while True:
            made = plan(Situation(self.riders, self.runners, self._evidence(), self.tally.odds(), self.mode))
            if made.land:
                self._land(made.land)
            elif made.suspect is not None:
                self.aside[made.suspect] = (*self.target, made.suspect)
                self.riders = tuple(rider for rider in self.riders if rider != made.suspect)
            elif not self._settle():
                return made

    def _evidence(self) -> dict[Prefix, Evidence]:
        depth = len(self.target)
        known = {*self.reds, *self.greens, *self.running}
        return {
            tree[depth:]: Evidence(self.reds.get(tree, 0), tree in self.greens, tree in self.running)
            for tree in known
            if len(tree) > depth and tree[:depth] == self.target
        }

    def _land(self, riders: Prefix) -> None:
        self.target += riders
        self.journey.red_commits += self.world.is_bad(self.target)
        self.journey.landed += riders
        self.journey.landed_at += [self.now] * len(riders)
        self.tally.good += len(riders)
        self.riders = tuple(rider for rider in self.riders if rider not in riders)

    def _settle(self) -> bool:
        for rider, tree in self.aside.items():
            if tree in self.greens:
                self.riders = (*self.riders, rider)
            elif is_condemned(self.reds[tree], self.tally.odds()):
                self.journey.ejected.append(rider)
                self.journey.wrong_ejections += not self.world.is_bad((*self.target, rider))
                self.tally.bad += 1
            else:
                continue
            del self.aside[rider]
            return True
        return False

    def _start(self, made: Plan) -> None:
        for riders in made.runs:
            self._run((*self.target, *riders), confirms=False)
        for tree in self.aside.values():
            self._run(tree, confirms=True)

    def _run(self, tree: Prefix, *, confirms: bool) -> None:
        if tree in self.running or len(self.running) >= self.runners:
            return
        self.running[tree] = confirms
        number = self.journey.gate_runs + self.journey.confirm_runs
        if number > MOST_RUNS_A_REQUEST * len(self.world.riders):
            raise Endless(f"{number} runs for {len(self.world.riders)} requests")
        self.journey.confirm_runs += confirms
        self.journey.gate_runs += not confirms
        heapq.heappush(self.ends, (self.now + 1, number, tree))

    def _await(self) -> None:
        """Let time pass until a run ends, and take every result of that moment."""
        self.now = self.ends[0][0]
        while self.ends and self.ends[0][0] <= self.now:
            _, _, tree = heapq.heappop(self.ends)
            del self.running[tree]
            if self.world.is_bad(tree) or self.random.random() < self.world.flaky:
                self.reds[tree] = self.reds.get(tree, 0) + 1
                self.tally.sound += 1
                continue
            self.tally.flaky += self.reds.get(tree, 0)
            self.tally.sound += 1
            self.greens.add(tree)


def travel(world: World, *, runners: int, mode: Mode, random: Random, tally: Tally) -> Journey:
    """Send one made-up train on its way, with what was learnt before."""
    return _Train(world, runners, mode, random, tally).travel()


@dataclass(frozen=True)
class Figures:
    """Means over trains; times in gate times, confirming runs counted apart from the others."""

    gate_runs_mean: float
    confirm_runs_mean: float
    makespan_mean: float
    decided_mean: float
    time_to_main_mean: float
    landed_mean: float
    ejected_mean: float
    wrong_ejections: int
    red_commits: int
    landed: int
    trials: int


def simulate(  # noqa: PLR0913 - what is varied; all are keywords
    *,
    requests: int,
    bad: int,
    runners: int,
    trials: int,
    mode: Mode = Mode.FAST,
    flaky: float = 0.0,
    clashes: int = 0,
    seed: int = 0,
) -> Figures:
    """Send so many trains on their way, one after the other. The same arguments give the same figures."""
    random, tally = Random(seed), Tally()  # noqa: S311 - dice, no secrets
    journeys = list(_journeys(random, tally, requests, bad, clashes, flaky, trials, runners, mode))
    return _summary(journeys)


def _journeys(  # noqa: PLR0913 - as above
    random: Random,
    tally: Tally,
    requests: int,
    bad: int,
    clashes: int,
    flaky: float,
    trials: int,
    runners: int,
    mode: Mode,
) -> Iterator[Journey]:
    for _ in range(trials):
        world = make_world(random, requests, bad, clashes, flaky)
        yield travel(world, runners=runners, mode=mode, random=random, tally=tally)


def _summary(journeys: Sequence[Journey]) -> Figures:
    count = len(journeys)
    landed = sum(len(journey.landed) for journey in journeys)
    waited = sum(sum(journey.landed_at) for journey in journeys)
    return Figures(
        gate_runs_mean=round(sum(journey.gate_runs for journey in journeys) / count, 3),
        confirm_runs_mean=round(sum(journey.confirm_runs for journey in journeys) / count, 3),
        makespan_mean=round(sum(journey.makespan for journey in journeys) / count, 3),
        decided_mean=round(sum(journey.decided_at for journey in journeys) / count, 3),
        time_to_main_mean=round(waited / landed, 3) if landed else 0.0,
        landed_mean=round(landed / count, 3),
        ejected_mean=round(sum(len(journey.ejected) for journey in journeys) / count, 3),
        wrong_ejections=sum(journey.wrong_ejections for journey in journeys),
        red_commits=sum(journey.red_commits for journey in journeys),
        landed=landed,
        trials=count,
    )
