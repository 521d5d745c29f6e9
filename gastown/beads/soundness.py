"""Whether what is kept twice says the same: derived columns against what they are derived from, and how to mend them.

Everything is worked out anew here, by loops over rows instead of the queries that keep it: a mistake in those shows.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, update
from sqlmodel import Session, col, select

from gastown import ids
from gastown.beads import readiness
from gastown.beads.changes import Cause, as_json, note
from gastown.beads.models import (
    BLOCKING_TYPES,
    EXTERNAL,
    LANDED_PREFIX,
    SETTLED,
    Bead,
    BeadStatus,
    Dependency,
    DependencyType,
    counts_as_failure,
)
from gastown.beads.words.vocabulary import known_statuses, known_types
from gastown.events import EventKind

_LONGEST_NUMBER = 9  # digits of a child's number; longer ones are no counters


@dataclass(frozen=True)
class Flaw:
    """One column that does not say what follows from the others."""

    bead_id: str
    column: str
    found: Any
    wanted: Any


def find_wrong_columns(session: Session) -> list[Flaw]:
    """Prefixes, levels, failure flags, times of closing and child counters that are not what they must be."""
    highest = _highest_children(session)
    rows = session.exec(
        select(
            Bead.id, Bead.prefix, Bead.is_top, Bead.status, Bead.close_reason, Bead.is_failure, Bead.closed_at,
            Bead.updated_at, Bead.last_child,
        )  # type: ignore[call-overload]
    )  # fmt: skip
    found = []
    for bead_id, prefix, is_top, status, reason, is_failure, closed_at, updated_at, last_child in rows:
        is_closed = status == BeadStatus.CLOSED
        # A tombstone keeps the time at which it was closed before it was deleted.
        is_dated = closed_at is not None and status != BeadStatus.TOMBSTONE
        for column, is_, wanted in (
            ("prefix", prefix, ids.prefix_of(bead_id)),
            ("is_top", is_top, "." not in bead_id),
            ("is_failure", is_failure, is_closed and counts_as_failure(reason)),
            ("closed_at", closed_at, closed_at if is_closed == is_dated else updated_at if is_closed else None),
            ("last_child", last_child, max(last_child, highest.get(bead_id, 0))),
        ):
            if is_ != wanted and not (column == "closed_at" and status == BeadStatus.TOMBSTONE):
                found.append(Flaw(bead_id, column, is_, wanted))
    return found


def _highest_children(session: Session) -> dict[str, int]:
    highest: dict[str, int] = {}
    for bead_id in session.exec(select(Bead.id).where(col(Bead.is_top).is_(False))):
        parent, _, last = bead_id.rpartition(".")
        if last.isdigit() and len(last) <= _LONGEST_NUMBER:
            highest[parent] = max(highest.get(parent, 0), int(last))
    return highest


def mend_columns(session: Session, *, actor: str) -> list[Flaw]:
    """Give derived columns what they must say; each event keeps what they said before."""
    readiness.lock_graph(session)
    flaws = find_wrong_columns(session)
    for flaw in flaws:
        session.execute(update(Bead).where(col(Bead.id) == flaw.bead_id).values({flaw.column: flaw.wanted}))
        values = {flaw.column: as_json(flaw.wanted), "mended_from": as_json(flaw.found)}
        note(session, EventKind.BEAD_UPDATED, flaw.bead_id, Cause(actor), **values)
    if flaws:
        session.expire_all()
        readiness.recompute_all(session)
    return flaws


@dataclass(frozen=True)
class _Row:
    status: str
    reason: str
    is_failure: bool
    is_blocked: bool


def find_wrong_blocked(session: Session) -> list[Flaw]:
    """Beads whose `is_blocked` is not what their edges say, by the rule that readiness.py has in prose."""
    columns = (Bead.id, Bead.status, Bead.close_reason, Bead.is_failure, Bead.is_blocked)
    rows = {name: _Row(*rest) for name, *rest in session.exec(select(*columns))}  # type: ignore[call-overload]
    edges = session.exec(
        select(
            Dependency.issue_id, Dependency.depends_on_id, Dependency.type, Dependency.any_child, Dependency.is_provided
        )  # type: ignore[call-overload]
    ).all()
    children: dict[str, list[str]] = defaultdict(list)
    for issue_id, target, kind, _, _ in edges:
        if kind == DependencyType.PARENT_CHILD and issue_id in rows:
            children[target].append(issue_id)
    live = {name for name, row in rows.items() if row.status not in SETTLED}
    blocked = {edge[0] for edge in edges if edge[0] in live and _holds(edge, rows, children)}
    spread = list(blocked)
    while spread:
        fresh = {child for child in children.get(spread.pop(), ()) if child in live} - blocked
        blocked |= fresh
        spread.extend(fresh)
    return [
        Flaw(name, "is_blocked", row.is_blocked, name in blocked)
        for name, row in rows.items()
        if row.is_blocked != (name in blocked)
    ]


def _holds(edge: tuple[str, str, str, bool, bool], rows: dict[str, _Row], children: dict[str, list[str]]) -> bool:
    _, target, kind, any_child, is_provided = edge
    if kind in BLOCKING_TYPES and target.startswith(EXTERNAL):
        return not is_provided
    row = rows.get(target)
    if row is None:
        return False
    if kind == DependencyType.WAITS_FOR:
        statuses = [rows[child].status for child in children.get(target, ())]
        done = statuses.count(BeadStatus.CLOSED)
        is_open = len(statuses) > done + statuses.count(BeadStatus.TOMBSTONE)
        return is_open and not (any_child and done)
    if kind not in BLOCKING_TYPES:
        return False
    if row.status not in SETTLED:
        return True
    is_closed = row.status == BeadStatus.CLOSED
    if kind == DependencyType.CONDITIONAL:
        return is_closed and not row.is_failure
    return kind == DependencyType.MERGE and is_closed and not row.reason.startswith(LANDED_PREFIX)


def find_wrong_external(session: Session) -> list[str]:
    """External targets whose flag does not say whether their capability was shipped."""
    rows = session.exec(
        select(Dependency.depends_on_id, Dependency.is_provided)
        .where(col(Dependency.depends_on_id).startswith(EXTERNAL))
        .distinct()
    )
    return sorted({target for target, said in rows if readiness.is_provided(session, target) != said})


def mend_blocked(session: Session) -> None:
    """Work `is_blocked` and the flags of external targets out anew."""
    readiness.lock_graph(session)
    readiness.refresh_external(session)
    readiness.recompute_all(session)


def find_dangling(session: Session) -> list[tuple[str, str, str]]:
    """Edges (who, on what, how) to beads that are not here: they hold nobody up, and are exported again."""
    edges = session.exec(
        select(Dependency.issue_id, Dependency.depends_on_id, Dependency.type)
        .where(
            col(Dependency.depends_on_id).not_in(select(Bead.id)), ~col(Dependency.depends_on_id).startswith(EXTERNAL)
        )
        .order_by(Dependency.issue_id, Dependency.depends_on_id)
    )
    return list(edges)


def find_orphans(session: Session) -> list[str]:
    """Beads whose id says that they are a child of a bead that is not here."""
    known = set(session.exec(select(Bead.id)))
    gone = {BeadStatus.TOMBSTONE.value}
    nested = session.exec(select(Bead.id).where(col(Bead.is_top).is_(False), col(Bead.status).not_in(gone)))
    return sorted(name for name in nested if name.rpartition(".")[0] not in known)


def find_unknown_words(session: Session) -> dict[str, list[str]]:
    """Statuses and types that stored beads have and nobody has declared, with the number of beads."""
    found = {}
    known: Iterable[str]
    for name, column, known in (
        ("status", Bead.status, [*known_statuses(session), BeadStatus.TOMBSTONE]),
        ("type", Bead.issue_type, known_types(session)),
    ):
        counts = session.exec(select(column, func.count()).where(col(column).not_in(list(known))).group_by(column))
        found[name] = sorted(f"{word} ({number})" for word, number in counts)
    return found


def find_twins(session: Session) -> list[Sequence[str]]:
    """Groups of unsettled beads with the same title, type and description."""
    same: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    rows = session.exec(
        select(Bead.id, Bead.title, Bead.issue_type, Bead.description)
        .where(col(Bead.status).not_in([status.value for status in SETTLED]), col(Bead.ephemeral).is_(False))
        .order_by(Bead.id)
    )
    for bead_id, *rest in rows:
        same[tuple(rest)].append(bead_id)  # type: ignore[index]
    return [group for group in same.values() if len(group) > 1]
