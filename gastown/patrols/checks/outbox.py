"""Doorbells that are owed get rung."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import func
from sqlmodel import col, select

from gastown import clock
from gastown.events import Event, outbox
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, warning

# The sweep rings what is older than five seconds, every few seconds.
_TOO_LONG = timedelta(minutes=1)


def look(here: Here) -> Iterable[Fault]:
    """Events whose doorbell nobody has rung."""
    with here.read() as session:
        owed, oldest = session.exec(
            select(func.count(), func.min(Event.at)).where(
                col(Event.task).is_not(None), col(Event.rung_at).is_(None), col(Event.at) < clock.now() - _TOO_LONG
            )
        ).one()
        unfit = outbox.list_owed(session).unfit if owed else []
    if unfit:
        yield warning(
            "unreadable",
            f"nobody can ring for {len(unfit)} events, the first of them {unfit[0]}: task, queue or arguments make no "
            "sense",
            "Somebody edited them, or a newer version wrote them. The work that they stand for is found all the same.",
        )
    owed -= len(unfit)
    if owed > 0:
        yield warning(
            "",
            f"{owed} doorbells were not rung, the oldest from {oldest:%Y-%m-%d %H:%M} UTC",
            "A town worker and Redis are needed for that: see `workers` and `redis`.",
        )


CHECK = Check("outbox", look, "every doorbell was rung", category=Category.INFRASTRUCTURE, patrol=Patrol.DEACON)
