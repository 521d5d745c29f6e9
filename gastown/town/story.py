"""A bead's whole story: what happened to it, every attempt at it, what the gates said, what landed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from gastown import assignments, beads, events
from gastown.refinery import GateRun, MergeRequest


@dataclass(frozen=True)
class Story:
    """All that is stored about a bead's way, oldest first."""

    bead: beads.Bead
    events: Sequence[events.Event]
    attempts: Sequence[assignments.Assignment]
    requests: Sequence[MergeRequest]
    gate_runs: Sequence[GateRun]


def tell(session: Session, text: str) -> Story:
    """The story of the bead that `text` means."""
    bead = beads.find(session, text)
    requests = session.exec(
        select(MergeRequest).where(MergeRequest.bead_id == bead.id).order_by(col(MergeRequest.id))
    ).all()
    runs = session.exec(select(GateRun).where(GateRun.bead_id == bead.id).order_by(col(GateRun.id))).all()
    return Story(bead, events.for_bead(session, bead.id), assignments.history(session, bead.id), requests, runs)
