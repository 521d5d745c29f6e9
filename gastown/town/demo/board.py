"""Where each of the convoy's beads is, read from the database."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from gastown import beads, clock
from gastown.assignments import Assignment, AssignmentState
from gastown.beads import BeadStatus
from gastown.refinery import MergeRequest, RequestState

_SHORT_OID = 10
_IN_QUEUE = {
    RequestState.QUEUED: "in the merge queue",
    RequestState.TESTING: "merged with main, being tested",
    RequestState.LANDING: "is being pushed to main",
    RequestState.RETURNED: "returned by the merge queue",
}


@dataclass(frozen=True)
class Line:
    """One bead."""

    bead_id: str
    rig: str
    title: str
    status: str
    attempts: int
    agent: str
    """The name of the polecat that has or had it last."""
    doing: str
    is_held_up: bool
    """Whether it waits for other beads."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in (BeadStatus.CLOSED, BeadStatus.ESCALATED, BeadStatus.TOMBSTONE)


def is_at_rest(lines: Sequence[Line]) -> bool:
    """Whether nothing more will happen by itself: all is over, or held up by what waits for a person. Pure."""
    return all(line.is_over or line.is_held_up for line in lines)


def read_board(session: Session, members: Sequence[str], rig_of: dict[str, str]) -> list[Line]:
    """A line for each of the beads, in their order."""
    found = beads.find_many(session, list(members))
    attempts: dict[str, list[Assignment]] = defaultdict(list)
    rows = session.exec(
        select(Assignment).where(col(Assignment.bead_id).in_(members)).order_by(col(Assignment.fence))
    ).all()
    for row in rows:
        attempts[row.bead_id].append(row)
    requests = {
        row.bead_id: row
        for row in session.exec(
            select(MergeRequest).where(col(MergeRequest.bead_id).in_(members)).order_by(col(MergeRequest.id))
        ).all()
    }
    lines = []
    for bead_id in members:
        bead, tried = found[bead_id], attempts[bead_id]
        last = tried[-1] if tried else None
        lines.append(
            Line(
                bead_id=bead_id,
                rig=rig_of[bead_id],
                title=bead.title,
                status=bead.status,
                attempts=len(tried),
                agent=(last.polecat or "").rpartition("/")[2] if last else "",
                doing=_doing(bead, last, requests.get(bead_id)),
                is_held_up=bead.is_blocked and last is not None and last.state is AssignmentState.WAITING,
            )
        )
    return lines


def _doing(bead: beads.Bead, last: Assignment | None, request: MergeRequest | None) -> str:
    if bead.status == BeadStatus.CLOSED:
        return f"landed as {bead.landed_sha[:_SHORT_OID]}" if bead.landed_sha else "closed"
    if bead.status == BeadStatus.ESCALATED:
        return "waits for a person"
    if last is None:
        return "not slung yet"
    match last.state:
        case AssignmentState.WAITING:
            return "waits for other beads" if bead.is_blocked else "waits for its turn"
        case AssignmentState.OFFERED:
            return "waits for an agent"
        case AssignmentState.RUNNING:
            began = last.started_at or last.claimed_at
            seconds = (clock.now() - began).total_seconds() if began else 0
            return f"agent at work, {max(0, int(seconds))} s"
        case _:
            return _IN_QUEUE.get(request.state, "") if request else str(last.state)
