"""How far a convoy is."""

import pytest

from gastown.convoys import Member, is_done, measure


@pytest.mark.parametrize(
    ("member", "done"),
    [
        (Member("a", "open"), False),
        (Member("a", "submitted", True), False),
        (Member("a", "closed", True), False),
        (Member("a", "closed", True, "f" * 40), True),
        (Member("a", "closed", False), True),
        (Member("a", "closed", None), True),
        (Member("a", "escalated", True, ""), False),
        (Member("a", "a-status-of-its-own", None), False),
    ],
)
def test_member_is_done_when_it_is_closed_and_its_code_has_landed(member: Member, done: bool) -> None:
    assert is_done(member) is done


def test_progress_counts_what_is_left_when_members_differ() -> None:
    progress = measure(
        [
            Member("a", "closed", True, "f" * 40),
            Member("b", "in_progress", True),
            Member("c", "escalated", True),
            Member("d", "open"),
            Member("e", "tombstone"),
        ]
    )
    assert (progress.total, progress.done, progress.under_way, progress.escalated) == (4, 1, 1, 1)
    assert not progress.has_landed


def test_nothing_has_landed_when_nothing_travels() -> None:
    assert not measure([]).has_landed
    assert not measure([Member("a", "tombstone")]).has_landed
