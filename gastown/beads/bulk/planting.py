"""Filing many beads at once, with their edges, and taking them out again without a trace but the log's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import column, delete, insert, table
from sqlmodel import Session, col, select, update

from gastown import clock, ids
from gastown.beads import readiness
from gastown.beads.changes import Cause, apply, as_json, lock, note, touch
from gastown.beads.checks import check_label
from gastown.beads.counts import Kept
from gastown.beads.creation import insert_new, new_row
from gastown.beads.errors import BadField, BeadExists, DeleteRefused, DependencyRefused, ParentClosed
from gastown.beads.graphs import deadlocks
from gastown.beads.jsonl import wants_any_child
from gastown.beads.models import Bead, BeadStatus, Dependency, DependencyType, Label, NewBead
from gastown.beads.queries import CHUNK, find_many
from gastown.beads.rendering import bead_json
from gastown.beads.words.rules import load_rules, load_rules_and_count
from gastown.events import EventKind, record_many

SEED_LIMIT = 20_000
# Rows of siblings that name a bead for good, by table: what was worked on, submitted or sent along is not taken out.
HOLDERS = [table(name, column("bead_id")) for name in ("assignments", "merge_requests", "convoy_members")]


@dataclass(frozen=True)
class Seed:
    """One bead of a planting. `key` names it inside the planting; `new` has no parent, dependencies or id."""

    key: str
    new: NewBead
    under: str = ""
    """Below which its id is: the key of a seed before it, or a bead's id; nothing for a bead of its own."""
    ref: str = ""
    """The end of its id, behind the dot; without it the next number."""
    is_child: bool = True
    """It is a child of what its id is below."""


@dataclass(frozen=True)
class SeedEdge:
    """One edge of a planting; both ends are keys, or ids of beads that are there."""

    key: str
    target: str
    type: str = DependencyType.BLOCKS
    metadata: str = ""


def plant(session: Session, seeds: Sequence[Seed], edges: Sequence[SeedEdge], *, actor: str) -> dict[str, str]:
    """File every bead with its labels and edges, in a fixed number of statements; return the id of each key.

    Refuses ids that are taken, and edges with which some bead could never be closed.
    """
    if not 0 < len(seeds) <= SEED_LIMIT:
        raise BadField(f"not 1 to {SEED_LIMIT} beads at once")
    readiness.lock_graph(session)
    now, rules = clock.now(), load_rules(session)
    rows = {seed.key: _row(session, seed, actor, now) for seed in seeds}
    made: dict[str, str] = {}
    kept: dict[str, Kept | None] = {}
    for seed in seeds:
        if not seed.under:
            prefix = seed.new.prefix
            if prefix not in kept:
                kept[prefix] = load_rules_and_count(session, prefix)[1]
            made[seed.key] = insert_new(session, rows[seed.key], seed.new, rules, kept[prefix]).id
    counts = _name_children(session, seeds, made)
    _insert_children(session, seeds, rows, made, counts)
    links = _links(seeds, edges, made)
    _check(session, links, set(made.values()))
    if links:
        session.execute(insert(Dependency), [_edge_row(link, actor, now) for link in links])
    marks = [{"bead_id": made[seed.key], "label": label} for seed in seeds for label in _labels(seed)]
    if marks:
        session.execute(insert(Label), marks)
    _note(session, seeds, rows, made, links, actor)
    readiness.recompute(session, list(made.values()))
    return made


def _row(session: Session, seed: Seed, actor: str, now: datetime) -> dict[str, Any]:
    try:
        return new_row(session, seed.new, actor, now)
    except BadField as error:
        raise BadField(f"{seed.new.title[:60] or seed.key}: {error.message}", hint=error.hint) from None


def _labels(seed: Seed) -> list[str]:
    return sorted({check_label(label) for label in seed.new.labels})


def _name_children(session: Session, seeds: Sequence[Seed], made: dict[str, str]) -> dict[str, int]:
    """Give every seed below another its id; return how many numbers were taken below each parent."""
    counts: dict[str, int] = {}
    for seed in seeds:
        if not seed.under:
            continue
        parent = made.get(seed.under, seed.under)
        if parent not in counts:
            held = None if seed.under in made and parent not in made else session.get(Bead, parent)
            counts[parent] = _open_parent(session, seed, parent).last_child if held is not None else 0
        if not seed.ref:
            counts[parent] += 1
        made[seed.key] = ids.check_bead_id(f"{parent}.{seed.ref or counts[parent]}")
    return counts


def _open_parent(session: Session, seed: Seed, name: str) -> Bead:
    parent = lock(session, name)
    if parent.status == BeadStatus.CLOSED and seed.is_child:
        raise ParentClosed(f"parent issue {name} is closed", hint=f"`bd reopen {name}` first.")
    return parent


def _insert_children(
    session: Session,
    seeds: Sequence[Seed],
    rows: dict[str, dict[str, Any]],
    made: Mapping[str, str],
    counts: Mapping[str, int],
) -> None:
    children = [seed for seed in seeds if seed.under]
    names = [made[seed.key] for seed in children]
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise BeadExists(f"two beads of one planting would be {twice}", hint="Give each another reference.")
    for start in range(0, len(names), CHUNK):
        taken = session.exec(select(Bead.id).where(col(Bead.id).in_(names[start : start + CHUNK])).limit(1)).first()
        if taken is not None:
            raise BeadExists(f"issue {taken} already exists", hint="Give another reference.")
    values = []
    for seed, name in zip(children, names, strict=True):
        own = {"id": name, "prefix": ids.prefix_of(name), "is_top": False, "last_child": counts.get(name, 0)}
        values.append(rows[seed.key] | own)
    if values:
        session.execute(insert(Bead), values)
    for parent, count in counts.items():
        if parent not in names:
            session.execute(update(Bead).where(col(Bead.id) == parent).values(last_child=count))


def _links(seeds: Sequence[Seed], edges: Sequence[SeedEdge], made: Mapping[str, str]) -> list[SeedEdge]:
    """Every edge between ids, each once; those to parents too."""
    families = (SeedEdge(seed.key, seed.under, DependencyType.PARENT_CHILD) for seed in seeds if seed.is_child)
    found: dict[tuple[str, str, str], SeedEdge] = {}
    for edge in (*(family for family in families if family.target), *edges):
        link = SeedEdge(made.get(edge.key, edge.key), made.get(edge.target, edge.target), str(edge.type), edge.metadata)
        found.setdefault((link.key, link.target, link.type), link)
    return list(found.values())


def _edge_row(link: SeedEdge, actor: str, now: datetime) -> dict[str, Any]:
    # Without a model's object an edge: making those is most of the time that a planting takes.
    return {
        "issue_id": link.key,
        "depends_on_id": link.target,
        "type": link.type,
        "created_at": now,
        "created_by": actor,
        "meta": link.metadata,
        "thread_id": "",
        "any_child": link.type == DependencyType.WAITS_FOR and wants_any_child(link.metadata),
        "is_provided": False,
        "extra": {},
    }


def _check(session: Session, links: Sequence[SeedEdge], fresh: set[str]) -> None:
    """Refuse circles: among the new beads by themselves, and through the few edges that leave them."""
    found = [(link.key, link.target, link.type) for link in links]
    inner = [edge for edge in found if edge[0] in fresh and edge[1] in fresh]
    for circle in deadlocks.circles(inner):
        raise DependencyRefused(f"these could never be closed: {' -> '.join(circle)}")
    outer = [edge for edge in found if edge[0] not in fresh or edge[1] not in fresh]
    ends = {name for edge in outer for name in edge[:2]} - fresh
    missing = sorted(ends - find_many(session, list(ends)).keys())
    if missing:
        raise DependencyRefused(f"no issue found matching {missing[0]!r}")
    for edge in outer:
        deadlocks.check(session, edge)


def _note(
    session: Session,
    seeds: Sequence[Seed],
    rows: Mapping[str, dict[str, Any]],
    made: Mapping[str, str],
    links: Sequence[SeedEdge],
    actor: str,
) -> None:
    """One event a bead, which says its labels and its parent, too, and one for every other edge."""
    said_so = set()
    facts: list[tuple[EventKind, str, dict[str, Any]]] = []
    for seed in seeds:
        bead_id, labels = made[seed.key], _labels(seed)
        said = bead_json({**rows[seed.key], "id": bead_id}) | ({"labels": labels} if labels else {})
        parent = made.get(seed.under, seed.under) if seed.is_child else ""
        said_so.add((bead_id, parent, DependencyType.PARENT_CHILD.value))
        facts.append((EventKind.BEAD_CREATED, bead_id, {"bead": said, "parent": parent}))
    fresh, moment = set(made.values()), as_json(rows[seeds[0].key]["created_at"])
    for link in links:
        if (link.key, link.target, link.type) not in said_so:
            values = {"depends_on_id": link.target, "type": link.type, "metadata": link.metadata, "created_at": moment}
            values |= {} if link.key in fresh else touch(session, link.key)
            facts.append((EventKind.DEPENDENCY_ADDED, link.key, values))
    record_many(session, facts, actor=actor)


def note_bond(session: Session, bead_id: str, bond: Mapping[str, str], *, actor: str) -> None:
    """Note on a bead with what it was bonded, once."""
    bead = lock(session, bead_id)
    if bond not in bead.bonded_from:
        values = {"bonded_from": [*bead.bonded_from, dict(bond)]}
        apply(session, bead, EventKind.BEAD_UPDATED, values, cause=Cause(actor))


def uproot(session: Session, bead_ids: Sequence[str], *, actor: str, reason: str) -> list[str]:
    """Take beads out with all that hangs on them; the log says that they were there and are gone.

    Refuses beads that attempts, merge requests or convoys name.
    """
    readiness.lock_graph(session)
    names = sorted(set(bead_ids))
    found = find_many(session, names)
    names = sorted(found)
    near: set[str] = set()
    for start in range(0, len(names), CHUNK):
        _check_loose(session, names[start : start + CHUNK])
        near |= _take_out(session, names[start : start + CHUNK], actor)
    for bead in found.values():
        session.expunge(bead)
        note(session, EventKind.BEAD_PURGED, bead.id, Cause(actor), title=bead.title, reason=reason)
    readiness.recompute(session, sorted(near - set(names)))
    return names


def _check_loose(session: Session, names: Sequence[str]) -> None:
    for holder in HOLDERS:
        held = session.execute(holder.select().where(holder.c.bead_id.in_(names)).limit(1)).first()
        if held is not None:
            raise DeleteRefused(
                f"cannot burn {held.bead_id}: the {holder.name.replace('_', ' ')} of the town name it",
                hint=f"`bd close {held.bead_id} --force` ends it and keeps its story.",
            )


def _take_out(session: Session, names: Sequence[str], actor: str) -> set[str]:
    inward = col(Dependency.depends_on_id).in_(names)
    outward = col(Dependency.issue_id).in_(names)
    held = session.exec(select(Dependency).where(inward, ~outward)).all()
    for edge in held:
        values = {"depends_on_id": edge.depends_on_id, "type": edge.type, **touch(session, edge.issue_id)}
        note(session, EventKind.DEPENDENCY_REMOVED, edge.issue_id, Cause(actor), **values)
        session.delete(edge)
    near = {edge.issue_id for edge in held}
    near |= set(session.exec(select(Dependency.depends_on_id).where(outward)))
    session.flush()
    session.execute(delete(Dependency).where(outward))
    session.execute(delete(Bead).where(col(Bead.id).in_(names)))
    return near
