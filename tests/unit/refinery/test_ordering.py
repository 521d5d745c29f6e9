"""Who boards next."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gastown.refinery.ordering import Waiting, order, parts, reach, score, without_circles

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


def test_a_hotfix_boards_before_every_score_but_not_before_the_overdue() -> None:
    queue = [_waiting(1, priority=1, convoy_h=90), _waiting(2, priority=0, retries=6), _waiting(3, age_h=25)]
    assert [item.request_id for item in order(queue, NOW)] == [3, 2, 1]


def test_parts_say_what_the_score_is_the_sum_of() -> None:
    waiting = _waiting(priority=1, retries=2, age_h=3, convoy_h=4)
    assert parts(waiting, NOW) == {"base": 1000, "convoy": 40, "priority": 300, "retries": -100, "age": 3}


def test_whom_an_urgent_one_builds_on_is_drawn_forward_with_it() -> None:
    queue = [_waiting(1, priority=1), _waiting(2, priority=4), _waiting(3, priority=0)]
    assert [item.request_id for item in order(queue, NOW, {3: {2}})] == [2, 3, 1]


def test_who_is_not_in_the_queue_keeps_nobodys_place() -> None:
    assert [item.request_id for item in order([_waiting(1), _waiting(2)], NOW, {1: {9}})] == [1, 2]


def test_what_a_bead_asks_for_gives_way_where_the_commits_say_the_opposite() -> None:
    assert without_circles({2: {1}, 3: {2}}, {1: {3}, 4: {1}, 5: {5}}) == {2: {1}, 3: {2}, 4: {1}}


_numbers = st.integers(1, 8)
_edges = st.dictionaries(_numbers, st.sets(_numbers, max_size=3), max_size=8)


@given(
    asked=_edges,
    queue=st.lists(
        st.tuples(_numbers, st.integers(0, 4), st.integers(0, 48)), unique_by=lambda one: one[0], max_size=8
    ),
)
def test_nobody_boards_before_whom_it_builds_on_and_nobody_is_forgotten(
    asked: dict[int, set[int]], queue: list[tuple[int, int, int]]
) -> None:
    after = without_circles({}, asked)
    waiting = [_waiting(number, priority=priority, age_h=age) for number, priority, age in queue]

    placed = [item.request_id for item in order(waiting, NOW, after)]

    assert sorted(placed) == sorted(number for number, _, _ in queue)
    here = {number: before & set(placed) for number, before in after.items() if number in placed}
    for place, number in enumerate(placed):
        assert not reach(here, number) & set(placed[place:])
    for number in after:
        assert number not in reach(after, number)
