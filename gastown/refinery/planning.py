"""What a train does next: how much of it lands, whom it sets aside, which runs of the gates it wants. Pure.

A train is a line of requests in the order in which they boarded, on a green base. A *prefix* is the merge of its first
so many riders; a gate run says green or red of one. Nothing is remembered from one plan to the next: the evidence on
prefixes is all there is to know, so that a plan may be made again at any moment, by anybody, after any crash.

- The longest green prefix lands at once: it clears every shorter one, whatever a flaky gate said of that.
- Of a line of which nothing is known, prefixes are tested as far apart as lands most requests a gate time.
- Between what is green and the shortest red prefix is a culprit. It is searched with as many prefixes at once as there
  are runners; when one request is left, it is the culprit without a further run.
- A culprit is set aside, not yet returned: its own prefix is run once more while the train goes on without it.
- Runners that a search leaves over test, in fast mode, what comes next if this or that request turns out the culprit.
- What was green before other trains landed is tested once more, as a whole, and only then lands; what was red is taken
  for red still. Who is set aside for it is judged by runs of its own tree, as everybody.

The theory, the algorithms it was measured against and the figures of this one are in docs/train.md.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise

from gastown.refinery.judgement import REDS_TO_BLAME

Prefix = tuple[int, ...]
"""Requests by number, in the order in which they are merged into the base. Not always those that stand first: a run
may ask what the train is worth without one of them."""

# A segment with fewer culprits expected than this is cut evenly: with one, no other cut needs fewer runs.
SKEW_FROM = 1.2
# A red whose odds to be the gates' own are higher than this is run again before anything is concluded from it.
MOST_DOUBT = 0.1
# One runner tests the whole line unless it is all but certain to be red: too long a line costs it one run a culprit.
ALONE_FLOOR = 0.05
# In thrifty mode the whole line is tested at once while it is likelier green than this.
THRIFTY_FLOOR = 0.5


class Mode(StrEnum):
    """What a rig's train saves."""

    THRIFTY = "thrifty"  # gate runs
    FAST = "fast"  # time


class Before(StrEnum):
    """What was said of a prefix on a target from which other trains have landed since."""

    NOTHING = "nothing"
    GREEN = "green"
    RED = "red"


@dataclass(frozen=True)
class Evidence:
    """What is known of one prefix."""

    reds: int = 0
    is_green: bool = False
    is_open: bool = False
    """A run of it is asked for or under way."""
    before: Before = Before.NOTHING


@dataclass(frozen=True)
class Odds:
    """What a rig's past says: how often a request is bad, and how often its gates fail for no reason. Both in 0..1."""

    bad: float
    flaky: float = 0.0


@dataclass(frozen=True)
class Situation:
    """All that a plan is made from. `evidence` is about prefixes on the present base; what is absent is unknown."""

    riders: Prefix
    runners: int
    evidence: Mapping[Prefix, Evidence]
    odds: Odds
    mode: Mode = Mode.FAST
    gates_each: bool = False
    """Each request lands as commits of its own: a prefix lands only when every shorter one is green, too."""


@dataclass(frozen=True)
class Plan:
    """What to do now. `land` and `suspect` come first: after either, the situation is another one."""

    land: Prefix = ()
    suspect: int | None = None
    again: Prefix = ()
    """What was green before other trains landed: the first of the runs."""
    runs: tuple[Prefix, ...] = ()
    """The prefixes that runners should be at, the most telling first; those that are open already are among them."""


_UNKNOWN = Evidence()


def plan(situation: Situation) -> Plan:
    """The next thing to do. Runs never outnumber the runners."""
    search = _Search(situation)
    if situation.runners < 1:  # its turn will come: it lands what it may, and concludes nothing
        search.explore((), situation.riders, 0)
        return Plan(search.land)
    explore = search.explore_each if situation.gates_each else search.explore
    explore((), situation.riders, situation.runners)
    return Plan(search.land, search.suspect, search.again, tuple(search.runs[: situation.runners]))


@dataclass
class _Search:
    situation: Situation
    runs: list[Prefix] = field(default_factory=list)
    land: Prefix = ()
    suspect: int | None = None
    again: Prefix = ()

    def explore(self, head: Prefix, rest: Prefix, budget: int, *, sure: bool = True) -> None:
        """Go on with `rest` on top of `head`, which is green or, where we are not `sure`, taken for it."""
        green = max((i for i in range(1, len(rest) + 1) if self._known(head + rest[:i]).is_green), default=0)
        if green and sure:
            self.land = head + rest[:green]
            return
        head, rest = head + rest[:green], rest[green:]
        once = self._once_green(head, rest)
        if once:
            self._want(head + rest[:once])
            self.again = head + rest[:once] if sure else self.again
            if self.situation.mode is Mode.THRIFTY:
                return
            head, rest, budget, sure = head + rest[:once], rest[once:], budget - 1, False
        self._explore_beyond(head, rest, budget, sure=sure)

    def _explore_beyond(self, head: Prefix, rest: Prefix, budget: int, *, sure: bool) -> None:
        """The same where no prefix beyond `head` is known to be green, or was so once."""
        red = next((i for i in range(1, len(rest) + 1) if self._is_red(head + rest[:i])), 0)
        if not red:
            self._board(head, rest, budget)
        elif budget > 0 and self._is_doubtful(head + rest[:red], red):
            self._want(head + rest[:red])
            self._search(head, rest, red, budget - 1)
        elif red == 1 and sure:
            self.suspect = rest[0]
        else:
            self._search(head, rest, red, budget)

    def _once_green(self, head: Prefix, rest: Prefix) -> int:
        """How many of `rest` make the longest prefix that was green before others landed, and is not red by now."""
        known = [self._known(head + rest[:i]) for i in range(1, len(rest) + 1)]
        red = next((i for i, one in enumerate(known) if one.reds), len(rest))
        return max((i for i, one in enumerate(known[:red], 1) if one.before is Before.GREEN), default=0)

    def _is_red(self, prefix: Prefix) -> bool:
        known = self._known(prefix)
        return known.reds > 0 or known.before is Before.RED

    def explore_each(self, head: Prefix, rest: Prefix, budget: int, *, sure: bool = True) -> None:
        """The same where every prefix needs its own green: there is nothing to search, each is tested in its turn."""
        known = [self._known(head + rest[:i]) for i in range(1, len(rest) + 1)]
        green = next((i for i, one in enumerate(known) if not one.is_green), len(rest))
        if green and sure:
            self.land = head + rest[:green]
            return
        head, rest, known = head + rest[:green], rest[green:], known[green:]
        red = next((i for i, one in enumerate(known, 1) if one.reds and not one.is_green), 0)
        if red == 1 and budget > 0 and self._is_doubtful(head + rest[:1], 1):
            self._want(head + rest[:1])
            budget -= 1
        elif red == 1 and sure:
            self.suspect = rest[0]
            return
        for place in [i for i in range(1, red or len(rest) + 1) if not known[i - 1].is_green][: max(budget, 0)]:
            self._want(head + rest[:place])
            budget -= 1
        if red and budget > 0 and self.situation.mode is Mode.FAST:  # taking the culprit for one
            self.explore_each(head + rest[: red - 1], rest[red:], budget, sure=False)

    def _known(self, prefix: Prefix) -> Evidence:
        return self.situation.evidence.get(prefix, _UNKNOWN)

    def _board(self, head: Prefix, rest: Prefix, budget: int) -> None:
        """Nothing is known of `rest`: test it at checkpoints, beyond those at which runs are open already."""
        running = [i for i in range(1, len(rest) + 1) if self._known(head + rest[:i]).is_open][:budget]
        for place in running:
            self._want(head + rest[:place])
        tested, mode = max(running, default=0), self.situation.mode
        if running and mode is Mode.THRIFTY:
            return
        for place in checkpoints(len(rest) - tested, budget - len(running), self.situation.odds, mode):
            self._want(head + rest[: tested + place])

    def _search(self, head: Prefix, rest: Prefix, red: int, budget: int) -> None:
        """One of the first `red` is a culprit: cut between them, and look ahead with what is left of the budget."""
        running = [i for i in range(1, red) if self._known(head + rest[:i]).is_open][: max(budget, 0)]
        places = sorted({*running, *cuts(red, budget - len(running), self.situation.odds.bad, running)})
        for place in places:
            self._want(head + rest[:place])
        left = budget - len(places)
        if left <= 0 or self.situation.mode is Mode.THRIFTY:
            return
        weights = [(1 - self.situation.odds.bad) ** i for i in range(red)]
        for i, share in enumerate(share_out(weights, left)):
            if share:
                self.explore(head + rest[:i], rest[i + 1 :], share, sure=False)

    def _want(self, prefix: Prefix) -> None:
        if prefix not in self.runs:
            self.runs.append(prefix)

    def _is_doubtful(self, prefix: Prefix, size: int) -> bool:
        """Whether a red is to be seen again first. One of before is not: its target is gone, and waits for nobody."""
        reds = self._known(prefix).reds
        return reds > 0 and is_doubtful(reds, size, self.situation.odds)


def is_doubtful(reds: int, size: int, odds: Odds) -> bool:
    """By Bayes: whether so many reds of a merge of `size` requests may well be the gates' own."""
    bad = 1 - (1 - odds.bad) ** size
    by_chance = (1 - bad) * odds.flaky**reds
    return by_chance > MOST_DOUBT * (by_chance + bad)


def is_condemned(reds: int, odds: Odds) -> bool:
    """Whether one set aside is to go back: its reds leave no doubt, and one more has confirmed them."""
    return reds >= REDS_TO_BLAME and not is_doubtful(reds - 1, 1, odds)


def checkpoints(waiting: int, runners: int, odds: Odds, mode: Mode) -> list[int]:
    """Which prefixes of `waiting` requests to test, nothing being known of them."""
    if waiting < 1 or runners < 1:
        return []
    floor = THRIFTY_FLOOR if mode is Mode.THRIFTY else 1.0
    if (1 - odds.bad) ** waiting > (ALONE_FLOOR if runners == 1 else floor):
        return [waiting]
    apart = spacing(waiting, runners, round(odds.bad, 4))
    if mode is Mode.THRIFTY:
        apart = max(apart, min(waiting, int(math.log(2) / odds.bad)))
    return [min(apart * number, waiting) for number in range(1, min(runners, math.ceil(waiting / apart)) + 1)]


def room(waiting: int, runners: int, odds: Odds, mode: Mode, *, gates_each: bool = False) -> int:
    """How many of so many requests a train has use for: what is tested now, and as much again for when that lands.

    Who is aboard has to be merged anew whenever somebody before it leaves.
    """
    if gates_each:
        return min(waiting, 2 * runners)
    return min(waiting, 2 * max(checkpoints(waiting, runners, odds, mode), default=0))


@lru_cache(maxsize=4096)
def spacing(waiting: int, runners: int, bad: float) -> int:
    """How many requests apart prefixes are best tested: what decides the most of them a gate time.

    1 is a chain that tests every request on all before it; `waiting` is one batch.
    """
    return max(range(1, waiting + 1), key=lambda apart: round(_decided_per_time(waiting, runners, bad, apart), 9))


def _decided_per_time(waiting: int, runners: int, bad: float, apart: int) -> float:
    decided = time = 0.0
    passed = 1.0  # the odds that all checkpoints so far are green
    used = min(runners, math.ceil(waiting / apart))
    for number in range(used):
        size = min(apart, waiting - number * apart)
        green = (1 - bad) ** size
        here = passed * (1 - green)
        decided += here * (number * apart + good_before_culprit(size, bad) + 1)
        time += here * (1 + rounds_to_find(size, runners))
        passed *= green
    return (decided + passed * min(waiting, used * apart)) / (time + passed)


def good_before_culprit(size: int, bad: float) -> float:
    """Of `size` requests with a bad one among them, how many stand before the first bad one: a cut geometric mean."""
    green = (1 - bad) ** size
    return (1 - bad) / bad - size * green / (1 - green) if green < 1 - 1e-9 else (size - 1) / 2


def rounds_to_find(size: int, runners: int) -> int:
    """Rounds in which so many runners find the culprit among `size`: each divides it by runners + 1."""
    return math.ceil(round(math.log(size, runners + 1), 9))


def cuts(size: int, count: int, bad: float, taken: Sequence[int] = ()) -> list[int]:
    """Where `count` prefixes best cut a segment of `size` with a culprit, some places being taken already."""
    if count < 1:
        return []
    free = size - 1 - len(taken)
    if count >= free:
        return [place for place in range(1, size) if place not in taken]
    if taken:
        return _halve_gaps(size, count, taken)
    return _cut_by_odds(size, count, bad) if bad * size >= SKEW_FROM else _cut_evenly(size, count)


def _halve_gaps(size: int, count: int, taken: Sequence[int]) -> list[int]:
    places = sorted({0, size, *taken})
    new = []
    for _ in range(count):
        low, high = max(pairwise(places), key=lambda gap: gap[1] - gap[0])
        new.append((low + high) // 2)
        places = sorted({*places, new[-1]})
    return sorted(new)


def _cut_evenly(size: int, count: int) -> list[int]:
    return [round(size * part / (count + 1)) for part in range(1, count + 1)]


def _cut_by_odds(size: int, count: int, bad: float) -> list[int]:
    """Where the odds that the first culprit comes before are equal parts: early ones are likelier."""
    whole = 1 - (1 - bad) ** size
    places: list[int] = []
    for part in range(1, count + 1):
        place = round(math.log1p(-part / (count + 1) * whole) / math.log1p(-bad)) if bad < 1 else part
        lowest = places[-1] + 1 if places else 1
        places.append(min(max(place, lowest), size - 1 - (count - part)))
    return places


def share_out(weights: Sequence[float], amount: int) -> list[int]:
    """Divide `amount` by weight, the largest remainders first, earlier ones before later ones."""
    total = math.fsum(weights)
    exact = [amount * weight / total for weight in weights]
    shares = [int(share) for share in exact]
    order = sorted(range(len(weights)), key=lambda i: (shares[i] - exact[i], i))
    for i in order[: amount - sum(shares)]:
        shares[i] += 1
    return shares
