"""Taking a bead: one compare-and-set, so that of many callers at once each bead has one winner."""

from dataclasses import replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, bindparam, func, literal_column, null, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import Session, SQLModel

from gastown import clock, config
from gastown.beads import filters as sql
from gastown.beads import startable
from gastown.beads.errors import AlreadyClaimed
from gastown.beads.filters import Filters, Sort
from gastown.beads.models import Bead, BeadStatus
from gastown.beads.queries import get
from gastown.beads.words.vocabulary import ACTIVE, CUSTOM_STATUSES, active_statuses
from gastown.db import is_sqlite
from gastown.events import EventKind, record_many

# How many candidates one statement looks at; each caller of the same moment holds one of them. When all are held, the
# next caller waits for the first.
_WINDOW = 32
_BEADS = SQLModel.metadata.tables["beads"]
_WHO: BindParameter[str] = bindparam("who")


class _Lock(StrEnum):
    """What a claim does about a bead that another transaction holds."""

    NONE = "none"
    SKIP = "skip"
    WAIT = "wait"


def claim(session: Session, bead_id: str, *, actor: str) -> Bead:
    """Take an open bead: one compare-and-set, so that of many callers one wins. Again by its holder changes nothing."""
    bead = get(session, bead_id)
    active = ACTIVE if bead.status in BeadStatus.__members__.values() else active_statuses(session)
    came_back = (_BEADS.c.status == BeadStatus.DEFERRED.value) & (_BEADS.c.defer_until <= startable.NOW)
    is_free = or_(_BEADS.c.status.in_(active), came_back) & _BEADS.c.assignee.in_(("", actor))
    taken = _take(session, _taking((_BEADS.c.id == bead_id) & is_free), actor)
    session.refresh(bead)
    if taken is not None:
        return bead
    if bead.status == BeadStatus.IN_PROGRESS and bead.assignee == actor:
        return bead
    if bead.assignee and bead.assignee != actor:
        raise AlreadyClaimed(f"{bead_id} already claimed by {bead.assignee}", hint="`bd ready` shows what is free.")
    raise AlreadyClaimed(f"{bead_id} not claimable: status {bead.status}", hint="`bd ready` shows what is free.")


def claim_ready(session: Session, filters: Filters, *, actor: str) -> str | None:
    """Take the most urgent ready bead that nobody has; None when there is none. No two callers get the same one.

    It answers with the bead's id: to load the whole bead would take as long as to claim it.
    """
    filters = replace(filters, unassigned=True, limit=_WINDOW, reverse=False)
    at_once = None if config.override_of(CUSTOM_STATUSES) else _first_at_once(filters)
    taken = _take(session, at_once, actor) if at_once is not None else None
    if taken is not None:
        return taken
    active = active_statuses(session)
    if is_sqlite(session):  # which has one writer
        return _take(session, _taking_first(replace(filters, limit=1), active), actor)
    while True:
        # Past the beads that others hold; then, should nothing be left, behind them: who holds one may let it go.
        for lock in (_Lock.SKIP, _Lock.WAIT):
            taken = _take(session, _taking_first(filters, active, lock), actor)
            if taken is not None:
                return taken
        if session.execute(startable.first_ids(filters, active), {"now": clock.now()}).first() is None:
            return None


@lru_cache(maxsize=32)
def _first_at_once(filters: Filters) -> ReturningUpdate[Any] | None:
    first = startable.first_at_once(filters)
    if first is None:
        return None
    # SQLite, which has one writer, leaves the lock out.
    return _taking(_BEADS.c.id == first.with_for_update(skip_locked=True, of=_BEADS).scalar_subquery())


def _taking_first(filters: Filters, active: tuple[str, ...], lock: _Lock = _Lock.NONE) -> ReturningUpdate[Any]:
    """The statement that takes the first of these beads."""
    # To build it takes longer than to run it, but only the default order is without the present.
    build = _first if filters.sort is Sort.PRIORITY else _first.__wrapped__
    return build(filters, active, lock)


@lru_cache(maxsize=32)
def _first(filters: Filters, active: tuple[str, ...], lock: _Lock) -> ReturningUpdate[Any]:
    # MATERIALIZED: PostgreSQL would ask for the window once for each bead that nobody has.
    window = startable.first_ids(filters, active).cte("first").prefix_with("MATERIALIZED", dialect="postgresql")
    first = select(_BEADS.c.id).where(_BEADS.c.id.in_(select(window.c.id)))
    if lock is not _Lock.NONE:
        # Asked once more, of the row as it is once it is locked.
        first = first.where(_BEADS.c.assignee == "", *startable.ready_row(filters, active))
        first = first.with_for_update(skip_locked=lock is _Lock.SKIP, of=_BEADS)
    first = first.order_by(*sql.order(filters, clock.now())).limit(1)
    return _taking(_BEADS.c.id == first.scalar_subquery())


def _taking(which: ColumnElement[bool]) -> ReturningUpdate[Any]:
    return (
        update(_BEADS)
        .where(which)
        .values(
            status=literal_column("'in_progress'"),
            assignee=_WHO,
            started_at=func.coalesce(_BEADS.c.started_at, startable.NOW),
            updated_at=startable.NOW,
            defer_until=null(),
        )
        .returning(_BEADS.c.id, _BEADS.c.started_at)
    )


def _take(session: Session, taking: ReturningUpdate[Any], actor: str) -> str | None:
    now = clock.now()
    session.flush()
    # The connection and not the session, which would spend more on these two columns than the database on the claim.
    taken = session.connection().execute(taking, {"now": now, _WHO.key: actor}).one_or_none()
    if taken is None:
        return None
    bead_id: str = taken.id
    if (known := session.identity_map.get(session.identity_key(Bead, bead_id))) is not None:
        session.expire(known)
    values = {"status": BeadStatus.IN_PROGRESS.value, "assignee": actor, "defer_until": None}
    times = {"started_at": taken.started_at.isoformat(), "updated_at": now.isoformat()}
    record_many(session, [(EventKind.BEAD_CLAIMED, bead_id, {**values, **times})], actor=actor)
    return bead_id
