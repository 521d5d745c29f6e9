"""Counting beads."""

from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from gastown import clock
from gastown.beads import filters as sql
from gastown.beads.filters import Filters
from gastown.beads.models import SETTLED, Bead, BeadStatus, Label
from gastown.beads.queries import children_states
from gastown.beads.startable import count_ready
from gastown.beads.words.vocabulary import hidden_statuses


def count_by_status(session: Session, *, prefix: str | None = None) -> dict[str, int]:
    """How many beads have each status, tombstones apart."""
    query = select(Bead.status, func.count()).where(Bead.status != BeadStatus.TOMBSTONE.value).group_by(Bead.status)
    if prefix is not None:
        query = query.where(Bead.prefix == prefix)
    return {status: number for status, number in session.exec(query)}


def count_labels(session: Session) -> list[tuple[str, int]]:
    """Every label in use with the number of its beads, in alphabetical order."""
    rows = session.exec(
        select(Label.label, func.count())
        .join(Bead, col(Bead.id) == col(Label.bead_id))
        .where(Bead.status != BeadStatus.TOMBSTONE.value)
        .group_by(Label.label)
        .order_by(Label.label)
    )
    return [(label, number) for label, number in rows]


_GROUPS = {"status": Bead.status, "priority": Bead.priority, "type": Bead.issue_type, "assignee": Bead.assignee}


def count(session: Session, filters: Filters, *, by: str | None = None) -> dict[str, int]:
    """How many beads `filters` lets through, per status, priority, type, assignee or label; under "" without `by`."""
    conditions = sql.visible(filters, clock.now(), hidden_statuses(session))
    if by is None:
        return {"": session.exec(select(func.count()).select_from(Bead).where(*conditions)).one()}
    if by == "label":
        query = select(Label.label, func.count()).join(Bead, col(Bead.id) == col(Label.bead_id))
        grouped = query.where(*conditions).group_by(Label.label).order_by(Label.label)
    else:
        column = _GROUPS[by]
        grouped = select(column, func.count()).where(*conditions).group_by(column).order_by(column)  # type: ignore[call-overload]
    return {str(group): number for group, number in session.exec(grouped)}


@dataclass(frozen=True)
class Figures:
    """The store at a glance."""

    by_status: dict[str, int]
    blocked: int
    ready: int
    pinned: int
    epics_closeable: int
    lead_time_hours: float


def measure(session: Session) -> Figures:
    """Count what there is; tombstones do not."""
    alive = col(Bead.status).not_in(SETTLED)
    blocked = session.exec(select(func.count()).select_from(Bead).where(col(Bead.is_blocked).is_(True), alive)).one()
    pinned = session.exec(select(func.count()).select_from(Bead).where(col(Bead.pinned).is_(True), alive)).one()
    epics = session.exec(select(Bead.id).where(Bead.issue_type == "epic", alive)).all()
    children = children_states(session, epics)
    spans = session.exec(select(Bead.created_at, Bead.closed_at).where(Bead.status == BeadStatus.CLOSED.value))
    hours = [(closed - made).total_seconds() / 3600 for made, closed in spans if closed is not None]
    return Figures(
        by_status=count_by_status(session),
        blocked=blocked,
        ready=count_ready(session),
        pinned=pinned,
        epics_closeable=sum(all(status == BeadStatus.CLOSED for _, status in found) for found in children.values()),
        lead_time_hours=round(sum(hours) / len(hours), 2) if hours else 0.0,
    )
