"""Founding the town in its database: once, whoever comes first."""

import uuid

from sqlmodel import Session

from gastown.db import database_time
from gastown.events import EventKind, record, say_time
from gastown.town.models import Town
from gastown.town.queries import find_town


def found(session: Session, name: str, *, actor: str) -> tuple[Town, bool]:
    """The database's town and whether this call founded it; `name` counts only for the founder.

    Two founders at once: the second one's transaction fails on the primary key.
    """
    town = find_town(session)
    if town is not None:
        return town, False
    town = Town(number=1, id=uuid.uuid4().hex, name=name, created_at=database_time(session))
    session.add(town)
    founded = say_time(town.created_at)
    record(session, EventKind.TOWN_FOUNDED, actor=actor, id=town.id, name=name, created_at=founded)
    return town, True
