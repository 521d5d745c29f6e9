"""Which beads a listing shows and in what order, as SQL conditions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, case, cast, exists, func, literal, or_, select, text
from sqlalchemy.orm import aliased
from sqlmodel import col

from gastown.beads.models import (
    INFRA_TYPES,
    LIVE,
    Bead,
    BeadStatus,
    Dependency,
    DependencyType,
    Label,
)

# Literal, as its partial index has it.
_LIVE: Any = text(f"({LIVE})")
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
    label_sets: tuple[frozenset[str], ...] = ()
    """Of each set one label: what patterns of labels stand for."""
    text: str = ""
    """In the title, the description or the id."""
    title_contains: str = ""
    desc_contains: str = ""
    notes_contains: str = ""
    empty_description: bool = False
    spec: str = ""
    """What the spec id begins with."""
    metadata: tuple[tuple[str, str], ...] = ()
    metadata_keys: tuple[str, ...] = ()
    mol_type: str = ""
    wisp_type: str = ""
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
    defer: Between = field(default_factory=Between)
    deferred: bool = False
    """Put off: until a time, or for good."""
    include_gates: bool = False
    include_infra: bool = False
    include_templates: bool = False
    also: tuple[Any, ...] = ()
    """Conditions that a query expression was compiled to."""
    include_deferred: bool = False
    include_ephemeral: bool = False
    sort: Sort = Sort.PRIORITY
    reverse: bool = False
    limit: int = 0
    """0 is no limit."""


def is_labelled(words: Sequence[str]) -> ColumnElement[bool]:
    """Whether the bead has one of these labels."""
    return exists(select(col(Label.bead_id)).where(col(Label.bead_id) == col(Bead.id), col(Label.label).in_(words)))


def contains(column: Any, words: str) -> ColumnElement[bool]:
    """Whether a text holds these words, in any case: as the database counts cases, of the words and of the text."""
    found: ColumnElement[bool] = col(column).icontains(words, autoescape=True)
    return found


def begins(column: Any, words: str) -> ColumnElement[bool]:
    """Whether a text begins with exactly these words; SQLite's LIKE does not count cases."""
    return func.substr(column, 1, len(words)) == words


def _spans(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for span, column in (
        (filters.created, col(Bead.created_at)),
        (filters.updated, col(Bead.updated_at)),
        (filters.closed, col(Bead.closed_at)),
        (filters.due, col(Bead.due_at)),
        (filters.defer, col(Bead.defer_until)),
    ):
        if span.after is not None:
            conditions.append(column > span.after)
        if span.before is not None:
            conditions.append(column < span.before)
    return conditions


def _labels(filters: Filters) -> list[ColumnElement[bool]]:
    conditions = [is_labelled([word]) for word in filters.labels]
    conditions += [is_labelled(sorted(words)) for words in filters.label_sets]
    if filters.labels_any:
        conditions.append(is_labelled(filters.labels_any))
    if filters.exclude_labels:
        conditions.append(~is_labelled(filters.exclude_labels))
    if filters.no_labels:
        conditions.append(~exists(select(col(Label.bead_id)).where(col(Label.bead_id) == col(Bead.id))))
    return conditions


def _parents(filters: Filters) -> list[ColumnElement[bool]]:
    if not (filters.parent or filters.below or filters.no_parent):
        return []
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
    return or_(col(Bead.id).in_(select(found.c.issue_id)), begins(Bead.id, f"{top}."))


def _texts(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.text:
        conditions.append(or_(*(contains(column, filters.text) for column in (Bead.title, Bead.description, Bead.id))))
    for column, words in (
        (Bead.title, filters.title_contains),
        (Bead.description, filters.desc_contains),
        (Bead.notes, filters.notes_contains),
    ):
        if words:
            conditions.append(contains(column, words))
    return conditions


def _fields(filters: Filters) -> list[ColumnElement[bool]]:
    pairs: list[tuple[bool, ColumnElement[bool]]] = [
        (bool(filters.types), col(Bead.issue_type).in_(filters.types)),
        (bool(filters.exclude_types), col(Bead.issue_type).not_in(filters.exclude_types)),
        (filters.priority is not None, col(Bead.priority) == filters.priority),
        (filters.priority_min is not None, col(Bead.priority) >= (filters.priority_min or 0)),
        (filters.priority_max is not None, col(Bead.priority) <= (filters.priority_max or 0)),
        (filters.assignee is not None, col(Bead.assignee) == filters.assignee),
        # Not `=`: most beads are nobody's, and an index on the assignee is the longest way to them.
        (filters.unassigned, func.length(Bead.assignee) == 0),
        (bool(filters.ids), col(Bead.id).in_(filters.ids)),
        (bool(filters.prefix), col(Bead.prefix) == filters.prefix),
        (filters.pinned is True, or_(col(Bead.pinned).is_(True), col(Bead.status) == BeadStatus.PINNED.value)),
        (filters.pinned is False, col(Bead.pinned).is_(False)),
        (filters.empty_description, func.trim(Bead.description) == ""),
        (bool(filters.spec), begins(Bead.spec_id, filters.spec)),
        (bool(filters.mol_type), col(Bead.mol_type) == filters.mol_type),
        (bool(filters.wisp_type), col(Bead.wisp_type) == filters.wisp_type),
        (filters.deferred, or_(col(Bead.status) == BeadStatus.DEFERRED.value, col(Bead.defer_until).is_not(None))),
    ]
    return [condition for wanted, condition in pairs if wanted]


def has_metadata(key: str) -> ColumnElement[bool]:
    """Whether the metadata has this key, whatever it holds."""
    return _metadata(key, "->").is_not(None)


def metadata_is(key: str, value: str) -> ColumnElement[bool]:
    """Whether the metadata has this value under the key: that text, or the number or word that JSON writes like it."""
    same = or_(_metadata(key, "->>") == value, cast(_metadata(key, "->"), Text) == value)
    return and_(has_metadata(key), same)


def _metadata(key: str, operator: str) -> ColumnElement[str]:
    """A value of the metadata, as JSON (`->`) or as text (`->>`): both databases have these operators."""
    found: ColumnElement[str] = col(Bead.meta).op(operator, return_type=Text())(literal(key, Text()))
    return found


def conditions(filters: Filters) -> list[ColumnElement[bool]]:
    """Every condition that the caller spelt out; tombstones are never shown."""
    return [
        col(Bead.status) != BeadStatus.TOMBSTONE.value,
        *_fields(filters),
        *_labels(filters),
        *_texts(filters),
        *_spans(filters),
        *_parents(filters),
        *(metadata_is(key, value) for key, value in filters.metadata),
        *(has_metadata(key) for key in filters.metadata_keys),
        *filters.also,
    ]


def _hidden_types(filters: Filters) -> list[str]:
    shown = {*(["gate"] if filters.include_gates else []), *(INFRA_TYPES if filters.include_infra else [])}
    return [name for name in _HIDDEN_TYPES if name not in shown]


def visible(filters: Filters, now: datetime, hidden: Sequence[str] = ()) -> list[ColumnElement[bool]]:
    """The conditions of `list`: what nobody asked for is hidden when it is done, pinned or the town's own.

    `hidden` are the store's own statuses that hide a bead.
    """
    wanted = conditions(filters)
    if filters.statuses:
        wanted.append(col(Bead.status).in_(filters.statuses))
    elif not filters.any_status and not filters.ids:
        done = [name for name in _HIDDEN_STATUSES if not (filters.pinned and name == BeadStatus.PINNED)]
        wanted += [_LIVE, col(Bead.status).not_in((*done, *hidden))]
    if not filters.any_status and not filters.ids:
        if not filters.include_templates:
            wanted.append(col(Bead.is_template).is_(False))
        if not filters.types:
            wanted.append(col(Bead.issue_type).not_in(_hidden_types(filters)))
    if filters.overdue:
        wanted += [col(Bead.due_at) < now, col(Bead.status) != BeadStatus.CLOSED.value]
    return wanted


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
