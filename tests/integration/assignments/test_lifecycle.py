"""Attempts from sling to end."""

import pytest
from sqlmodel import Session

from gastown import assignments, beads, events
from gastown.assignments import AlreadySlung, AssignmentState, Desired, Reason
from gastown.beads import BeadStatus
from gastown.events import EventKind
from tests.support.factories import make_bead, make_offered, make_rig, make_running


def kinds(session: Session, bead_id: str) -> list[EventKind]:
    return [event.kind for event in events.for_bead(session, bead_id)]


def test_a_bead_has_one_open_attempt(session: Session) -> None:
    make_rig(session)
    bead = make_bead(session)
    make_offered(session, bead)
    with pytest.raises(AlreadySlung):
        make_offered(session, bead)


def test_failures_are_retried_until_the_cap_and_then_escalated_once(session: Session) -> None:
    make_rig(session)
    bead = make_bead(session)
    fences = []
    row = make_running(session, bead).assignment
    for _ in range(3):
        fences.append(row.fence)
        assert row.id is not None
        following = assignments.fail(session, row.id, row.fence, actor="agent", outcome="exit status 1")
        if following is None:
            break
        assert following.reason is Reason.RETRY
        if following.state is AssignmentState.WAITING:
            assert following.not_before is not None
            following.not_before = None
            assignments.offer(session, following, actor="town")
        from gastown.agents import WorktreeState, mark_worktree

        mark_worktree(session, row.polecat or "", WorktreeState.CLEAN)
        row = assignments.claim(session, "app", holder="h", host="here", slots=9).assignment
    assert fences == [1, 2, 3]
    assert beads.get(session, bead.id).status == BeadStatus.ESCALATED
    assert kinds(session, bead.id).count(EventKind.BEAD_ESCALATED) == 1
    assert assignments.find_open(session, bead.id) is None


def test_a_handoff_goes_to_the_same_polecat_with_the_note(session: Session) -> None:
    make_rig(session)
    row = make_running(session, make_bead(session)).assignment
    assert row.id is not None
    row.head_oid = "c" * 40
    following = assignments.hand_over(session, row.id, 1, actor="agent", notes="half done")
    assert following is not None
    assert (following.reason, following.notes, following.preferred) == (Reason.HANDOFF, "half done", row.polecat)
    assert following.base_oid == "c" * 40


def test_release_lets_go_at_once_when_nobody_runs_it(session: Session) -> None:
    make_rig(session)
    bead = make_bead(session)
    make_offered(session, bead)
    assignments.release(session, bead.id, actor="me", why="not now")
    assert assignments.find_open(session, bead.id) is None
    assert beads.get(session, bead.id).status == BeadStatus.OPEN


def test_release_asks_the_holder_when_it_runs(session: Session) -> None:
    make_rig(session)
    bead = make_bead(session)
    row = make_running(session, bead).assignment
    assert row.id is not None
    assignments.release(session, bead.id, actor="me", why="not now")
    assert assignments.get(session, row.id).desired is Desired.STOP
    assignments.put_back(session, row.id, 1, actor="worker")
    assert beads.get(session, bead.id).status == BeadStatus.OPEN
    assert assignments.get(session, row.id).outcome == "not now"


def test_a_shutdown_leaves_the_bead_slung(session: Session) -> None:
    make_rig(session)
    bead = make_bead(session)
    row = make_running(session, bead).assignment
    assert row.id is not None
    assert [asked.id for asked in assignments.ask_to_hand_over(session, actor="me")] == [row.id]
    following = assignments.resume_later(session, row.id, 1, actor="worker")
    assert following is not None
    assert (following.reason, following.fence) == (Reason.RESUME, 2)
    assert beads.get(session, bead.id).status == BeadStatus.HOOKED


def test_usage_of_a_run_is_booked_once(session: Session) -> None:
    make_rig(session)
    row = make_running(session, make_bead(session)).assignment
    assert row.id is not None
    for _ in range(2):
        assignments.book_usage(
            session,
            row.id,
            1,
            actor="w",
            run=1,
            exit_code=0,
            exit_signal=None,
            exit_reason="exited",
            tokens={"input_tokens": 10, "output_tokens": 2},
            cost_usd=0.5,
            model="m",
            agent_session_id="s",
        )
    found = assignments.get(session, row.id)
    assert (found.input_tokens, found.output_tokens, found.cost_usd) == (10, 2, 0.5)


def test_every_step_of_an_attempt_is_an_event_with_its_fence(session: Session) -> None:
    make_rig(session)
    bead = make_bead(session)
    row = make_running(session, bead).assignment
    assert row.id is not None
    assignments.submit(session, row.id, 1, head_oid="d" * 40, actor="agent")
    seen = [event for event in events.for_bead(session, bead.id) if event.assignment_id == row.id]
    assert [event.kind for event in seen if event.kind.value.startswith("assignment.")] == [
        EventKind.ASSIGNMENT_SLUNG,
        EventKind.ASSIGNMENT_OFFERED,
        EventKind.ASSIGNMENT_CLAIMED,
        EventKind.ASSIGNMENT_SUBMITTED,
    ]
    assert {event.fence for event in seen} == {1}
