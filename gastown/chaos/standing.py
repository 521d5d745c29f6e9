"""How far the town is: what has ended, and what keeps it from being quiet."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from gastown import assignments, beads
from gastown.agents import Polecat, WorktreeState
from gastown.beads import BeadStatus
from gastown.convoys import Convoy, ConvoyStatus
from gastown.events import Event
from gastown.refinery import OPEN_REQUESTS, GateRun, IntentState, LandingIntent, MergeRequest, RunState


@dataclass(frozen=True)
class Standing:
    """Counts of beads at one moment."""

    landed: int
    escalated: int
    at_work: int
    in_queue: int

    @property
    def ended(self) -> int:
        """Beads to which nothing more happens."""
        return self.landed + self.escalated

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
    )


def disturbances(session: Session) -> dict[str, int]:
    """What still has to happen before the town is quiet; empty when it is."""
    counts = {
        "attempts open": len(assignments.list_open(session)),
        "requests open": _count(session, MergeRequest, col(MergeRequest.state).in_(OPEN_REQUESTS)),
        "gate runs open": _count(session, GateRun, col(GateRun.state).in_((RunState.REQUESTED, RunState.RUNNING))),
        "intents open": _count(session, LandingIntent, col(LandingIntent.state) == IntentState.OPEN),
        "worktrees busy": _count(session, Polecat, col(Polecat.worktree_state) == WorktreeState.BUSY),
        "doorbells owed": _count(session, Event, col(Event.task).is_not(None), col(Event.rung_at).is_(None)),
        "convoys open": _count(session, Convoy, col(Convoy.status) == ConvoyStatus.OPEN),
    }
    return {name: number for name, number in counts.items() if number}


def _count(session: Session, table: type, *conditions: ColumnElement[bool]) -> int:
    return session.exec(select(func.count()).select_from(table).where(*conditions)).one()
