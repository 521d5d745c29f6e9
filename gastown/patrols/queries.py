"""Reading what the patrols found, and when they last walked."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import Session, col, func, select

from gastown.assignments import Assignment
from gastown.db import locks
from gastown.events import Event, EventKind
from gastown.patrols.findings import Patrol
from gastown.patrols.models import FindingRow


def list_open(session: Session) -> Sequence[FindingRow]:
    """Everything that is wrong as far as the patrols know, oldest first."""
    return session.exec(
        select(FindingRow).where(col(FindingRow.cleared_at).is_(None)).order_by(col(FindingRow.id))
    ).all()


def find_open(session: Session, check: str, subject: str) -> FindingRow | None:
    """The open finding of a check about a subject, as it is stored (`lifecycle.stored_subject`)."""
    return session.exec(
        select(FindingRow).where(
            FindingRow.check == check, FindingRow.subject == subject, col(FindingRow.cleared_at).is_(None)
        )
    ).one_or_none()


def find_newest(session: Session, check: str, subject: str) -> FindingRow | None:
    """The newest finding of a check about a subject, open or cleared."""
    return session.exec(
        select(FindingRow)
        .where(FindingRow.check == check, FindingRow.subject == subject)
        .order_by(col(FindingRow.id).desc())
        .limit(1)
    ).first()


def walk_name(patrol: Patrol, host: str | None = None) -> str:
    """The lease row in which a patrol leaves the time of its last walk; `host`: of its walk on that host."""
    return f"walk.{patrol.value}" if host is None else f"walk.{patrol.value}.{host}"


def find_last_walk(session: Session, patrol: Patrol, host: str | None = None) -> datetime | None:
    """When a patrol last came to the end of its walk; None: never."""
    row = session.get(locks.Lease, walk_name(patrol, host))
    return row.expires_at if row is not None else None


def last_told(session: Session, kind: EventKind, rows: Iterable[Assignment]) -> dict[int, datetime]:
    """When each attempt last had an event of this kind, by its number."""
    beads = {row.bead_id for row in rows}
    found = session.exec(
        select(Event.assignment_id, func.max(Event.at))
        .where(col(Event.bead_id).in_(beads), Event.kind == kind)
        .group_by(col(Event.assignment_id))
    ).all()
    return {number: at for number, at in found if number is not None}
