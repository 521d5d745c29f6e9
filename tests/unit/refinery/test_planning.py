"""What a train does next, from the verdicts on its prefixes alone."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gastown.refinery.planning import (
    Before,
    Evidence,
    Mode,
    Odds,
    Prefix,
    Situation,
    checkpoints,
    cuts,
    good_before_culprit,
    is_condemned,
    plan,
    share_out,
    spacing,
)

ODDS = Odds(bad=0.02)
GREEN, RED, OPEN = Evidence(is_green=True), Evidence(reds=1), Evidence(is_open=True)
GREEN_BEFORE, RED_BEFORE = Evidence(before=Before.GREEN), Evidence(before=Before.RED)


def _plan(riders: Prefix, runners: int, evidence: dict[Prefix, Evidence] | None = None, **more: object):  # type: ignore[no-untyped-def]
    values: dict[str, object] = {"odds": ODDS, "mode": Mode.FAST, **more}
    return plan(Situation(riders, runners, evidence or {}, **values))  # type: ignore[arg-type]


def test_nothing_is_wanted_for_an_empty_train() -> None:
    assert _plan((), 4) == plan(Situation((), 4, {}, ODDS))
    assert _plan((), 4).runs == ()


def test_one_runner_tests_the_whole_line_and_then_halves() -> None:
    line = tuple(range(1, 9))
    assert _plan(line, 1).runs == (line,)
    assert _plan(line, 1, {line: RED}).runs == (line[:4],)
    assert _plan(line, 1, {line: RED, line[:4]: RED}).runs == (line[:2],)


def test_the_longest_green_prefix_lands_whatever_a_shorter_one_said() -> None:
    assert _plan((1, 2, 3), 2, {(1,): RED, (1, 2): GREEN, (1, 2, 3): RED}).land == (1, 2)


def test_the_first_is_suspected_without_a_run_of_its_own_when_all_before_it_has_landed() -> None:
    made = _plan((3, 4, 5), 2, {(3,): RED})
    assert (made.land, made.suspect) == ((), 3)


def test_nobody_is_suspected_before_everything_ahead_is_known() -> None:
    made = _plan((1, 2, 3), 1, {(1, 2): RED})
    assert (made.suspect, made.runs) == (None, ((1,),))


def test_fast_looks_ahead_for_each_possible_culprit() -> None:
    made = _plan((1, 2, 3, 4), 3, {(1, 2): RED})
    assert made.runs[0] == (1,)
    assert {(2, 3, 4), (1, 3, 4)} & set(made.runs)
    assert _plan((1, 2, 3, 4), 3, {(1, 2): RED}, mode=Mode.THRIFTY).runs == ((1,),)


def test_open_runs_are_kept_and_new_ones_cut_the_widest_gap() -> None:
    line = tuple(range(1, 17))
    made = _plan(line, 2, {line: RED, line[:4]: OPEN}, mode=Mode.THRIFTY)
    assert made.runs == (line[:4], line[:10])


def test_newcomers_are_tested_beyond_what_is_running_only_where_runners_are_free() -> None:
    assert _plan((1, 2), 2, {(1,): OPEN}).runs == ((1,), (1, 2))
    assert _plan((1, 2), 1, {(1,): OPEN}).runs == ((1,),)
    assert _plan((1, 2), 2, {(1,): OPEN}, mode=Mode.THRIFTY).runs == ((1,),)


def test_what_was_green_before_others_landed_is_asked_for_once_as_a_whole() -> None:
    made = _plan((1, 2, 3, 4), 1, {(1,): GREEN_BEFORE, (1, 2, 3): GREEN_BEFORE, (1, 2, 3, 4): RED_BEFORE})
    assert (made.land, made.suspect, made.again, made.runs) == ((), None, (1, 2, 3), ((1, 2, 3),))
    asked = _plan((1, 2, 3), 1, {(1, 2, 3): Evidence(is_open=True, before=Before.GREEN)})
    assert (asked.again, asked.runs) == ((1, 2, 3), ((1, 2, 3),))


def test_a_verdict_of_now_counts_for_more_than_one_of_before() -> None:
    landing = _plan((1, 2, 3), 2, {(1,): GREEN, (1, 2, 3): GREEN_BEFORE})
    assert (landing.land, landing.again) == ((1,), ())
    red = _plan((1, 2, 3, 4), 1, {(1,): GREEN_BEFORE, (1, 2): RED, (1, 2, 3): GREEN_BEFORE})
    assert (red.again, red.runs) == ((1,), ((1,),))


def test_what_was_red_before_is_where_the_culprit_is_looked_for() -> None:
    assert _plan((1, 2, 3, 4), 1, {(1, 2, 3, 4): RED_BEFORE}).runs == ((1, 2),)
    assert _plan((1, 2, 3), 1, {(1,): RED_BEFORE}).suspect == 1
    assert _plan((1, 2, 3), 2, {(1,): GREEN_BEFORE, (1, 2): RED_BEFORE}).suspect is None


def test_without_a_runner_nothing_is_done_but_to_land() -> None:
    assert _plan((1, 2), 0, {(1, 2): GREEN}).land == (1, 2)
    idle = _plan((1, 2), 0, {(1,): RED})
    assert (idle.land, idle.suspect, idle.again, idle.runs) == ((), None, (), ())


def test_a_red_that_a_flaky_gate_may_have_made_is_run_again_first() -> None:
    shaky = Odds(bad=0.02, flaky=0.05)
    assert _plan((1,), 1, {(1,): RED}, odds=shaky).runs == ((1,),)
    assert _plan((1,), 1, {(1,): Evidence(reds=3)}, odds=shaky).suspect == 1
    assert not is_condemned(3, shaky)
    assert is_condemned(4, shaky)
    assert not is_condemned(1, ODDS)
    assert is_condemned(2, ODDS)


def test_checkpoints_move_together_as_more_requests_are_bad() -> None:
    apart = [spacing(128, 8, bad) for bad in (0.001, 0.02, 0.1, 0.3)]
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] == 1
    assert checkpoints(128, 8, Odds(0.3), Mode.FAST) == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("size", [2, 5, 40])
def test_good_requests_before_the_culprit_are_those_of_the_distribution(size: int) -> None:
    bad = 0.07
    weights = [(1 - bad) ** place * bad for place in range(size)]
    mean = math.fsum(place * weight for place, weight in enumerate(weights)) / math.fsum(weights)
    assert good_before_culprit(size, bad) == pytest.approx(mean)


@given(st.integers(2, 200), st.integers(1, 20), st.floats(0.0001, 0.9), st.data())
def test_cuts_are_distinct_inside_and_as_many_as_there_is_room_for(
    size: int, count: int, bad: float, data: st.DataObject
) -> None:
    taken = data.draw(st.lists(st.integers(1, size - 1), unique=True, max_size=5))
    found = cuts(size, count, bad, taken)
    assert len(set(found)) == len(found)
    assert all(0 < place < size for place in found)
    if not taken:
        assert len(found) == min(count, size - 1)


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=20), st.integers(0, 50))
def test_shares_add_up(weights: list[float], amount: int) -> None:
    shares = share_out(weights, amount)
    assert sum(shares) == amount
    assert min(shares) >= 0


@given(
    st.integers(1, 12),
    st.integers(1, 6),
    st.sampled_from(Mode),
    st.dictionaries(st.integers(1, 12), st.sampled_from([GREEN, RED, OPEN, GREEN_BEFORE, RED_BEFORE]), max_size=6),
)
def test_a_plan_always_has_a_next_thing_and_never_more_runs_than_runners(
    length: int, runners: int, mode: Mode, said: dict[int, Evidence]
) -> None:
    line = tuple(range(length))
    evidence = {line[:place]: what for place, what in said.items() if place <= length}
    made = plan(Situation(line, runners, evidence, ODDS, mode))
    assert made.land or made.suspect is not None or made.runs
    assert len(made.runs) == len(set(made.runs)) <= runners
    assert not any(evidence.get(run, Evidence()).is_green for run in made.runs)
    if made.suspect is not None:
        assert evidence[line[:1]] in (RED, RED_BEFORE)
