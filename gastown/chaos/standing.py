"""How far the town is: what has ended, and what keeps it from being quiet."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func
from sqlmodel import Session, col, select

from gastown import assignments, beads
from gastown.agents import Polecat, WorktreeState
from gastown.assignments import Assignment, AssignmentState
from gastown.beads import Bead, BeadStatus
from gastown.convoys import Convoy, ConvoyMember, ConvoyStatus
from gastown.events import Event
from gastown.refinery import OPEN_REQUESTS, GateRun, IntentState, LandingIntent, MergeRequest, RunState

_IS_HELD_UP = (
    col(Assignment.state) == AssignmentState.WAITING,
    exists().where(col(Bead.id) == col(Assignment.bead_id), col(Bead.is_blocked).is_(True)),
)


@dataclass(frozen=True)
class Standing:
    """Counts of beads at one moment."""

    landed: int = 0
    escalated: int = 0
    at_work: int = 0
    in_queue: int = 0
    held_up: int = 0
    """Waiting for others; once nothing else is left: for one that was escalated."""

    @property
    def ended(self) -> int:
        """Beads to which nothing more happens."""
        return self.landed + self.escalated

    @property
    def settled(self) -> int:
        """Beads that have ended, or wait for others: where those are all, nothing more happens by itself."""
        return self.ended + self.held_up

    @property
    def done(self) -> float:
        """Beads done, where what waits for the merge queue is half done."""
        return self.ended + self.in_queue / 2


def read(session: Session) -> Standing:
    """Where the town's beads are."""
    found = beads.count_by_status(session)
    return Standing(
        landed=found.get(BeadStatus.CLOSED, 0),
        escalated=found.get(BeadStatus.ESCALATED, 0),
        at_work=found.get(BeadStatus.IN_PROGRESS, 0),
        in_queue=found.get(BeadStatus.SUBMITTED, 0),
        held_up=_count(session, Assignment, *_IS_HELD_UP),
    )


def disturbances(session: Session) -> dict[str, int]:
    """What still has to happen before the town is quiet; empty when it is."""
    is_missing = exists().where(
        col(ConvoyMember.convoy_id) == col(Convoy.id),
        col(ConvoyMember.bead_id) == col(Bead.id),
        col(Bead.status) != BeadStatus.CLOSED.value,
    )
    counts = {
        "attempts open": len(assignments.list_open(session)) - _count(session, Assignment, *_IS_HELD_UP),
        "requests open": _count(session, MergeRequest, col(MergeRequest.state).in_(OPEN_REQUESTS)),
        "gate runs open": _count(session, GateRun, col(GateRun.state).in_((RunState.REQUESTED, RunState.RUNNING))),
        "intents open": _count(session, LandingIntent, col(LandingIntent.state) == IntentState.OPEN),
        "worktrees busy": _count(session, Polecat, col(Polecat.worktree_state) == WorktreeState.BUSY),
        "doorbells owed": _count(session, Event, col(Event.task).is_not(None), col(Event.rung_at).is_(None)),
        "convoys open": _count(session, Convoy, col(Convoy.status) == ConvoyStatus.OPEN, ~is_missing),
    }
    return {name: number for name, number in counts.items() if number}


def _count(session: Session, table: type, *conditions: ColumnElement[bool]) -> int:
    return session.exec(select(func.count()).select_from(table).where(*conditions)).one()
