"""No landing hangs between SQL and the remote."""

from collections.abc import Iterable
from datetime import timedelta

from sqlmodel import select

from gastown import clock
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, error
from gastown.refinery import IntentState, LandingIntent

# A push ends within five minutes or is cut off; the next tick then asks the remote.
_TOO_LONG = timedelta(minutes=10)


def look(here: Here) -> Iterable[Fault]:
    """Open intents that are older than any push."""
    with here.read() as session:
        rows = session.exec(select(LandingIntent).where(LandingIntent.state == IntentState.OPEN)).all()
    for row in rows:
        if clock.now() - row.created_at > _TOO_LONG:
            yield error(
                row.rig,
                f"the landing of {row.new_oid[:10]} has been open since {row.created_at:%Y-%m-%d %H:%M} UTC",
                "The remote has not said what became of it: check that it can be reached from here.",
            )


CHECK = Check("landings", look, "no landing hangs", category=Category.WORK, patrol=Patrol.DEACON)
