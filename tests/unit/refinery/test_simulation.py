"""Trains on a virtual clock: the figures that are promised, and that nothing bad lands, nothing good goes back."""

from random import Random

import pytest

from gastown.refinery.odds import Tally
from gastown.refinery.planning import Mode
from gastown.refinery.simulation import World, make_world, simulate, travel

TRIALS = 400


@pytest.mark.parametrize(
    ("requests", "bad", "runners", "mode", "most_runs", "longest"),
    [
        (32, 1, 4, Mode.THRIFTY, 14, 5.0),
        (32, 1, 4, Mode.FAST, 14, 5.0),
        (128, 2, 8, Mode.FAST, 45, 6.0),
        (32, 5, 8, Mode.FAST, 60, 7.6),
        (8, 0, 1, Mode.FAST, 1, 1),
        (128, 0, 1, Mode.FAST, 1, 1),
        # What bisecting prefixes with one runner costs.
        (8, 1, 1, Mode.FAST, 4.91, 4.91),
        (32, 1, 1, Mode.FAST, 7.0, 7.0),
        (128, 1, 1, Mode.FAST, 9.0, 9.0),
        (32, 2, 1, Mode.FAST, 12.3, 12.3),
        (32, 5, 1, Mode.THRIFTY, 27.0, 27.0),
        (128, 5, 1, Mode.THRIFTY, 37.1, 37.1),
    ],
)
def test_a_train_needs_no_more_than_promised(
    requests: int, bad: int, runners: int, mode: Mode, most_runs: float, longest: float
) -> None:
    found = simulate(requests=requests, bad=bad, runners=runners, trials=TRIALS, mode=mode, seed=11)
    assert found.gate_runs_mean <= most_runs
    assert found.makespan_mean <= longest
    assert (found.landed, found.ejected_mean) == (TRIALS * (requests - bad), bad)
    assert found.confirm_runs_mean <= found.ejected_mean
    assert (found.wrong_ejections, found.red_commits) == (0, 0)


def test_good_requests_survive_gates_that_fail_one_time_in_twenty() -> None:
    for mode in Mode:
        found = simulate(requests=1000, bad=0, runners=4, trials=20, mode=mode, flaky=0.05, seed=3)
        assert (found.wrong_ejections, found.landed) == (0, 20_000)


def test_what_lands_is_what_a_greedy_walk_in_order_lands_when_good_ones_clash() -> None:
    random, tally = Random(5), Tally()
    for number in range(3000):
        world = make_world(random, 2 + number % 30, bad=number % 3 // 2, clashes=1 + number % 3, flaky=0.0)
        mode = Mode.FAST if number % 2 else Mode.THRIFTY
        journey = travel(world, runners=1 + number % 8, mode=mode, random=random, tally=tally)
        assert set(journey.landed) == _greedy(world)
        assert journey.landed == sorted(journey.landed)
        assert (journey.red_commits, journey.wrong_ejections) == (0, 0)


def _greedy(world: World) -> set[int]:
    landed: tuple[int, ...] = ()
    for rider in world.riders:
        if not world.is_bad((*landed, rider)):
            landed = (*landed, rider)
    return set(landed)


def test_the_same_seed_gives_the_same_figures() -> None:
    one, other = (simulate(requests=20, bad=2, runners=3, trials=50, flaky=0.1, seed=9) for _ in range(2))
    assert one == other
