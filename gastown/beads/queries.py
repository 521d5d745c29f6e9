"""Reading the issue graph. Relations of many beads are loaded in a fixed number of statements."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from gastown import clock
from gastown.beads import filters as sql
from gastown.beads.errors import AmbiguousBead, BeadNotFound
from gastown.beads.filters import Filters
from gastown.beads.models import (
    BLOCKING_TYPES,
    EXTERNAL,
    LANDED_PREFIX,
    NEVER_READY_TYPES,
    SETTLED,
    Bead,
    BeadStatus,
    Comment,
    Dependency,
    DependencyType,
    Label,
)
from gastown.beads.words.vocabulary import hidden_statuses

# Ids in one IN list; SQLite takes 32,766 parameters.
CHUNK = 5000
_AMBIGUOUS_SHOWN = 5
_ID_LIMIT = 255


def get(session: Session, bead_id: str) -> Bead:
    """The bead with exactly this id; refuses when there is none."""
    bead = session.get(Bead, bead_id)
    if bead is None or bead.status == BeadStatus.TOMBSTONE:
        raise BeadNotFound(bead_id)
    return bead


def find(session: Session, text: str, *, prefix: str | None = None) -> Bead:
    """The bead that `text` means: an id, an id without `prefix`, or the only one whose hash part holds it."""
    if len(text) > _ID_LIMIT or not text.isprintable():
        raise BeadNotFound(text[:60])
    for candidate in (text, f"{prefix}-{text}" if prefix else text):
        bead = session.get(Bead, candidate)
        if bead is not None and bead.status != BeadStatus.TOMBSTONE:
            return bead
    lowered = text.lower()
    rows = session.exec(
        select(Bead.id)
        .where(
            func.lower(Bead.id).contains(lowered, autoescape=True),
            Bead.status != BeadStatus.TOMBSTONE.value,
            *([Bead.prefix == prefix] if prefix else []),
        )
        .order_by(Bead.id)
        .limit(200)
    ).all()
    hits = [found for found in rows if lowered and lowered in found[found.rfind("-") + 1 :].lower()]
    if len(hits) == 1:
        return get(session, hits[0])
    if not hits:
        raise BeadNotFound(text)
    shown = ", ".join(hits[:_AMBIGUOUS_SHOWN]) + (", ..." if len(hits) > _AMBIGUOUS_SHOWN else "")
    raise AmbiguousBead(f"ambiguous ID {text!r} matches {len(hits)} issues: {shown}", hint="Give more characters.")


def find_many(session: Session, ids: Sequence[str]) -> dict[str, Bead]:
    """The beads with these exact ids, by id; those that do not exist are missing."""
    found: dict[str, Bead] = {}
    for part in chunks(ids):
        rows = session.exec(select(Bead).where(col(Bead.id).in_(part), Bead.status != BeadStatus.TOMBSTONE.value))
        found.update({bead.id: bead for bead in rows})
    return found


def list_(session: Session, filters: Filters) -> list[Bead]:
    """The beads that `filters` let through, in its order."""
    now = clock.now()
    return listed(session, sql.visible(filters, now, hidden_statuses(session)), filters, now)


def listed(session: Session, conditions: Sequence[object], filters: Filters, now: datetime) -> list[Bead]:
    """The beads that meet the conditions, in the order and number that `filters` ask for."""
    query = select(Bead).where(*conditions).order_by(*sql.order(filters, now))  # type: ignore[arg-type]
    if filters.limit and not filters.reverse:
        query = query.limit(filters.limit)
    found = list(session.exec(query).all())
    if filters.reverse:
        found.reverse()
        found = found[: filters.limit] if filters.limit else found
    return found


def is_ready(bead: Bead) -> bool:
    """Whether a person may start this bead now. (A deferred parent hides it from `list_ready` only.)"""
    now = clock.now()
    due = bead.defer_until is None or bead.defer_until <= now
    waiting = bead.status == BeadStatus.OPEN or (bead.status == BeadStatus.DEFERRED and bead.defer_until is not None)
    return (
        waiting
        and due
        and not (bead.is_blocked or bead.pinned or bead.is_template)
        and bead.issue_type not in NEVER_READY_TYPES
    )


def list_blocked(session: Session, filters: Filters | None = None) -> list[tuple[Bead, list[str]]]:
    """Every unsettled bead that must wait, most urgent first, with what it waits for (or its waiting parent)."""
    filters, now = filters or Filters(), clock.now()
    conditions = [*sql.conditions(filters), col(Bead.is_blocked).is_(True), col(Bead.status).not_in(SETTLED)]
    found = listed(session, conditions, filters, now)
    holders = _holders(session, [bead.id for bead in found])
    return [(bead, holders.get(bead.id, [])) for bead in found]


def blockers_of(session: Session, bead_id: str) -> list[str]:
    """The ids of what this bead waits for directly: open targets, unprovided capabilities, children it waits for."""
    return find_blockers(session, [bead_id]).get(bead_id, [])


def _holders(session: Session, ids: Sequence[str]) -> dict[str, list[str]]:
    holders = find_blockers(session, ids)
    inherited = [bead_id for bead_id in ids if bead_id not in holders]
    for part in chunks(inherited):
        rows = session.exec(
            select(Dependency.issue_id, Bead.id)
            .join(Bead, col(Bead.id) == col(Dependency.depends_on_id))
            .where(
                col(Dependency.issue_id).in_(part),
                Dependency.type == DependencyType.PARENT_CHILD.value,
                col(Bead.is_blocked).is_(True),
            )
        )
        for bead_id, parent in rows:
            holders.setdefault(bead_id, []).append(parent)
    return holders


def find_blockers(session: Session, ids: Sequence[str]) -> dict[str, list[str]]:
    """`blockers_of` each of these beads that waits for anything directly."""
    found: dict[str, list[str]] = {}
    waiting: list[Dependency] = []
    for part in chunks(ids):
        rows = session.exec(
            select(Dependency, Bead.status, Bead.is_failure, Bead.close_reason)
            .outerjoin(Bead, col(Bead.id) == col(Dependency.depends_on_id))
            .where(
                col(Dependency.issue_id).in_(part),
                col(Dependency.type).in_([*BLOCKING_TYPES, DependencyType.WAITS_FOR.value]),
            )
            .order_by(col(Dependency.issue_id), col(Dependency.depends_on_id))
        )
        for edge, status, is_failure, reason in rows:
            if edge.type == DependencyType.WAITS_FOR:
                waiting.append(edge)
            elif _holds(edge, status, bool(is_failure), reason or ""):
                found.setdefault(edge.issue_id, []).append(edge.depends_on_id)
    children = children_states(session, [edge.depends_on_id for edge in waiting])
    for edge in waiting:
        states = children.get(edge.depends_on_id, [])
        is_over = edge.any_child and any(status == BeadStatus.CLOSED for _, status in states)
        unfinished = [child for child, status in states if status != BeadStatus.CLOSED]
        if unfinished and not is_over:
            found.setdefault(edge.issue_id, []).extend(unfinished)
    return found


def _holds(edge: Dependency, status: str | None, is_failure: bool, reason: str) -> bool:
    """Whether this blocking edge keeps its bead back; the same rule as in readiness.py, for one edge."""
    if status is None:
        return edge.depends_on_id.startswith(EXTERNAL) and not edge.is_provided
    if status not in SETTLED:
        return True
    if status != BeadStatus.CLOSED:
        return False
    if edge.type == DependencyType.CONDITIONAL:
        return not is_failure
    return edge.type == DependencyType.MERGE and not reason.startswith(LANDED_PREFIX)


def children_states(session: Session, parents: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for part in chunks(parents):
        rows = session.exec(
            select(Dependency.depends_on_id, Bead.id, Bead.status)
            .join(Bead, col(Bead.id) == col(Dependency.issue_id))
            .where(
                col(Dependency.depends_on_id).in_(part),
                Dependency.type == DependencyType.PARENT_CHILD.value,
                Bead.status != BeadStatus.TOMBSTONE.value,
            )
            .order_by(Bead.id)
        )
        for parent, child, status in rows:
            found.setdefault(parent, []).append((child, status))
    return found


def count_open_children(session: Session, bead_id: str) -> int:
    """How many direct children are not closed."""
    return sum(status != BeadStatus.CLOSED for _, status in children_states(session, [bead_id]).get(bead_id, []))


def list_children(session: Session, bead_id: str) -> list[Bead]:
    """The direct children, in the order of their numbers."""
    found = find_many(session, [child for child, _ in children_states(session, [bead_id]).get(bead_id, [])])
    return [found[child] for child in sorted(found, key=lambda name: (len(name), name))]


@dataclass
class Relations:
    """Labels, edges, comments and counts of some beads, by bead id."""

    labels: dict[str, list[str]] = field(default_factory=dict)
    edges: dict[str, list[Dependency]] = field(default_factory=dict)
    dependents: dict[str, list[Dependency]] = field(default_factory=dict)
    comments: dict[str, list[Comment]] = field(default_factory=dict)
    comment_counts: dict[str, int] = field(default_factory=dict)

    def parent_of(self, bead_id: str) -> str:
        """The parent's id, or nothing."""
        edges = self.edges.get(bead_id, [])
        return next((edge.depends_on_id for edge in edges if edge.type == DependencyType.PARENT_CHILD), "")


def load_relations(session: Session, ids: Sequence[str], *, comments: bool = False) -> Relations:
    """Everything that hangs on these beads, in five statements; comments only as numbers unless asked for."""
    found = Relations()
    for part in chunks(ids):
        labels = select(Label).where(col(Label.bead_id).in_(part)).order_by(Label.bead_id, Label.label)
        for label in session.exec(labels):
            found.labels.setdefault(label.bead_id, []).append(label.label)
        edges = select(Dependency).where(
            or_(col(Dependency.issue_id).in_(part), col(Dependency.depends_on_id).in_(part))
        )
        wanted = set(part)
        for edge in sorted(session.exec(edges), key=lambda edge: (edge.issue_id, edge.depends_on_id, edge.type)):
            if edge.issue_id in wanted:
                found.edges.setdefault(edge.issue_id, []).append(edge)
            if edge.depends_on_id in wanted:
                found.dependents.setdefault(edge.depends_on_id, []).append(edge)
        counts = select(Comment.bead_id, func.count()).where(col(Comment.bead_id).in_(part)).group_by(Comment.bead_id)
        found.comment_counts.update({bead_id: number for bead_id, number in session.exec(counts)})
        if comments and found.comment_counts:
            _load_comments(session, part, found)
    return found


def _load_comments(session: Session, ids: Sequence[str], found: Relations) -> None:
    rows = session.exec(select(Comment).where(col(Comment.bead_id).in_(ids)))
    for comment in sorted(rows, key=lambda row: (row.bead_id, row.created_at or clock.now(), row.id)):
        found.comments.setdefault(comment.bead_id, []).append(comment)


def chunks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    """`ids` in parts that fit into one statement."""
    unique = list(dict.fromkeys(ids))
    return (unique[start : start + CHUNK] for start in range(0, len(unique), CHUNK))
