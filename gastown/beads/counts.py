"""How many ids a prefix has: near enough to tell how long the next one must be, and never counted twice for nothing.

A million rows take 50 ms to count, and an id's length changes six times in that many. So the last count is kept with
the newest event of then: every bead that came or went since has an event of its own, which bounds how far off it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from gastown.beads import readiness
from gastown.beads.models import Bead, BeadCount
from gastown.db import is_sqlite
from gastown.events import Event

# Fewer are counted anew each time.
_FEW = 500
# Beads of transactions that had not ended when the others were counted: one in so many, at most so many.
_IN_FLIGHT_SHARE, _IN_FLIGHT = 32, 1000

NEWEST = select(func.coalesce(func.max(col(Event.id)), 0)).scalar_subquery()


@dataclass(frozen=True)
class Kept:
    """What was counted last, and the newest event now."""

    beads: int
    event_id: int
    newest: int


def length_for(session: Session, prefix: str, kept: Kept | None, length: Callable[[int], int]) -> int:
    """What `length` says of the number of top-level beads with this prefix; it must not fall as the number grows."""
    if kept is not None:
        slack = kept.newest - kept.event_id + min(_IN_FLIGHT, kept.beads // _IN_FLIGHT_SHARE)
        shortest = length(max(0, kept.beads - slack))
        if kept.newest >= kept.event_id and shortest == length(kept.beads + slack):
            return shortest
    return length(_count(session, prefix))


def _count(session: Session, prefix: str) -> int:
    # While an import is under way its beads are unseen, and its events may be older than the newest.
    may_keep = readiness.try_lock_graph(session)
    number = select(func.count()).where(col(Bead.prefix) == prefix, col(Bead.is_top).is_(True)).scalar_subquery()
    beads, newest = session.execute(select(number, NEWEST)).one()
    if may_keep and beads > _FEW:
        insert = sqlite.insert if is_sqlite(session) else postgresql.insert
        row = {"beads": beads, "event_id": newest}
        kept = insert(BeadCount).values(prefix=prefix, **row).on_conflict_do_update(index_elements=["prefix"], set_=row)
        session.execute(kept)
    return int(beads)
