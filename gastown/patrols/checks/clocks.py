"""This host's clock agrees with the database's."""

from collections.abc import Iterable
from datetime import timedelta

from gastown import clock
from gastown.db import database_time
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, warning

# Leases use the database's clock alone; cool-downs and the feed's times are this host's.
_NOTICEABLE = timedelta(seconds=5)


def look(here: Here) -> Iterable[Fault]:
    """The difference, as far as one question can tell."""
    with here.read() as session:
        database_time(session)  # the connection is open now: the next answer costs one round trip
        before = clock.now()
        theirs = database_time(session)
        after = clock.now()
    skew = max(theirs - after, before - theirs, timedelta(0))
    if skew > _NOTICEABLE:
        seconds = int(skew.total_seconds())
        yield warning(
            here.settings.host_id, f"this host's clock is {seconds} s off the database's", "Set up NTP on both."
        )


CHECK = Check(
    "clock",
    look,
    "this host's clock agrees with the database's",
    category=Category.INFRASTRUCTURE,
    patrol=Patrol.DEACON,
    is_local=True,
)
