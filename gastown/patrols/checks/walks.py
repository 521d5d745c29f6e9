"""The patrols walk: boot's look at the deacon, the witness and each host's own rounds."""

from collections.abc import Iterable
from datetime import timedelta

from sqlmodel import Session

from gastown import policy
from gastown.db import database_time
from gastown.patrols import queries
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, error


def look(here: Here) -> Iterable[Fault]:
    """The time of each walk's last end. A walk that does not end counts as one that was not made."""
    with here.read() as session:
        patience = timedelta(seconds=policy.load(session).number("boot.deacon_late_s"))
        late = [who for who in (Patrol.DEACON, Patrol.WITNESS) if _is_late(session, who, patience)]
    for who in late:
        yield error(
            who.value,
            f"the {who.value} has not come round for {patience.total_seconds() / 60:g} minutes or more",
            "Boot walks in its stead; a town worker and beat are needed for its own rounds: see `workers`, `ticks`.",
        )


def _is_late(session: Session, who: Patrol, patience: timedelta) -> bool:
    last = queries.find_last_walk(session, who)
    if last is None:
        return queries.find_last_walk(session, Patrol.BOOT) is not None  # a town that was never up is not late
    return database_time(session) - last > patience


CHECK = Check("walks", look, "the patrols come round", category=Category.INFRASTRUCTURE, patrol=Patrol.BOOT)
