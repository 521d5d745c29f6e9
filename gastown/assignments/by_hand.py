"""Attempts that end without an agent: a person handed the work in."""

from typing import Any

from sqlmodel import Session

from gastown import beads
from gastown.assignments.facts import tell
from gastown.assignments.lifecycle import finish
from gastown.assignments.models import Assignment, AssignmentState
from gastown.beads import BeadStatus
from gastown.events import EventKind


def submit_by_hand(
    session: Session, row: Assignment, *, branch: str, base_oid: str, head_oid: str, actor: str
) -> Assignment:
    """A person hands work in for an attempt that nobody has claimed: it ends submitted without ever having run.

    Refuses one that an agent has claimed meanwhile (`StaleFence`).
    """
    row.branch, row.base_oid, row.head_oid = branch, base_oid, head_oid
    session.flush()
    tell(session, EventKind.ASSIGNMENT_NOTED, row, actor=actor, branch=branch, base_oid=base_oid)
    finish(session, row, AssignmentState.SUBMITTED, actor=actor, outcome=f"submitted by {actor}")
    facts: dict[str, Any] = {"actor": actor, "fence": row.fence, "assignment_id": row.id, "rig": row.rig}
    steps = {
        BeadStatus.OPEN: (BeadStatus.HOOKED, BeadStatus.IN_PROGRESS, BeadStatus.SUBMITTED),
        BeadStatus.HOOKED: (BeadStatus.IN_PROGRESS, BeadStatus.SUBMITTED),
    }
    for status in steps.get(BeadStatus(beads.get(session, row.bead_id).status), ()):
        beads.set_status(session, row.bead_id, status, **facts)
    return row
