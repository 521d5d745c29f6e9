"""How soon the town notices what a kill interrupted."""

import pytest

from gastown.town import pace


@pytest.mark.parametrize("ttl_s", [5, 6, 10, 30, 60, 600])
def test_lost_work_is_seen_within_one_and_a_half_ttls(ttl_s: float) -> None:
    """The lease and the presence of its worker run out within one TTL of the kill; then somebody looks, or beat is down
    and somebody looks at the second of two looks."""
    runs_out_s = max(ttl_s, pace.silent_after(ttl_s).total_seconds())
    seen_s = runs_out_s + 2 * pace.look_s(ttl_s)

    assert seen_s < 1.5 * ttl_s


@pytest.mark.parametrize("ttl_s", [5, 6, 10, 60, 600])
def test_a_worker_that_lost_one_hello_is_still_counted_on(ttl_s: float) -> None:
    # It says hello at the first look after it is due.
    apart_s = 2 * (pace.hello_s(ttl_s) + pace.look_s(ttl_s))

    assert apart_s <= pace.silent_after(ttl_s).total_seconds()


@pytest.mark.parametrize("ttl_s", [5, 60, 3600])
def test_a_gap_that_could_expire_a_lease_of_the_living_is_noticed(ttl_s: float) -> None:
    """Renewed at a third of the TTL, it has two thirds left at the least when everybody falls asleep."""
    assert pace.gap_after(ttl_s).total_seconds() < ttl_s * 2 / 3
    assert pace.gap_after(ttl_s).total_seconds() > 2 * pace.look_s(ttl_s)


def test_a_town_as_it_is_installed_looks_no_more_often_than_before() -> None:
    assert (pace.look_s(60), pace.hello_s(60)) == (10, 20)
