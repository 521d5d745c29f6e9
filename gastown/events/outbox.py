"""Doorbells that are owed: recorded by a transaction, not known to have been rung."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import update
from sqlmodel import Session, col, select

from gastown import clock
from gastown.events.models import Event
from gastown.queue import Doorbell, Task

# Younger rows are being rung by the process that committed them.
OWED_AFTER = timedelta(seconds=5)


def mark_rung(session: Session, event_ids: Sequence[int]) -> None:
    """Note that these were published."""
    session.execute(update(Event).where(col(Event.id).in_(event_ids)).values(rung_at=clock.now()))


def list_owed(session: Session, *, limit: int = 500) -> list[Doorbell]:
    """The oldest doorbells that nobody rang within `OWED_AFTER`.

    One from the future was written by a host whose clock is ahead of ours: its age cannot be told, so it is owed.
    """
    now = clock.now()
    is_young = col(Event.at).between(now - OWED_AFTER, now + OWED_AFTER)
    rows = session.exec(
        select(Event)
        .where(col(Event.task).is_not(None), col(Event.rung_at).is_(None), ~is_young)
        .order_by(col(Event.id))
        .limit(limit)
    ).all()
    return [
        Doorbell(task=Task(str(row.task)), queue=str(row.queue), args=tuple(row.args or ()), event_id=row.id)
        for row in rows
    ]
