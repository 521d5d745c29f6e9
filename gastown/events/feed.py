"""Reading the feed."""

from collections.abc import Sequence

from sqlalchemy import func
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from gastown.events.kinds import EventKind
from gastown.events.models import Event


def latest_id(session: Session) -> int:
    """The newest event's number, 0 when nothing has happened yet."""
    return session.exec(select(func.max(Event.id))).one() or 0


def _told() -> SelectOfScalar[Event]:
    """Without the pieces of snapshots, which are for programs: nothing happened."""
    return select(Event).where(Event.kind != EventKind.SNAPSHOT_ROWS)


def after(session: Session, event_id: int, *, limit: int = 500, rig: str | None = None) -> Sequence[Event]:
    """What happened after `event_id`, oldest first."""
    query = _told().where(col(Event.id) > event_id).order_by(col(Event.id)).limit(limit)
    if rig is not None:
        query = query.where(Event.rig == rig)
    return session.exec(query).all()


def latest(
    session: Session, *, limit: int = 50, rig: str | None = None, kinds: Sequence[EventKind] = ()
) -> Sequence[Event]:
    """The newest events, oldest of them first."""
    query = _told().order_by(col(Event.id).desc()).limit(limit)
    if rig is not None:
        query = query.where(Event.rig == rig)
    if kinds:
        query = query.where(col(Event.kind).in_(kinds))
    return list(reversed(session.exec(query).all()))


def for_bead(session: Session, bead_id: str) -> Sequence[Event]:
    """A bead's whole story, oldest first."""
    return session.exec(select(Event).where(Event.bead_id == bead_id).order_by(col(Event.id))).all()
