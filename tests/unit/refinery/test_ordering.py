"""Who boards next."""

from datetime import UTC, datetime, timedelta

from gastown.refinery.ordering import Waiting, order, score

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _waiting(number: int = 1, *, priority: int = 2, retries: int = 0, age_h: float = 0, convoy_h: float = 0) -> Waiting:
    began = NOW - timedelta(hours=age_h)
    convoy = NOW - timedelta(hours=convoy_h) if convoy_h else None
    return Waiting(number, priority, retries, began, began, convoy)


def test_score_is_the_documented_sum_when_everything_counts() -> None:
    assert score(_waiting(priority=1, retries=2, age_h=3, convoy_h=4), NOW) == 1000 + 40 + 300 - 100 + 3


def test_score_is_bounded_when_retries_and_priority_are_extreme() -> None:
    assert score(_waiting(priority=4, retries=50), NOW) == 700
    assert score(_waiting(priority=99), NOW) == score(_waiting(priority=-3), NOW) == 1000


def test_score_does_not_fall_when_clocks_disagree() -> None:
    assert score(_waiting(age_h=-5), NOW) == score(_waiting(), NOW)


def test_urgent_goes_first_and_ties_keep_their_order_when_all_are_young() -> None:
    queue = [_waiting(3), _waiting(1), _waiting(2, priority=0)]
    assert [item.request_id for item in order(queue, NOW)] == [2, 1, 3]


def test_nobody_starves_when_urgent_work_keeps_coming() -> None:
    queue = [_waiting(2, priority=0, convoy_h=90), _waiting(1, priority=4, retries=6, age_h=24.1)]
    assert [item.request_id for item in order(queue, NOW)] == [1, 2]


def test_longest_wait_goes_first_when_several_are_overdue() -> None:
    queue = [_waiting(1, priority=0, age_h=25), _waiting(2, priority=4, age_h=30)]
    assert [item.request_id for item in order(queue, NOW)] == [2, 1]
