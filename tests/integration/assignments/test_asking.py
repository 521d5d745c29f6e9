"""What a holder is asked to do with a running attempt."""

import pytest
from sqlmodel import Session

from gastown import assignments, beads, events
from gastown.assignments import Assignment, Desired, StaleFence
from gastown.beads import BeadStatus
from gastown.events import Event, EventKind
from tests.support.factories import make_bead, make_rig, make_running


def running(session: Session) -> tuple[Assignment, int]:
    make_rig(session)
    row = make_running(session, make_bead(session)).assignment
    assert row.id is not None
    return row, row.id


def told(session: Session, row: Assignment, kind: EventKind) -> list[Event]:
    return [event for event in events.for_bead(session, row.bead_id) if event.kind is kind]


def test_a_restart_is_asked_once_until_it_happened(session: Session) -> None:
    row, number = running(session)
    assert assignments.ask_to_restart(session, number, 1, actor="witness", why="silent for 30 minutes")
    assert not assignments.ask_to_restart(session, number, 1, actor="witness", why="again")
    session.flush()
    assert (row.desired, row.restarts, row.outcome) == (Desired.RESTART, 1, "silent for 30 minutes")
    (event,) = told(session, row, EventKind.ASSIGNMENT_RESTART_ASKED)
    assert event.payload == {"why": "silent for 30 minutes", "restarts": 1, "desired": "restart"}
    assert event.fence == 1


def test_a_stop_that_was_asked_comes_before_a_restart(session: Session) -> None:
    row, number = running(session)
    assignments.release(session, row.bead_id, actor="pat", why="not now")
    assert not assignments.ask_to_restart(session, number, 1, actor="witness", why="silent")
    assert (row.desired, row.outcome, row.restarts) == (Desired.STOP, "not now", 0)


def test_giving_up_is_asked_after_a_restart_and_not_after_a_stop(session: Session) -> None:
    row, number = running(session)
    assignments.ask_to_restart(session, number, 1, actor="witness", why="silent")
    assert assignments.ask_to_give_up(session, number, 1, actor="witness", why="silent after 2 restarts")
    assert not assignments.ask_to_give_up(session, number, 1, actor="witness", why="again")
    assert (row.desired, row.outcome) == (Desired.GIVE_UP, "silent after 2 restarts")
    assert [event.payload["desired"] for event in told(session, row, EventKind.ASSIGNMENT_STOP_ASKED)] == ["give_up"]
    assignments.release(session, row.bead_id, actor="pat", why="not now")
    assert row.desired is Desired.STOP


def test_an_attempt_that_is_over_is_asked_nothing(session: Session) -> None:
    row, number = running(session)
    assignments.fail(session, number, 1, actor="agent", outcome="exit status 1")
    with pytest.raises(StaleFence):
        assignments.ask_to_restart(session, number, 1, actor="witness", why="silent")
    with pytest.raises(StaleFence):
        assignments.ask_to_give_up(session, number, 1, actor="witness", why="silent")
    assert beads.get(session, row.bead_id).status == BeadStatus.HOOKED


def test_a_shutdown_takes_a_session_that_is_to_be_restarted_along(session: Session) -> None:
    row, number = running(session)
    assignments.ask_to_restart(session, number, 1, actor="witness", why="silent")
    session.flush()
    assignments.ask_to_hand_over(session, actor="pat")
    session.refresh(row)
    assert row.desired is Desired.HAND_OVER
