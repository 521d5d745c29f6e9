"""What people see of the demo, and when its worker is killed."""

import io
from datetime import UTC, datetime

import pytest

from gastown.beads import BeadStatus
from gastown.events import Event, EventKind
from gastown.town.demo import faults
from gastown.town.demo.board import Line, is_at_rest
from gastown.town.demo.narrate import narrate
from gastown.town.demo.screen import Plain, Rich


def _line(status: str, *, is_held_up: bool = False) -> Line:
    return Line("a-1", "a", "[bold]Title\x1b[2J", status, 1, "nux", "agent at work", is_held_up)


def _event(kind: EventKind, bead_id: str | None = "a-1", **values: object) -> Event:
    return Event(
        at=datetime(2026, 1, 1, tzinfo=UTC),
        kind=kind,
        actor="town",
        bead_id=bead_id,
        agent="a/polecats/nux",
        fence=2,
        payload=values,
    )


@pytest.mark.parametrize(
    ("at_work", "landed", "since", "expected"),
    [(4, 0, 0.0, False), (3, 1, 0.0, True), (2, 1, 0.0, False), (1, 1, 9.0, True), (0, 9, 99.0, False)],
)
def test_worker_is_killed_when_something_landed_and_agents_work(
    at_work: int, landed: int, since: float, expected: bool
) -> None:
    assert faults.is_time(at_work=at_work, landed=landed, since_landing_s=since) is expected


def test_demo_is_at_rest_when_all_that_is_left_waits_behind_an_escalated_bead() -> None:
    escalated, held_up = _line(BeadStatus.ESCALATED), _line(BeadStatus.OPEN, is_held_up=True)
    assert is_at_rest([_line(BeadStatus.CLOSED), escalated, held_up])
    assert not is_at_rest([escalated, held_up, _line(BeadStatus.HOOKED)])
    assert not is_at_rest([_line(BeadStatus.SUBMITTED)])


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (_event(EventKind.SESSION_ENDED, exit_signal=9), "a-1 (Do it): DIED: nux was killed by signal 9"),
        (_event(EventKind.SESSION_ENDED, exit_code=0), None),
        (_event(EventKind.SESSION_STARTED, run=1), "a-1 (Do it): nux starts, attempt 2"),
        (_event(EventKind.REQUEST_LANDED, sha="0123456789abcdef"), "a-1 (Do it): LANDED as 0123456789"),
        (
            _event(EventKind.REQUEST_RETURNED, reason="conflict", summary="It conflicts."),
            "a-1 (Do it): CONFLICT: It conflicts. Back to nux",
        ),
        (_event(EventKind.REQUEST_LANDED, "b-9", sha="01"), None),
        (_event(EventKind.GATE_RUN_STARTED), None),
        (_event(EventKind.WORKER_STARTED, None, role="gates", pid=7), "town: worker gates is there (pid 7)"),
    ],
)
def test_event_is_told_in_words_when_people_care(event: Event, words: str | None) -> None:
    assert narrate(event, {"a-1": "Do it"}) == words


def test_each_thing_is_one_clean_line_when_output_is_no_terminal() -> None:
    out = io.StringIO()
    with Plain(out) as screen:
        screen.say("one\x1b[31m\ntwo")
        screen.show([_line(BeadStatus.OPEN)])
    assert out.getvalue().endswith("s] one [31m two\n")
    assert out.getvalue().count("\n") == 1


def test_table_and_log_are_drawn_without_control_characters_when_output_is_a_terminal() -> None:
    out = io.StringIO()
    with Rich(out) as screen:
        screen.show([_line(BeadStatus.IN_PROGRESS), _line("a status of somebody's own")])
        screen.say("a-1: LANDED as 01")
    text = out.getvalue()
    assert "a-1" in text
    assert "WHAT HAPPENS" in text
    assert "LANDED as 01" in text
    assert "[bold]Title" in text
    assert "\x1b[2J" not in text
