"""Taking a bead: one compare-and-set, so that of many callers at once each bead has one winner."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlmodel import Session, col

from gastown import clock
from gastown.beads import filters as sql
from gastown.beads import startable
from gastown.beads.changes import Cause, note
from gastown.beads.errors import AlreadyClaimed
from gastown.beads.filters import Filters
from gastown.beads.models import Bead, BeadStatus
from gastown.beads.queries import get
from gastown.beads.vocabulary import ACTIVE, active_statuses
from gastown.events import EventKind

# How many candidates one statement looks at: more than there are callers at once, of whom each holds one of them.
_WINDOW = 64


def claim(session: Session, bead_id: str, *, actor: str) -> Bead:
    """Take an open bead: one compare-and-set, so that of many callers one wins. Again by its holder changes nothing."""
    bead = get(session, bead_id)
    active = ACTIVE if bead.status in BeadStatus.__members__.values() else active_statuses(session)
    now = clock.now()
    came_back = (col(Bead.status) == BeadStatus.DEFERRED.value) & (col(Bead.defer_until) <= now)
    free = (or_(col(Bead.status).in_(active), came_back), col(Bead.assignee).in_(("", actor)))
    taken = _take(session, [col(Bead.id) == bead_id, *free], actor, now)
    if taken is not None:
        return taken
    session.refresh(bead)
    if bead.status == BeadStatus.IN_PROGRESS and bead.assignee == actor:
        return bead
    if bead.assignee and bead.assignee != actor:
        raise AlreadyClaimed(f"{bead_id} already claimed by {bead.assignee}", hint="`bd ready` shows what is free.")
    raise AlreadyClaimed(f"{bead_id} not claimable: status {bead.status}", hint="`bd ready` shows what is free.")


def claim_ready(session: Session, filters: Filters, *, actor: str) -> Bead | None:
    """Take the most urgent ready bead that nobody has; None when there is none. No two callers get the same one."""
    filters = replace(filters, unassigned=True, limit=_WINDOW, reverse=False)
    active = active_statuses(session)
    while True:
        # Past the beads that others hold; then, should nothing be left, behind them: who holds one may let it go.
        for skip_locked in (True, False):
            now = clock.now()
            first = (
                select(col(Bead.id))
                .where(
                    col(Bead.id).in_(startable.first_ids(filters, now, active)),
                    *startable.ready(filters, now, active),  # again, of the row as it is once it is locked
                )
                .order_by(*sql.order(filters, now))
                .limit(1)
                .with_for_update(skip_locked=skip_locked, of=Bead)
            )
            taken = _take(session, [col(Bead.id) == first.scalar_subquery()], actor, now)
            if taken is not None:
                return taken
        if not session.execute(startable.first_ids(filters, clock.now(), active)).first():
            return None


def _take(session: Session, which: Sequence[Any], actor: str, now: datetime) -> Bead | None:
    started = func.coalesce(col(Bead.started_at), now)
    taken: Bead | None = session.scalars(
        update(Bead)
        .where(*which)
        .values(
            status=BeadStatus.IN_PROGRESS.value, assignee=actor, started_at=started, updated_at=now, defer_until=None
        )
        .returning(Bead),
        execution_options={"synchronize_session": False, "populate_existing": True},
    ).one_or_none()
    if taken is None:
        return None
    values = {"status": taken.status, "assignee": actor, "defer_until": None}
    times = {"started_at": (taken.started_at or now).isoformat(), "updated_at": now.isoformat()}
    note(session, EventKind.BEAD_CLAIMED, taken.id, Cause(actor), **values, **times)
    return taken
