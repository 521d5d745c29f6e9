"""Doorbells that are owed: recorded by a transaction, not known to have been rung."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, exists, select, update
from sqlmodel import Session, col

from gastown import clock
from gastown.events.models import Event
from gastown.queue import Doorbell, Task, is_queue_name

# Younger rows are being rung by the process that committed them.
OWED_AFTER = timedelta(seconds=5)
# Looked at in one sweep, so that rows that cannot be rung hold up none that can.
_MOST_PAGES = 20


@dataclass(frozen=True)
class Owed:
    """What a sweep found."""

    bells: list[Doorbell] = field(default_factory=list)
    unfit: list[int] = field(default_factory=list)
    """Events whose doorbell makes no sense: edited by hand, or of a newer version. They stay as they are."""


def mark_rung(session: Session, event_ids: Sequence[int]) -> None:
    """Note that these were published."""
    session.execute(update(Event).where(col(Event.id).in_(event_ids)).values(rung_at=clock.now()))


def is_owed(after: timedelta = OWED_AFTER) -> ColumnElement[bool]:
    """Whether an event's doorbell is owed: nobody rang it within `after`.

    One from the future was written by a host whose clock is ahead of ours: its age cannot be told, so it is owed.
    """
    now = clock.now()
    is_young = col(Event.at).between(now - after, now + OWED_AFTER)
    return col(Event.task).is_not(None) & col(Event.rung_at).is_(None) & ~is_young


def any_owed() -> ColumnElement[bool]:
    """Whether any doorbell is owed, for a statement that asks a town at rest."""
    return exists().where(is_owed())


def list_owed(session: Session, *, limit: int = 500, after: timedelta = OWED_AFTER) -> Owed:
    """The oldest doorbells that are owed."""
    owed, newest = Owed(), 0
    for _ in range(_MOST_PAGES):
        # The columns and not the rows: of a row that somebody edited any column may be unreadable.
        rows = session.execute(
            select(col(Event.id), col(Event.task), col(Event.queue), cast(col(Event.args), Text))
            .where(is_owed(after), col(Event.id) > newest)
            .order_by(col(Event.id))
            .limit(limit)
        ).all()
        for number, task, where, args in rows:
            bell = _read(number, task, where, args)
            if bell is None:
                owed.unfit.append(number)
            else:
                owed.bells.append(bell)
        if len(rows) < limit or len(owed.bells) >= limit:
            break
        newest = rows[-1][0]
    return owed


def _read(number: int, task: str, where: object, args: object) -> Doorbell | None:
    try:
        words: Any = json.loads(str(args)) if args is not None else []
        known = Task(task)
    except ValueError:
        return None
    is_fit = isinstance(words, list) and all(isinstance(word, str | int) for word in words)
    if not is_fit or not is_queue_name(str(where)):
        return None
    return Doorbell(task=known, queue=str(where), args=tuple(words), event_id=number)
