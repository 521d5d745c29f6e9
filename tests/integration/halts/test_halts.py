"""What people halt stays where it is, and goes on from there, on both databases."""

import pytest
from sqlmodel import Session, select

from gastown import assignments, policy, rigs, sling
from gastown.assignments import AssignmentState, Desired, NothingToClaim, Reason
from gastown.beads import Bead
from gastown.db import database_time
from gastown.errors import Invalid
from gastown.events import Event, EventKind
from gastown.rigs import HaltKind, Rig
from gastown.sling import SlingRefused, Target
from gastown.town import halts
from tests.support.factories import HOLDER, make_bead, make_offered, make_rig, make_running


@pytest.fixture
def rig(session: Session) -> Rig:
    return make_rig(session)


def sling_one(session: Session, bead: Bead) -> sling.Slung:
    (made,) = sling.sling(session, Target([bead.id], "app"), actor="pat", preset="command")
    return made


def claim(session: Session) -> assignments.Claim:
    return assignments.claim(session, "app", holder=HOLDER, host="here", slots=9)


def kinds(session: Session) -> list[EventKind]:
    return [event.kind for event in session.exec(select(Event).order_by(Event.id))]  # type: ignore[arg-type]


HALTS = ("town", "rig", "scheduler", "dispatch", "park")


def halt(session: Session, how: str) -> None:
    match how:
        case "town":
            halts.stop(session, actor="pat", why="fire")
        case "rig":
            halts.stop(session, actor="pat", rig="app", why="fire")
        case "scheduler":
            halts.pause(session, actor="pat")
        case "dispatch":
            policy.set_value(session, "dispatch.paused", "1", actor="pat")
        case "park":
            rigs.park(session, "app", actor="pat")
        case "dock":
            halts.dock(session, "app", actor="pat")


def go_on(session: Session, how: str) -> None:
    match how:
        case "town":
            halts.thaw(session, actor="pat")
        case "rig":
            halts.thaw(session, actor="pat", rig="app")
        case "scheduler":
            halts.resume(session, actor="pat")
        case "dispatch":
            policy.set_value(session, "dispatch.paused", "0", actor="pat")
            halts.run_now(session, actor="pat")
        case "park":
            rigs.unpark(session, "app", actor="pat")
            halts.run_now(session, actor="pat")
        case "dock":
            halts.undock(session, "app", actor="pat")


@pytest.mark.parametrize("how", [*HALTS, "dock"])
def test_nothing_is_offered_claimed_or_rung_while_halted_and_all_of_it_is_afterwards(
    session: Session, rig: Rig, how: str
) -> None:
    offered = make_offered(session, make_bead(session, "offered before"))
    halt(session, how)
    waiting = make_offered(session, make_bead(session, "made meanwhile"))
    assert waiting.state is AssignmentState.WAITING
    assert sling.dispatch(session, actor="town").offered == 0
    assert not assignments.list_unanswered(session, database_time(session), limit=9)
    with pytest.raises(NothingToClaim):
        claim(session)
    assert offered.state is AssignmentState.OFFERED

    go_on(session, how)
    session.refresh(waiting)
    assert waiting.state is AssignmentState.OFFERED
    assert {claim(session).assignment.id, claim(session).assignment.id} == {offered.id, waiting.id}


@pytest.mark.parametrize("how", ["town", "rig", "scheduler"])
def test_what_is_slung_while_halted_waits_and_says_for_what(session: Session, rig: Rig, how: str) -> None:
    halt(session, how)
    made = sling_one(session, make_bead(session))
    assert not made.is_offered
    assert made.waits_for.startswith("waiting: ")
    assert "goes on" in made.waits_for


def test_sling_into_a_docked_rig_is_refused(session: Session, rig: Rig) -> None:
    halts.dock(session, "app", actor="pat")
    with pytest.raises(SlingRefused, match="docked"):
        sling_one(session, make_bead(session))


def test_a_stop_of_one_rig_holds_up_no_other(session: Session, rig: Rig) -> None:
    make_rig(session, "web")
    halts.stop(session, actor="pat", rig="app", why="fire")
    made = make_offered(session, make_bead(session, prefix="web"), rig="web")
    assert made.state is AssignmentState.OFFERED
    assert assignments.claim(session, "web", holder=HOLDER, host="here", slots=9).assignment.id == made.id


def test_what_runs_keeps_its_lease_and_fence_through_a_stop(session: Session, rig: Rig) -> None:
    row = make_running(session, make_bead(session)).assignment
    halts.stop(session, actor="pat", why="fire")
    (held,) = assignments.heartbeat(session, {row.id or 0: row.fence}, holder=HOLDER, ttl_s=60)
    assert held.is_mine
    assert held.desired is Desired.RUN
    halts.thaw(session, actor="pat")
    session.refresh(row)
    assert (row.state, row.fence, row.holder) == (AssignmentState.RUNNING, 1, HOLDER)


def test_agents_hand_over_when_their_rig_is_docked_and_their_beads_go_on_when_it_is_undocked(
    session: Session, rig: Rig
) -> None:
    make_rig(session, "web")
    other = make_running(session, make_bead(session, prefix="web"), rig="web").assignment
    row = make_running(session, make_bead(session)).assignment
    asked = halts.dock(session, "app", actor="pat")
    assert [one.id for one in asked] == [row.id]
    session.refresh(other)
    assert (row.desired, other.desired) == (Desired.HAND_OVER, Desired.RUN)

    following = assignments.resume_later(session, row.id or 0, row.fence, actor=HOLDER)
    assert following is not None
    assert (following.reason, following.state) == (Reason.RESUME, AssignmentState.WAITING)
    assert row.outcome == "rig app was docked"
    assert halts.undock(session, "app", actor="pat") == []
    session.refresh(following)
    assert following.state is AssignmentState.OFFERED


def test_halting_twice_is_said_once(session: Session, rig: Rig) -> None:
    for _ in range(2):
        halts.stop(session, actor="pat", why="fire")
        halts.stop(session, actor="pat", rig="app", why="fire")
        halts.pause(session, actor="pat")
        halts.dock(session, "app", actor="pat")
    told = kinds(session)
    for kind, times in ((EventKind.SETTING_CHANGED, 2), (EventKind.RIG_FROZEN, 1), (EventKind.RIG_DOCKED, 1)):
        assert told.count(kind) == times
    for _ in range(2):
        halts.thaw(session, actor="pat")
        halts.thaw(session, actor="pat", rig="app")
        halts.resume(session, actor="pat")
        halts.undock(session, "app", actor="pat")
    told = kinds(session)
    for kind, times in ((EventKind.SETTING_CHANGED, 4), (EventKind.RIG_THAWED, 1), (EventKind.RIG_UNDOCKED, 1)):
        assert told.count(kind) == times


def test_a_rig_stays_stopped_when_the_town_is_thawed_and_that_is_said(session: Session, rig: Rig) -> None:
    halts.stop(session, actor="pat", rig="app", why="its tests write to /etc")
    halts.stop(session, actor="pat", why="fire")
    (left,) = halts.thaw(session, actor="pat")
    assert (left.kind, left.rig) == (HaltKind.ESTOP, "app")
    assert "gt thaw --rig app" in left.why
    assert rigs.find_freeze(session, rig) is not None
    assert halts.thaw(session, actor="pat", rig="app") == []
    assert rigs.find_freeze(session, rig) is None


@pytest.mark.parametrize("reason", ["two\nlines", "bell\a", "x" * 201, "\x1b[31mred"])
def test_a_reason_that_is_no_line_of_text_is_refused(session: Session, rig: Rig, reason: str) -> None:
    for name in (None, "app"):
        with pytest.raises(Invalid):
            halts.stop(session, actor="pat", rig=name, why=reason)


def test_a_stop_without_a_reason_names_who_stopped(session: Session, rig: Rig) -> None:
    halts.stop(session, actor="pat")
    assert "by pat" in (rigs.find_freeze(session, rig) or "")


def test_what_has_not_started_is_listed_with_what_it_waits_for(session: Session, rig: Rig) -> None:
    make_offered(session, make_bead(session))
    (line,) = halts.list_waiting(session)
    assert line.why == "a free slot"
    halts.pause(session, actor="pat")
    (line,) = halts.list_waiting(session)
    assert "gt scheduler resume" in line.why
    found = halts.scheduler_status(session)
    assert (found.offered, found.waiting, [one.kind for one in found.halts]) == (1, 0, [HaltKind.PAUSE])
