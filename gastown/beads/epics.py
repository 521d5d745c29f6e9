"""Epics: how far each is, and closing those whose children are done."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from gastown.beads.closing import Closing, close
from gastown.beads.models import SETTLED, Bead, BeadStatus
from gastown.beads.queries import children_states

EPIC_REASON = "All children completed"


@dataclass(frozen=True)
class EpicStatus:
    """One open epic and its direct children."""

    epic: Bead
    total: int
    closed: int

    @property
    def is_eligible(self) -> bool:
        """Whether nothing is left to do below it."""
        return 0 < self.total == self.closed


def list_epics(session: Session, *, prefix: str = "") -> list[EpicStatus]:
    """Every open epic, most urgent first."""
    query = select(Bead).where(
        Bead.issue_type == "epic", col(Bead.status).not_in(SETTLED), col(Bead.is_template).is_(False)
    )
    if prefix:
        query = query.where(Bead.prefix == prefix)
    found = session.exec(query.order_by(col(Bead.priority), col(Bead.created_at), col(Bead.id))).all()
    children = children_states(session, [epic.id for epic in found])
    return [
        EpicStatus(epic, len(states), sum(status == BeadStatus.CLOSED for _, status in states))
        for epic in found
        for states in (children.get(epic.id, []),)
    ]


def close_eligible(session: Session, *, actor: str, prefix: str = "") -> Closing:
    """Close every epic whose children are all closed, and what is complete with those; others' guards hold."""
    result = Closing()
    seen: set[str] = set()
    while names := [item.epic.id for item in list_epics(session, prefix=prefix) if item.is_eligible]:
        if seen.issuperset(names):
            break
        done = close(session, [name for name in names if name not in seen], actor=actor, reason=EPIC_REASON)
        seen.update(names)
        result.closed.extend(done.closed)
        result.refused.extend(done.refused)
        result.completed.extend(done.completed)
    return result
