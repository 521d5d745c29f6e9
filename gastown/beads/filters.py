"""Which beads a listing shows and in what order, as SQL conditions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from gastown.beads.models import (
    INFRA_TYPES,
    NEVER_READY_TYPES,
    Bead,
    BeadStatus,
    Dependency,
    DependencyType,
    Label,
)

# Beads younger than this come first in the order `hybrid`.
_RECENT = timedelta(hours=48)
_HIDDEN_STATUSES = (BeadStatus.CLOSED.value, BeadStatus.PINNED.value)
_HIDDEN_TYPES = ("gate", *sorted(INFRA_TYPES))


class Sort(StrEnum):
    """The orders of a listing. All end with the id, so that pages do not overlap."""

    PRIORITY = "priority"
    HYBRID = "hybrid"
    OLDEST = "oldest"
    CREATED = "created"
    UPDATED = "updated"
    CLOSED = "closed"
    STATUS = "status"
    ID = "id"
    TITLE = "title"
    TYPE = "type"
    ASSIGNEE = "assignee"


@dataclass(frozen=True)
class Between:
    """A span of time; None is open."""

    after: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True)
class Filters:
    """What a listing is asked for. Empty means no condition."""

    statuses: tuple[str, ...] = ()
    any_status: bool = False
    """Closed and pinned beads, gates, templates and infrastructure too."""
    types: tuple[str, ...] = ()
    exclude_types: tuple[str, ...] = ()
    priority: int | None = None
    priority_min: int | None = None
    priority_max: int | None = None
    assignee: str | None = None
    unassigned: bool = False
    labels: tuple[str, ...] = ()
    labels_any: tuple[str, ...] = ()
    exclude_labels: tuple[str, ...] = ()
    no_labels: bool = False
    text: str = ""
    """In the title, the description or the id."""
    title_contains: str = ""
    desc_contains: str = ""
    notes_contains: str = ""
    ids: tuple[str, ...] = ()
    prefix: str = ""
    parent: str = ""
    """Direct children of this bead."""
    below: str = ""
    """Everything below this bead, also what only its id says to be there."""
    no_parent: bool = False
    pinned: bool | None = None
    overdue: bool = False
    created: Between = field(default_factory=Between)
    updated: Between = field(default_factory=Between)
    closed: Between = field(default_factory=Between)
    due: Between = field(default_factory=Between)
    include_deferred: bool = False
    include_ephemeral: bool = False
    sort: Sort = Sort.PRIORITY
    reverse: bool = False
    limit: int = 0
    """0 is no limit."""


def _labelled(words: Sequence[str]) -> ColumnElement[bool]:
    return exists(select(col(Label.bead_id)).where(col(Label.bead_id) == col(Bead.id), col(Label.label).in_(words)))


def _contains(column: Any, text: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = func.lower(column).contains(text.lower(), autoescape=True)
    return found


def _spans(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for span, column in (
        (filters.created, col(Bead.created_at)),
        (filters.updated, col(Bead.updated_at)),
        (filters.closed, col(Bead.closed_at)),
        (filters.due, col(Bead.due_at)),
    ):
        if span.after is not None:
            conditions.append(column > span.after)
        if span.before is not None:
            conditions.append(column < span.before)
    return conditions


def _labels(filters: Filters) -> list[ColumnElement[bool]]:
    conditions = [_labelled([word]) for word in filters.labels]
    if filters.labels_any:
        conditions.append(_labelled(filters.labels_any))
    if filters.exclude_labels:
        conditions.append(~_labelled(filters.exclude_labels))
    if filters.no_labels:
        conditions.append(~exists(select(col(Label.bead_id)).where(col(Label.bead_id) == col(Bead.id))))
    return conditions


def _parents(filters: Filters) -> list[ColumnElement[bool]]:
    edge = aliased(Dependency)
    child = (col(edge.issue_id) == col(Bead.id)) & (col(edge.type) == DependencyType.PARENT_CHILD.value)
    conditions: list[ColumnElement[bool]] = []
    if filters.parent:
        conditions.append(exists(select(col(edge.issue_id)).where(child, col(edge.depends_on_id) == filters.parent)))
    if filters.below:
        conditions.append(_below(filters.below))
    if filters.no_parent:
        conditions.append(~exists(select(col(edge.issue_id)).where(child)))
    return conditions


def _below(top: str) -> ColumnElement[bool]:
    edge = aliased(Dependency)
    is_child = col(Dependency.type) == DependencyType.PARENT_CHILD.value
    first = select(col(Dependency.issue_id)).where(is_child, col(Dependency.depends_on_id) == top)
    found = first.cte("below", recursive=True)
    found = found.union(
        select(col(edge.issue_id)).where(
            col(edge.type) == DependencyType.PARENT_CHILD.value, col(edge.depends_on_id) == found.c.issue_id
        )
    )
    return or_(col(Bead.id).in_(select(found.c.issue_id)), col(Bead.id).startswith(f"{top}.", autoescape=True))


def _texts(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.text:
        conditions.append(or_(*(_contains(column, filters.text) for column in (Bead.title, Bead.description, Bead.id))))
    for column, text in (
        (Bead.title, filters.title_contains),
        (Bead.description, filters.desc_contains),
        (Bead.notes, filters.notes_contains),
    ):
        if text:
            conditions.append(_contains(column, text))
    return conditions


def _fields(filters: Filters) -> list[ColumnElement[bool]]:
    pairs: list[tuple[bool, ColumnElement[bool]]] = [
        (bool(filters.types), col(Bead.issue_type).in_(filters.types)),
        (bool(filters.exclude_types), col(Bead.issue_type).not_in(filters.exclude_types)),
        (filters.priority is not None, col(Bead.priority) == filters.priority),
        (filters.priority_min is not None, col(Bead.priority) >= (filters.priority_min or 0)),
        (filters.priority_max is not None, col(Bead.priority) <= (filters.priority_max or 0)),
        (filters.assignee is not None, col(Bead.assignee) == filters.assignee),
        (filters.unassigned, col(Bead.assignee) == ""),
        (bool(filters.ids), col(Bead.id).in_(filters.ids)),
        (bool(filters.prefix), col(Bead.prefix) == filters.prefix),
        (filters.pinned is not None, col(Bead.pinned).is_(bool(filters.pinned))),
    ]
    return [condition for wanted, condition in pairs if wanted]


def conditions(filters: Filters) -> list[ColumnElement[bool]]:
    """Every condition that the caller spelt out; tombstones are never shown."""
    return [
        col(Bead.status) != BeadStatus.TOMBSTONE.value,
        *_fields(filters),
        *_labels(filters),
        *_texts(filters),
        *_spans(filters),
        *_parents(filters),
    ]


def visible(filters: Filters, now: datetime, hidden: Sequence[str] = ()) -> list[ColumnElement[bool]]:
    """The conditions of `list`: what nobody asked for is hidden when it is done, pinned or the town's own.

    `hidden` are the store's own statuses that hide a bead.
    """
    wanted = conditions(filters)
    if filters.statuses:
        wanted.append(col(Bead.status).in_(filters.statuses))
    elif not filters.any_status and not filters.ids:
        wanted.append(col(Bead.status).not_in((*_HIDDEN_STATUSES, *hidden)))
    if not filters.any_status and not filters.ids:
        wanted.append(col(Bead.is_template).is_(False))
        if not filters.types:
            wanted.append(col(Bead.issue_type).not_in(_HIDDEN_TYPES))
    if filters.overdue:
        wanted += [col(Bead.due_at) < now, col(Bead.status) != BeadStatus.CLOSED.value]
    return wanted


def ready(
    filters: Filters, now: datetime, active: Sequence[str] = (BeadStatus.OPEN.value,)
) -> list[ColumnElement[bool]]:
    """The conditions of `ready`: open, unblocked, its time has come, nobody's container."""
    due = or_(col(Bead.defer_until).is_(None), col(Bead.defer_until) <= now)
    came_back = (col(Bead.status) == BeadStatus.DEFERRED.value) & (col(Bead.defer_until) <= now)
    is_open = col(Bead.status).in_(active)
    wanted = [
        *conditions(filters),
        col(Bead.is_blocked).is_(False),
        col(Bead.pinned).is_(False),
        col(Bead.is_template).is_(False),
        or_(col(Bead.issue_type) != "epic", ~_has_open_child()),
    ]
    if not filters.types:
        wanted.append(col(Bead.issue_type).not_in(NEVER_READY_TYPES))
    if not filters.include_ephemeral:
        wanted.append(col(Bead.ephemeral).is_(False))
    if filters.include_deferred:
        wanted.append(or_(is_open, col(Bead.status) == BeadStatus.DEFERRED.value))
    else:
        wanted += [or_(is_open, came_back), due, ~_parent_deferred(now)]
    return wanted


def _has_open_child() -> ColumnElement[bool]:
    edge, child = aliased(Dependency), aliased(Bead)
    return exists(
        select(col(edge.issue_id))
        .join(child, col(child.id) == edge.issue_id)
        .where(
            col(edge.depends_on_id) == col(Bead.id),
            col(edge.type) == DependencyType.PARENT_CHILD.value,
            col(child.status).not_in((BeadStatus.CLOSED.value, BeadStatus.TOMBSTONE.value)),
        )
    )


def _parent_deferred(now: datetime) -> ColumnElement[bool]:
    edge, parent = aliased(Dependency), aliased(Bead)
    return exists(
        select(col(edge.issue_id))
        .join(parent, col(parent.id) == edge.depends_on_id)
        .where(
            col(edge.issue_id) == col(Bead.id),
            col(edge.type) == DependencyType.PARENT_CHILD.value,
            col(parent.defer_until) > now,
        )
    )


def order(filters: Filters, now: datetime) -> list[Any]:
    """The ORDER BY of a listing."""
    created, name = col(Bead.created_at), col(Bead.id)
    orders: dict[Sort, list[Any]] = {
        Sort.PRIORITY: [col(Bead.priority).asc(), created.desc()],
        Sort.HYBRID: [
            case((created > now - _RECENT, 0), else_=1),
            case((created > now - _RECENT, col(Bead.priority)), else_=0),
            created.asc(),
        ],
        Sort.OLDEST: [created.asc()],
        Sort.CREATED: [created.desc()],
        Sort.UPDATED: [col(Bead.updated_at).desc()],
        Sort.CLOSED: [col(Bead.closed_at).desc().nulls_last()],
        Sort.STATUS: [col(Bead.status).asc()],
        Sort.ID: [],
        Sort.TITLE: [func.lower(Bead.title).asc()],
        Sort.TYPE: [col(Bead.issue_type).asc()],
        Sort.ASSIGNEE: [col(Bead.assignee).asc()],
    }
    return [*orders[filters.sort], name.asc()]
