"""Room for sessions, as the workers' own words and the running attempts tell it."""

from datetime import timedelta

from sqlalchemy import column, select, table
from sqlmodel import Session

from gastown import assignments
from gastown.db import UtcTime, database_time

# A higher noun's table, by name.
_WORKERS = table("workers", column("host"), column("role"), column("slots"), column("seen_at", UtcTime))
# A worker says hello every 20 s.
_HEARD = timedelta(seconds=60)


def free_slots(session: Session) -> dict[str, int]:
    """How many more sessions each host has room for; hosts that were not heard lately have none."""
    heard = database_time(session) - _HEARD
    slots: dict[str, int] = {}
    for row in session.connection().execute(select(_WORKERS).where(_WORKERS.c.seen_at > heard)):
        if row.role in ("sessions", "all"):
            slots[row.host] = max(slots.get(row.host, 0), row.slots)
    running = assignments.running_by_host(session)
    return {host: max(0, count - running.get(host, 0)) for host, count in slots.items()}
