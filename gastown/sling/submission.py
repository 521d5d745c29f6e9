"""The ways in which an agent ends its attempt. Each names its fence; a stale one changes nothing."""

from dataclasses import dataclass

from sqlmodel import Session

from gastown import assignments, refinery
from gastown.assignments import Assignment


@dataclass(frozen=True)
class Submission:
    """What `gt done` handed in."""

    bead_id: str
    rig: str
    request_id: int
    head_oid: str
    branch: str


def submit(session: Session, assignment_id: int, fence: int, *, head_oid: str, actor: str) -> Submission:
    """Hand the commit to the rig's merge queue: attempt, bead and request change in one transaction."""
    row = assignments.submit(session, assignment_id, fence, head_oid=head_oid, actor=actor)
    request = refinery.submit(
        session,
        assignment_id=assignment_id,
        bead_id=row.bead_id,
        rig=row.rig,
        fence=fence,
        polecat=row.polecat or "",
        head_oid=head_oid,
        branch=row.branch,
        priority=row.priority,
        actor=actor,
    )
    assert request.id is not None
    return Submission(row.bead_id, row.rig, request.id, head_oid, row.branch)


def escalate(session: Session, assignment_id: int, fence: int, *, actor: str, why: str) -> Assignment:
    """The agent cannot go on and asks for a person."""
    return assignments.escalate(session, assignment_id, fence, actor=actor, why=why)


def hand_over(session: Session, assignment_id: int, fence: int, *, actor: str, notes: str) -> Assignment | None:
    """The agent ends its session with a note for a fresh one on the same bead; None when that cap is spent."""
    return assignments.hand_over(session, assignment_id, fence, actor=actor, notes=notes)


def defer(session: Session, assignment_id: int, fence: int, *, actor: str, notes: str) -> Assignment | None:
    """The agent puts the bead back: it is dispatched anew, to whoever comes."""
    return assignments.hand_over(session, assignment_id, fence, actor=actor, notes=notes)
