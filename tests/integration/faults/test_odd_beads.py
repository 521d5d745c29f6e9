"""One bead in an odd state must not hold up the others, and what a person said must outlive whoever was asked."""

from datetime import timedelta
from types import ModuleType

import pytest
from sqlalchemy import update
from sqlmodel import Session, col

from gastown import agents, assignments, beads, convoys, events, refinery, sling
from gastown.assignments import Assignment, AssignmentState, Reason
from gastown.beads import BeadStatus, Patch
from gastown.db import database_time
from gastown.events import EventKind
from gastown.sling import Target
from tests.support.factories import make_bead, make_rig, make_running


def sling_blocked(session: Session, title: str) -> tuple[str, str]:
    """A bead that waits, slung, for another one."""
    blocker, bead = make_bead(session, f"blocker of {title}"), make_bead(session, title)
    beads.add_dependency(session, bead.id, blocker.id, actor="me")
    sling.sling(session, Target([bead.id], "app"), actor="me", preset="command")
    return blocker.id, bead.id


def states(session: Session) -> dict[str, AssignmentState]:
    session.flush()
    session.expire_all()
    return {row.bead_id: row.state for row in assignments.list_open(session)}


def last_event(session: Session, bead_id: str, kind: EventKind) -> int:
    return max(event.id or 0 for event in events.for_bead(session, bead_id) if event.kind is kind)


@pytest.mark.parametrize("status", ["blocked", "pinned"])
def test_the_others_are_offered_when_a_waiting_bead_may_not_start(session: Session, status: str) -> None:
    make_rig(session)
    odd_blocker, odd = sling_blocked(session, "odd")
    blocker, good = sling_blocked(session, "good")
    beads.update(session, odd, Patch(status=status), actor="me")
    beads.close(session, [odd_blocker, blocker], actor="me", reason="done")

    sling.dispatch(session, actor="town")

    assert states(session) == {odd: AssignmentState.WAITING, good: AssignmentState.OFFERED}
    beads.update(session, odd, Patch(status="open"), actor="me")
    assert sling.dispatch(session, actor="town").offered == 1


def test_a_deferred_bead_waits_until_its_time_when_it_was_slung_before(session: Session) -> None:
    make_rig(session)
    blocker, bead = sling_blocked(session, "later")
    beads.defer(session, bead, database_time(session) + timedelta(hours=1), actor="me")
    beads.close(session, [blocker], actor="me", reason="done")

    assert sling.dispatch(session, actor="town").offered == 0

    past = database_time(session) - timedelta(seconds=1)
    session.execute(update(beads.Bead).where(col(beads.Bead.id) == bead).values(defer_until=past))
    assert sling.dispatch(session, actor="town").offered == 1


def test_the_others_are_offered_when_a_waiting_bead_was_deleted(session: Session) -> None:
    make_rig(session)
    _, deleted = sling_blocked(session, "deleted")
    blocker, good = sling_blocked(session, "good")
    beads.delete(session, [deleted], actor="me", orphan=True)
    beads.close(session, [blocker], actor="me", reason="done")

    sling.dispatch(session, actor="town")

    assert states(session) == {good: AssignmentState.OFFERED}


def test_a_deleted_bead_comes_off_its_hook_by_the_reaction(session: Session, reactions: ModuleType) -> None:
    make_rig(session)
    _, deleted = sling_blocked(session, "deleted")
    beads.delete(session, [deleted], actor="me", orphan=True)

    reactions.react(session, last_event(session, deleted, EventKind.BEAD_DELETED), actor="town")

    assert states(session) == {}


def test_a_late_reaction_to_a_close_leaves_the_next_sling_alone(session: Session, reactions: ModuleType) -> None:
    make_rig(session)
    bead = make_bead(session)
    beads.close(session, [bead.id], actor="me", reason="done")
    closed = last_event(session, bead.id, EventKind.BEAD_CLOSED)
    beads.reopen(session, bead.id, actor="me")
    claim = make_running(session, bead)
    reactions.react(session, closed, actor="town")
    session.flush()
    session.expire_all()
    assert claim.assignment.desired is assignments.Desired.RUN

    sling.submit(session, claim.assignment.id or 0, 1, head_oid="a" * 40, actor="agent")
    reactions.react(session, closed, actor="town")

    request = refinery.find_open(session, bead.id)
    assert request is not None
    assert request.state is refinery.RequestState.QUEUED


@pytest.mark.parametrize("state", [AssignmentState.OFFERED, AssignmentState.RUNNING])
def test_work_on_a_closed_bead_is_called_off_when_the_reaction_was_lost(
    session: Session, state: AssignmentState
) -> None:
    make_rig(session)
    bead = make_bead(session)
    if state is AssignmentState.RUNNING:
        make_running(session, bead)
    else:
        sling.sling(session, Target([bead.id], "app"), actor="me", preset="command")
    beads.close(session, [bead.id], actor="me", reason="not needed", no_code=True)

    sling.dispatch(session, actor="town")

    session.flush()
    session.expire_all()
    row = assignments.history(session, bead.id)[-1]
    if state is AssignmentState.RUNNING:
        assert (row.state, row.desired) == (AssignmentState.RUNNING, assignments.Desired.STOP)
    else:
        assert row.state is AssignmentState.RELEASED


def test_a_convoy_lands_when_the_reaction_to_its_last_close_was_lost(session: Session) -> None:
    bead = make_bead(session)
    convoy = convoys.create(session, "trip", [bead.id], actor="me")
    beads.close(session, [bead.id], actor="me", reason="done")

    assert [found.id for found in convoys.check_all(session, actor="town")] == [convoy.id]
    assert convoys.check_all(session, actor="town") == []


@pytest.mark.parametrize("act", [assignments.lose, assignments.fail])
def test_a_bead_that_was_taken_off_its_hook_stays_off_when_its_holder_dies_before_it_stopped(
    session: Session, act: object
) -> None:
    make_rig(session)
    bead = make_bead(session)
    row = make_running(session, bead).assignment
    sling.unsling(session, [bead.id], actor="me", why="changed my mind")

    assert act(session, row.id, row.fence, actor="town", outcome="gone") is None  # type: ignore[operator]

    assert states(session) == {}
    assert beads.get(session, bead.id).status == BeadStatus.OPEN


@pytest.mark.parametrize("act", [assignments.lose, assignments.fail])
def test_an_attempt_ends_for_good_when_its_bead_was_closed_meanwhile(session: Session, act: object) -> None:
    make_rig(session)
    bead = make_bead(session)
    row = make_running(session, bead).assignment
    beads.close(session, [bead.id], actor="me", reason="not needed", no_code=True)

    assert act(session, row.id, row.fence, actor="town", outcome="gone") is None  # type: ignore[operator]

    assert states(session) == {}
    assert beads.get(session, bead.id).status == BeadStatus.CLOSED


def test_a_shutdown_does_not_sling_anew_what_was_taken_off_its_hook(session: Session) -> None:
    make_rig(session)
    kept, dropped = make_bead(session, "kept"), make_bead(session, "dropped")
    for bead in (kept, dropped):
        make_running(session, bead)
    sling.unsling(session, [dropped.id], actor="me", why="changed my mind")

    asked = assignments.ask_to_hand_over(session, actor="me")

    session.flush()
    session.expire_all()
    assert {row.bead_id: row.desired for row in asked} == {
        kept.id: assignments.Desired.HAND_OVER,
        dropped.id: assignments.Desired.STOP,
    }


def test_anybody_may_take_over_at_once_when_a_host_was_lost(session: Session) -> None:
    make_rig(session)
    bead = make_bead(session)
    row = make_running(session, bead, host="lost").assignment

    assignments.lose(session, row.id or 0, row.fence, actor="town", outcome="its host is gone")

    taken = assignments.claim(session, "app", holder="other:1:1:b", host="other", slots=1)
    assert (taken.assignment.bead_id, taken.assignment.reason) == (bead.id, Reason.TAKEOVER)


def test_offering_does_nothing_when_the_attempt_is_not_waiting_any_more(session: Session) -> None:
    make_rig(session)
    bead = make_bead(session)
    row = make_running(session, bead).assignment
    before = len(events.for_bead(session, bead.id))

    assert assignments.offer(session, row, actor="town") is False

    session.flush()
    session.expire_all()
    assert session.get_one(Assignment, row.id).state is AssignmentState.RUNNING
    assert len(events.for_bead(session, bead.id)) == before


def test_rework_starts_from_the_work_that_was_returned_when_its_host_was_lost(session: Session) -> None:
    make_rig(session)
    bead = make_bead(session)
    first = make_running(session, bead).assignment
    sling.submit(session, first.id or 0, 1, head_oid="a" * 40, actor="agent")
    details = {"kind": "conflict", "summary": "It conflicts."}
    assert assignments.rework(session, bead.id, details=details, actor="app/refinery") is not None
    agents.mark_worktree(session, first.polecat or "", agents.WorktreeState.CLEAN)
    rework = assignments.claim(session, "app", holder="h:1:1:b", host="here", slots=9).assignment

    following = assignments.lose(session, rework.id or 0, rework.fence, actor="town", outcome="its host is gone")

    assert following is not None
    assert (following.base_oid, following.rework) == ("a" * 40, details)
