"""Facts about an attempt: every event of one names its bead, rig, agent and fence."""

from typing import Any

from sqlmodel import Session

from gastown.assignments.models import Assignment
from gastown.events import EventKind, record
from gastown.queue import Doorbell


def tell(
    session: Session, kind: EventKind, row: Assignment, *, actor: str, ring: Doorbell | None = None, **values: Any
) -> None:
    """Record `kind` about this attempt, with its new `values`."""
    record(
        session,
        kind,
        actor=actor,
        bead_id=row.bead_id,
        rig=row.rig,
        agent=row.polecat,
        assignment_id=row.id,
        fence=row.fence,
        ring=ring,
        **values,
    )
