"""The circuit breaker of a bead: whatever goes wrong, in whatever order, ends in one escalation; a person resets it."""

from collections.abc import Callable

import pytest
from sqlmodel import Session

from gastown import agents, assignments, beads, events, policy, sling
from gastown.agents import WorktreeState
from gastown.assignments import Assignment, AssignmentState
from gastown.beads import BeadStatus
from gastown.events import EventKind
from gastown.sling import Target
from tests.support.factories import HOLDER, make_bead, make_rig, make_running

Trouble = Callable[[Session, Assignment], object]


def fail(session: Session, row: Assignment) -> object:
    return assignments.fail(session, row.id or 0, row.fence, actor="agent", outcome="exit status 1")


def lose(session: Session, row: Assignment) -> object:
    return assignments.lose(session, row.id or 0, row.fence, actor="town", outcome="its host is gone")


def hand_over(session: Session, row: Assignment) -> object:
    return assignments.hand_over(session, row.id or 0, row.fence, actor="agent", notes="later")


def give_up(session: Session, row: Assignment) -> object:
    """As the witness and the holder do it together."""
    assignments.ask_to_restart(session, row.id or 0, row.fence, actor="witness", why="silent")
    assignments.ask_to_give_up(session, row.id or 0, row.fence, actor="witness", why="silent")
    return assignments.fail(session, row.id or 0, row.fence, actor=HOLDER, outcome=row.outcome)


def send_back(session: Session, row: Assignment) -> object:
    """As the merge queue does after it was handed in."""
    assignments.submit(session, row.id or 0, row.fence, head_oid="c" * 40, actor="agent")
    return assignments.rework(session, row.bead_id, details={"kind": "conflict"}, actor="refinery")


CAPS: dict[str, tuple[Trouble, str, int]] = {
    "agent failures": (fail, "cap.agent_failures", 3),
    "given up by the witness": (give_up, "cap.agent_failures", 3),
    "losses": (lose, "cap.infrastructure", 5),
    "reworks": (send_back, "cap.reworks", 6),
    "handoffs": (hand_over, "cap.handoffs", 4),
}


def run_on(session: Session, row: Assignment, troubles: list[Trouble]) -> int:
    """Let each attempt come to the next trouble, the last one again and again, until a person is asked; count them."""
    made = 0
    while row.state is AssignmentState.RUNNING and made < 100:
        troubles[min(made, len(troubles) - 1)](session, row)
        made += 1
        agents.mark_worktree(session, row.polecat or "", WorktreeState.CLEAN)
        following = assignments.find_open(session, row.bead_id)
        if following is None:
            return made
        if following.state is AssignmentState.WAITING:
            following.not_before = None  # the cool-down is over
            assignments.offer(session, following, actor="town")
        row = assignments.claim(session, row.rig, holder=HOLDER, host="here", slots=9).assignment
    return made


def escalations(session: Session, bead_id: str) -> int:
    return sum(event.kind is EventKind.BEAD_ESCALATED for event in events.for_bead(session, bead_id))


@pytest.mark.parametrize("name", CAPS)
def test_each_kind_of_trouble_ends_at_its_cap_in_one_escalation(session: Session, name: str) -> None:
    trouble, key, most = CAPS[name]
    if key == "cap.handoffs":
        policy.set_value(session, key, "3", actor="ada")
    make_rig(session)
    row = make_running(session, make_bead(session)).assignment
    assert run_on(session, row, [trouble]) == most
    assert beads.get(session, row.bead_id).status == BeadStatus.ESCALATED
    assert escalations(session, row.bead_id) == 1
    assert assignments.find_open(session, row.bead_id) is None


@pytest.mark.parametrize("order", [1, -1])
def test_troubles_of_every_kind_in_turn_end_in_one_escalation(session: Session, order: int) -> None:
    """Each has its own cap: what mixes them ends after all of them together at the latest."""
    make_rig(session)
    policy.set_value(session, "cap.handoffs", "3", actor="ada")
    row = make_running(session, make_bead(session)).assignment
    troubles = [fail, lose, send_back, hand_over, give_up][::order] * 10
    made = run_on(session, row, troubles)
    assert made <= 3 + 5 + 6 + 4
    assert escalations(session, row.bead_id) == 1
    assert beads.get(session, row.bead_id).status == BeadStatus.ESCALATED


def test_a_person_who_slings_it_again_starts_every_count_anew(session: Session) -> None:
    make_rig(session)
    row = make_running(session, make_bead(session)).assignment
    run_on(session, row, [fail, lose, lose, fail])
    sling.sling(session, Target((row.bead_id,), "app"), actor="ada", preset="command")
    again = assignments.claim(session, "app", holder=HOLDER, host="here", slots=9).assignment
    assert again.fence > row.fence, "the fence goes on"
    assert run_on(session, again, [lose]) == 5
    assert escalations(session, row.bead_id) == 2, "one for each sling"
