"""I22 in a long line: who waits behind others is not wronged by a slot that is free; who is passed over is."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from gastown.chaos.invariants import quiet

START = datetime(2026, 1, 1, tzinfo=UTC)


def _at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def _offer(number: int, claimed_at: float, *, priority: int = 2, since: float = 0) -> quiet._Offer:
    return quiet._Offer(f"a-{number}", 1, "rig1", _at(since), _at(claimed_at), (priority, True, number))


@pytest.mark.parametrize(
    ("line", "since"),
    [
        ([(1, 10, 2), (2, 80, 2), (3, 150, 2)], 80),  # the one before it has just got its slot
        ([(4, 10, 2), (5, 80, 2), (3, 150, 2)], 0),  # those that came later passed it over
        ([(9, 80, 0), (3, 150, 2)], 80),  # what is more urgent may
    ],
)
def test_the_time_of_an_offer_begins_with_the_last_claim_of_a_better_one(
    line: Sequence[tuple[int, float, int]], since: float
) -> None:
    offers = [_offer(number, at, priority=priority) for number, at, priority in line]

    assert quiet._first_since(offers[-1], quiet._line(offers)["rig1"]) == _at(since)


def test_claims_of_before_it_was_offered_say_nothing() -> None:
    early, late = _offer(1, 10), _offer(2, 100, since=50)

    assert quiet._first_since(late, quiet._line([early, late])["rig1"]) == _at(50)
