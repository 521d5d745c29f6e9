"""What follows a failed attempt."""

from datetime import UTC, datetime, timedelta

import pytest

from gastown.assignments.models import Assignment, AssignmentState, Reason
from gastown.assignments.retry import Again, GiveUp, Tally, plan_next, tally
from gastown.policy import KEYS, Policy

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = Policy({name: key.default for name, key in KEYS.items()})


def attempts(*pairs: tuple[Reason, AssignmentState]) -> list[Assignment]:
    return [
        Assignment(bead_id="a-1", rig="a", preset="p", state=state, reason=reason, fence=n, created_at=NOW)
        for n, (reason, state) in enumerate(pairs, 1)
    ]


def test_counts_start_anew_when_a_person_slings_again() -> None:
    failed = AssignmentState.FAILED
    rows = attempts((Reason.SLING, failed), (Reason.RETRY, failed), (Reason.SLING, failed))
    assert tally(rows) == Tally(failures=1, losses=0, reworks=0, handoffs=0)


def test_first_failure_is_retried_at_once() -> None:
    assert plan_next(Reason.RETRY, Tally(1, 0, 0, 0), POLICY, NOW) == Again(Reason.RETRY)


def test_second_failure_cools_down_for_five_minutes() -> None:
    assert plan_next(Reason.RETRY, Tally(2, 0, 0, 0), POLICY, NOW) == Again(Reason.RETRY, NOW + timedelta(minutes=5))


@pytest.mark.parametrize(
    ("reason", "done"),
    [
        (Reason.RETRY, Tally(3, 0, 0, 0)),
        (Reason.TAKEOVER, Tally(0, 5, 0, 0)),
        (Reason.REWORK, Tally(0, 0, 5, 0)),
        (Reason.HANDOFF, Tally(0, 0, 0, 20)),
    ],
)
def test_a_person_is_asked_when_a_cap_is_spent(reason: Reason, done: Tally) -> None:
    assert isinstance(plan_next(reason, done, POLICY, NOW), GiveUp)


@pytest.mark.parametrize(
    ("reason", "done"),
    [
        (Reason.TAKEOVER, Tally(2, 4, 4, 0)),
        (Reason.REWORK, Tally(2, 4, 4, 0)),
        (Reason.HANDOFF, Tally(2, 4, 4, 19)),
        (Reason.RESUME, Tally(9, 9, 9, 99)),
    ],
)
def test_other_kinds_of_trouble_neither_count_nor_cool_down(reason: Reason, done: Tally) -> None:
    assert plan_next(reason, done, POLICY, NOW) == Again(reason)
