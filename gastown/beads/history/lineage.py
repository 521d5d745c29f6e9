"""Which events are a bead's: those under each name that it had, and not those of others who had a name before it."""

from datetime import datetime

from sqlmodel import Session, col, select

from gastown.beads.errors import BeadNotFound
from gastown.beads.history.replay import BEAD_KINDS
from gastown.beads.queries import find
from gastown.events import Event, EventKind

_BEGINNINGS = (EventKind.BEAD_CREATED, EventKind.BEAD_IMPORTED)


def list_events(session: Session, bead_id: str, *, until: datetime | None = None) -> list[Event]:
    """Everything that happened to the bead that is called `bead_id` (or was so last), oldest first."""
    name, before = bead_id, None
    story: list[Event] = []
    while True:
        rows = _under(session, name, before)
        arrival = max((place for place, row in enumerate(rows) if _is_arrival(row)), default=None)
        if arrival is None:
            story = _own(rows) + story
            break
        story = rows[arrival:] + story
        name, before = str(rows[arrival].payload["was"]), rows[arrival].id
    return [event for event in story if until is None or event.at <= until]


def _is_arrival(row: Event) -> bool:
    return row.kind == EventKind.BEAD_RENAMED and isinstance(row.payload.get("was"), str)


def _under(session: Session, name: str, before: int | None) -> list[Event]:
    """The events under a name since its last holder was renamed, up to the event `before`."""
    left = _last_departure(session, name, before)
    query = select(Event).where(Event.bead_id == name, col(Event.id) > (left.id if left else 0))
    if before is not None:
        query = query.where(col(Event.id) < before)
    return list(session.exec(query.order_by(col(Event.id))))


def _last_departure(session: Session, name: str, before: int | None = None) -> Event | None:
    was = col(Event.payload)["was"].as_string()
    query = select(Event).where(Event.kind == EventKind.BEAD_RENAMED, was == name)
    if before is not None:
        query = query.where(col(Event.id) < before)
    return session.exec(query.order_by(col(Event.id).desc()).limit(1)).first()


def _own(rows: list[Event]) -> list[Event]:
    """Without those of a bead that was purged before this one got its id."""
    start, is_purged = 0, False
    for place, row in enumerate(rows):
        if row.kind == EventKind.BEAD_PURGED:
            is_purged = True
        elif is_purged and row.kind in _BEGINNINGS:
            start, is_purged = place, False
    return rows[start:]


def find_past(session: Session, text: str, *, prefix: str | None = None) -> str:
    """The id of the bead that `text` means, or meant: deleted, purged and renamed beads too."""
    try:
        return find(session, text, prefix=prefix).id
    except BeadNotFound:
        for name in (text, f"{prefix}-{text}" if prefix else text):
            departure = _last_departure(session, name)
            if departure is not None and departure.id > _latest(session, name):  # type: ignore[operator]
                return find_past(session, str(departure.bead_id))
            if _latest(session, name):
                return name
        raise


def _latest(session: Session, name: str) -> int:
    query = select(Event.id).where(Event.bead_id == name, col(Event.kind).in_(BEAD_KINDS))
    return session.exec(query.order_by(col(Event.id).desc()).limit(1)).first() or 0
