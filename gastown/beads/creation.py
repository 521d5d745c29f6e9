"""Making beads: what a new one must be like, and the allocation of its id."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col, select, update

from gastown import clock, ids
from gastown.beads import counts, edges, readiness
from gastown.beads.changes import lock
from gastown.beads.checks import (
    check_estimate,
    check_label,
    check_metadata,
    check_more,
    check_priority,
    check_short,
    check_text,
    check_title,
)
from gastown.beads.errors import BadField, BeadExists, BeadNotFound, NoIdLeft, ParentClosed, ParentNotFound
from gastown.beads.graphs import deadlocks
from gastown.beads.jsonl import unix_ns
from gastown.beads.models import (
    Bead,
    BeadStatus,
    Dependency,
    DependencyType,
    Label,
    NewBead,
)
from gastown.beads.rendering import bead_json
from gastown.beads.words.rules import Rules, check_depth, check_described, load_rules_and_count
from gastown.beads.words.vocabulary import check_type
from gastown.db import is_sqlite
from gastown.events import EventKind, record_many

_NONCES = 10
_LONGEST_NUMBER = 10  # digits that still read as a counted id, not as a hash of digits


# What a new bead's columns hold when nobody says, those that are made anew for each apart. Read here, since a `Bead`
# that is made only to be taken apart again costs half of what its insertion does.
_OPTIONAL = {name: field for name, field in Bead.model_fields.items() if not field.is_required()}
_EMPTY = {name: field.default for name, field in _OPTIONAL.items() if field.default_factory is None}
_MADE: dict[str, Callable[[], Any]] = {
    name: cast(Callable[[], Any], field.default_factory)
    for name, field in _OPTIONAL.items()
    if field.default_factory is not None
}


def new_row(session: Session, new: NewBead, actor: str, now: datetime) -> dict[str, Any]:
    """The columns of a new bead, its id apart; refuses what the fields cannot hold."""
    deferred = new.defer_until is not None and new.defer_until > now
    return {
        **_EMPTY,
        **{name: make() for name, make in _MADE.items()},
        "title": check_title(new.title),
        "description": check_text("description", new.description),
        "design": check_text("design", new.design),
        "acceptance_criteria": check_text("acceptance criteria", new.acceptance_criteria),
        "notes": check_text("notes", new.notes),
        "spec_id": check_short("spec id", new.spec_id),
        "status": (BeadStatus.DEFERRED if deferred else BeadStatus.OPEN).value,
        "priority": check_priority(new.priority),
        "issue_type": check_type(session, new.issue_type),
        "assignee": check_short("assignee", new.assignee),
        "owner": check_short("owner", new.owner),
        "estimated_minutes": check_estimate(new.estimated_minutes),
        "created_at": now,
        "created_by": check_short("actor", actor),
        "updated_at": now,
        "due_at": new.due_at,
        "defer_until": new.defer_until,
        "external_ref": check_short("external ref", new.external_ref) if new.external_ref else None,
        "meta": check_metadata(dict(new.metadata)),
        "ephemeral": new.ephemeral,
        **check_more(new.more),
    }


def create(session: Session, new: NewBead, *, actor: str) -> Bead:
    """File a bead, with its labels and dependencies, under an id that nobody else gets.

    Refuses what the fields cannot hold, an unknown or closed parent, a dependency that cannot be, and an id that is
    taken.
    """
    now = clock.now()
    rules, kept = load_rules_and_count(session, new.prefix)
    check_described(rules, new)
    row = new_row(session, new, actor, now)
    labels = {check_label(label) for label in new.labels}
    # A new bead touches the readiness of others only where edges can reach it.
    if new.deps or new.parent or new.id:
        readiness.lock_graph(session)
    parent = _parent(session, new, rules) if new.parent else None
    if parent is not None and new.inherit_labels:
        labels.update(session.exec(select(Label.label).where(Label.bead_id == parent.id)))
    bead = insert_new(session, row, new, rules, kept)
    bead_id = bead.id
    session.add_all(Label(bead_id=bead_id, label=label) for label in sorted(labels))
    if parent is not None:
        deadlocks.check(session, (bead_id, parent.id, DependencyType.PARENT_CHILD.value))
        session.add(
            Dependency(
                issue_id=bead_id,
                depends_on_id=parent.id,
                type=DependencyType.PARENT_CHILD.value,
                created_at=now,
                created_by=actor,
            )
        )
    said = bead_json(bead) | ({"labels": sorted(labels)} if labels else {})
    record_many(session, [(EventKind.BEAD_CREATED, bead_id, {"bead": said, "parent": new.parent})], actor=actor)
    if parent is not None or new.id:
        readiness.recompute(session, [bead_id])
    for text in new.deps:
        edges.add_by_text(session, bead_id, text, actor=actor, prefix=new.prefix)
    if parent is not None or new.deps or new.id:
        session.refresh(bead)
    return bead


def _parent(session: Session, new: NewBead, rules: Rules) -> Bead:
    try:
        parent = lock(session, new.parent)
    except BeadNotFound:
        raise ParentNotFound(f"parent issue {new.parent} not found", hint="`bd list` shows the ids.") from None
    check_depth(rules, new, parent)
    if parent.status == BeadStatus.CLOSED and new.issue_type != "event" and not new.force:
        raise ParentClosed(
            f"parent issue {parent.id} is closed",
            hint=f"`bd reopen {parent.id}` first, or say where this comes from: --deps discovered-from:{parent.id}",
        )
    return parent


def insert_new(
    session: Session, row: Mapping[str, Any], new: NewBead, rules: Rules, kept: counts.Kept | None = None
) -> Bead:
    """Insert the row under the id that `new` asks for, or one that is free; `kept` tells how long that must be."""
    if new.id:
        if new.parent:
            raise BadField("an explicit id and a parent exclude each other")
        bead_id = ids.check_bead_id(new.id)
        if (bead := _try(session, row, bead_id)) is None:
            raise BeadExists(f"issue {bead_id} already exists", hint="Leave --id out and the store gives one.")
        return bead
    if new.parent:
        return _insert_child(session, row, new.parent)
    kind = new.id_kind or ("wisp" if new.ephemeral else "")
    prefix = f"{new.prefix}-{kind}" if kind else new.prefix
    ids.check_id_prefix(prefix)
    if rules.counts and not kind:
        return _insert_counted(session, row, prefix)
    moment = unix_ns(row["created_at"])
    for length in range(_hash_length(session, new.prefix, rules, kept), rules.longest + 1):
        for nonce in range(_NONCES):
            seed = f"{row['title']}|{row['description']}|{row['created_by']}|{moment}|{nonce}"
            if (bead := _try(session, row, f"{prefix}-{ids.hash_part(seed, length)}")) is not None:
                return bead
    raise NoIdLeft(f"no free id for prefix {prefix}", hint="Run the command again: the time is part of the id.")


def _insert_counted(session: Session, row: Mapping[str, Any], prefix: str) -> Bead:
    taken = session.exec(select(Bead.id).where(Bead.prefix == prefix, col(Bead.is_top).is_(True)))
    numbers = (bead_id.removeprefix(f"{prefix}-") for bead_id in taken)
    number = max((int(text) for text in numbers if text.isdigit() and len(text) < _LONGEST_NUMBER), default=0)
    while True:
        number += 1
        if (bead := _try(session, row, f"{prefix}-{number}")) is not None:
            return bead


def _insert_child(session: Session, row: Mapping[str, Any], parent: str) -> Bead:
    # The counter's row lock makes writers of one parent take turns; imported children may be ahead of it.
    while True:
        number = session.execute(
            update(Bead)
            .where(col(Bead.id) == parent)
            .values(last_child=col(Bead.last_child) + 1)
            .returning(col(Bead.last_child)),
            execution_options={"synchronize_session": False},
        ).scalar_one()
        if (bead := _try(session, row, ids.check_bead_id(f"{parent}.{number}"))) is not None:
            return bead


def _try(session: Session, row: Mapping[str, Any], bead_id: str) -> Bead | None:
    """Insert the bead under this id; None when it is taken, also by a transaction that has not ended yet."""
    values = {**row, "id": bead_id, "prefix": ids.prefix_of(bead_id), "is_top": "." not in bead_id}
    values["metadata"] = values.pop("meta")
    session.flush()
    return session.scalars(_INSERTS[is_sqlite(session)], values).first()


_BEADS = SQLModel.metadata.tables["beads"]


def _insert(insert: Any) -> Any:
    return select(Bead).from_statement(insert(_BEADS).on_conflict_do_nothing(index_elements=["id"]).returning(_BEADS))


# By whether it is SQLite. Built once: with so many columns that takes longer than to run it.
_INSERTS = {True: _insert(sqlite.insert), False: _insert(postgresql.insert)}


def _hash_length(session: Session, prefix: str, rules: Rules, kept: counts.Kept | None) -> int:
    def length(number: int) -> int:
        return ids.hash_length(number, minimum=rules.shortest, maximum=rules.longest, odds=rules.odds)

    return counts.length_for(session, prefix, kept, length)
