"""What can be started now: its conditions in SQL, the list, the number, and the first that nobody has.

Read far more often than written, so the default order is that of a partial index, from which only the first rows are
read, however many beads are ready, blocked or put off.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    FromClause,
    Select,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
    union_all,
)
from sqlmodel import Session, SQLModel, col

from gastown import clock
from gastown.beads.filters import Filters, Sort, conditions
from gastown.beads.models import NEVER_READY_TYPES, READY_LATER, READY_NOW, Bead, BeadStatus
from gastown.beads.queries import find_many, listed
from gastown.beads.words.vocabulary import active_statuses
from gastown.db import UtcTime

# A parameter without a value, so that statements can be kept: who runs one says what time it is.
NOW = bindparam("now", type_=UtcTime)
_BEADS = SQLModel.metadata.tables["beads"]


def _condition(sql: str) -> Any:
    return text(f"({sql})")


_READY_NOW, _READY_LATER = _condition(READY_NOW), _condition(READY_LATER)
_NOBODYS = _condition("assignee = ''")
# OFFSET 0 and CROSS JOIN: looked up bead by bead, since few are asked about. Without them PostgreSQL goes through all
# edges first, and SQLite through all beads with a date.
_NOBODYS_CONTAINER = _condition(
    """beads.issue_type <> 'epic' OR NOT EXISTS (
  SELECT 1 FROM dependencies edge CROSS JOIN beads child
   WHERE edge.depends_on_id = beads.id AND edge.type = 'parent-child' AND child.id = edge.issue_id
     AND child.status NOT IN ('closed', 'tombstone')
   LIMIT 1 OFFSET 0)"""
)
# That the default order of the first index is the whole answer: no bead is back from being put off, and no status of
# the store's own takes part.
_FIRST_PART_IS_ALL = (
    _condition(
        f"NOT EXISTS (SELECT 1 FROM beads later WHERE {READY_LATER} AND defer_until <= :now)"  # noqa: S608 - constants
    ).bindparams(NOW),
    _condition("NOT EXISTS (SELECT 1 FROM bead_config WHERE key = 'status.custom' AND value <> '')"),
)
_PARENT_IS_DUE = _condition(
    """NOT EXISTS (
  SELECT 1 FROM dependencies edge CROSS JOIN beads parent
   WHERE edge.issue_id = beads.id AND edge.type = 'parent-child' AND parent.id = edge.depends_on_id
     AND parent.defer_until > :now LIMIT 1 OFFSET 0)"""
).bindparams(NOW)


def ready(filters: Filters, active: Sequence[str] = (BeadStatus.OPEN.value,)) -> list[ColumnElement[bool]]:
    """The conditions of `ready`: open, unblocked, its time has come, nobody's container."""
    return [*_startable(filters), *ready_row(filters, active)]


def ready_row(filters: Filters, active: Sequence[str] = (BeadStatus.OPEN.value,)) -> list[ColumnElement[bool]]:
    """What `ready` asks of the bead's own row."""
    due = or_(col(Bead.defer_until).is_(None), col(Bead.defer_until) <= NOW)
    came_back = (col(Bead.status) == BeadStatus.DEFERRED.value) & (col(Bead.defer_until) <= NOW)
    is_open = col(Bead.status).in_(active)
    wanted: list[ColumnElement[bool]] = [
        col(Bead.is_blocked).is_(False),
        col(Bead.pinned).is_(False),
        col(Bead.is_template).is_(False),
    ]
    if not filters.types:
        wanted.append(col(Bead.issue_type).not_in(NEVER_READY_TYPES))
    if not filters.include_ephemeral:
        wanted.append(col(Bead.ephemeral).is_(False))
    if filters.include_deferred:
        wanted.append(or_(is_open, col(Bead.status) == BeadStatus.DEFERRED.value))
    else:
        wanted += [or_(is_open, came_back), due]
    return wanted


def ready_parts(filters: Filters, active: Sequence[str] = (BeadStatus.OPEN.value,)) -> list[list[ColumnElement[bool]]]:
    """The conditions of `ready` as disjoint parts, each of which an index answers in the default order or in few rows.

    One part, the whole, where the filters ask for more than the indexes hold.
    """
    if filters.include_deferred or filters.include_ephemeral or NEVER_READY_TYPES & {*filters.types}:
        return [ready(filters, active)]
    shared = _startable(filters)
    parts = [[_READY_NOW, *shared], [_READY_LATER, col(Bead.defer_until) <= NOW, *shared]]
    own = [name for name in active if name != BeadStatus.OPEN]
    if own:
        parts.append([*ready(filters, own), col(Bead.status) != BeadStatus.DEFERRED.value])
    return parts


def _startable(filters: Filters) -> list[ColumnElement[bool]]:
    """What `ready` asks beyond the bead's own row."""
    wanted = [*conditions(filters), _NOBODYS_CONTAINER]
    if not filters.include_deferred:
        wanted.append(_PARENT_IS_DUE)
    return wanted


def list_ready(session: Session, filters: Filters | None = None) -> list[Bead]:
    """The beads that can be started now, most urgent first."""
    filters, now = filters or Filters(), clock.now()
    first = first_ids(filters, active_statuses(session))
    if not _is_bounded(filters):
        return listed(session, [col(Bead.id).in_(first.params(now=now))], filters, now)
    ids = list(session.execute(first, {"now": now}).scalars())
    found = find_many(session, ids)
    return [found[bead_id] for bead_id in ids]


def _is_bounded(filters: Filters) -> bool:
    return filters.limit > 0 and filters.sort is Sort.PRIORITY and not filters.reverse


@lru_cache(maxsize=32)
def first_ids(filters: Filters, active: tuple[str, ...]) -> Select[str] | CompoundSelect[str]:
    """The ids of what can be started: in the default order the first `limit`, in any other all, and unordered."""
    parts = ready_parts(filters, active)
    if not _is_bounded(filters):
        return union_all(*(select(_BEADS.c.id).where(*part) for part in parts))
    keys = (_BEADS.c.id, _BEADS.c.priority, _BEADS.c.created_at)
    firsts = [
        select(*keys).where(*part).order_by(*_default_order(_BEADS)).limit(filters.limit).subquery() for part in parts
    ]
    together = union_all(*(select(first) for first in firsts)).subquery()
    return select(together.c.id).order_by(*_default_order(together)).limit(filters.limit)


@lru_cache(maxsize=32)
def first_at_once(filters: Filters) -> Select[str] | None:
    """The id of the first that nobody has, straight from the index; None where these filters need more than that.

    It finds nothing either while the index alone cannot say what comes first: then ask `first_ids`.
    """
    parts = ready_parts(replace(filters, unassigned=False))
    if len(parts) == 1 or not _is_bounded(filters):
        return None
    wanted = (*parts[0], _NOBODYS, *_FIRST_PART_IS_ALL)
    return select(_BEADS.c.id).where(*wanted).order_by(*_default_order(_BEADS)).limit(literal_column("1"))


def _default_order(rows: FromClause) -> list[Any]:
    return [rows.c.priority.asc(), rows.c.created_at.desc(), rows.c.id.asc()]


def count_ready(session: Session, filters: Filters | None = None, *, at_most: int = 0) -> int:
    """How many beads can be started now; where there are more than `at_most` (if given), one more than that."""
    filters, now = filters or Filters(), clock.now()
    total = 0
    for part in ready_parts(filters, active_statuses(session)):
        found = select(_BEADS.c.id).where(*part)
        # The order is nothing to a number, but it leads SQLite to the index.
        found = found.order_by(*_default_order(_BEADS)).limit(at_most + 1 - total) if at_most else found
        total += session.execute(select(func.count()).select_from(found.subquery()), {"now": now}).scalar_one()
        if at_most and total > at_most:
            break
    return total
