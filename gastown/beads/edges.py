"""Writing dependencies. An edge that could never be satisfied is refused (deadlocks.py says which those are)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from gastown import clock, ids
from gastown.beads import externals, readiness
from gastown.beads.changes import Cause, as_json, lock, note, touch
from gastown.beads.checks import check_text
from gastown.beads.errors import BadField, BeadNotFound, DependencyRefused
from gastown.beads.graphs import deadlocks
from gastown.beads.jsonl import wants_any_child
from gastown.beads.models import EXTERNAL, WELL_KNOWN_TYPES, Bead, ConfigEntry, Dependency, DependencyType
from gastown.beads.queries import find, get
from gastown.events import EventKind

_TYPE_LIMIT = 50
_METADATA_LIMIT = 64 * 1024  # characters
_GATES = ("all-children", "any-children")
RELATES_TO = "relates-to"
_TOWN_PREFIX = "hq"


@dataclass(frozen=True)
class NewEdge:
    """A dependency to be: `bead_id` on `target`."""

    bead_id: str
    target: str
    type: str = DependencyType.BLOCKS
    metadata: str = ""


def _check_type(kind: str) -> None:
    if not kind or len(kind) > _TYPE_LIMIT or not kind.isprintable():
        raise BadField(f"invalid dependency type {kind[:60]!r}", hint=f"Known: {', '.join(sorted(WELL_KNOWN_TYPES))}.")


def _check_metadata(text: str, kind: str) -> None:
    """Refuse what is no JSON object, and a gate that nothing would ever open."""
    try:
        said = json.loads(text or "{}")
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or len(check_text("metadata", text)) > _METADATA_LIMIT:
        raise BadField("the metadata of a dependency is a JSON object", hint="""Write it like '{"key": "value"}'.""")
    if kind == DependencyType.WAITS_FOR and said.get("gate", _GATES[0]) not in _GATES:
        raise BadField(f"unknown gate {str(said['gate'])[:60]!r}", hint=f"A gate is {' or '.join(_GATES)}.")


def _check_target(session: Session, bead: Bead, target: str, kind: str) -> None:
    if target.startswith(EXTERNAL):
        parts = target.split(":")
        if len(parts) != 3 or not all(parts) or len(target) > 512 or not target.isprintable():
            raise BadField(f"not an external target: {target[:100]!r}", hint="Write external:<project>:<capability>.")
        return
    try:
        other = get(session, target)
    except BeadNotFound:
        if is_foreign(session, target):
            return
        raise
    if kind == DependencyType.BLOCKS and (bead.issue_type == "epic") != (other.issue_type == "epic"):
        if bead.issue_type == "epic":
            raise DependencyRefused(
                "tasks can only block other tasks, not epics", hint="Give the task to the epic: --parent."
            )
        raise DependencyRefused("epics can only block other epics, not tasks", hint="Depend on a bead of the epic.")


def is_foreign(session: Session, bead_id: str) -> bool:
    """Whether this is a whole id of a prefix that nothing in this store has: a bead of another store."""
    try:
        prefix = ids.prefix_of(ids.check_bead_id(bead_id))
    except ids.BadName:
        return False
    own = session.get(ConfigEntry, "issue_prefix")
    if prefix in (_TOWN_PREFIX, own.value if own else "") or externals.is_rig(session, prefix):
        return False
    return session.exec(select(Bead.id).where(Bead.prefix == prefix).limit(1)).first() is None


def add_dependency(
    session: Session, bead_id: str, target: str, *, actor: str, type: str = DependencyType.BLOCKS, metadata: str = ""
) -> Dependency:
    """Make `bead_id` depend on `target`; again with the same type only the metadata changes.

    Refuses unknown ends, itself, another type between the same two, and whatever would wait for itself.
    """
    readiness.lock_graph(session)
    new = NewEdge(bead_id, target, type, metadata)
    edge = _find_same(session, new, actor)
    if edge is None:
        edge = _write(session, new, actor, is_checked=True)
        readiness.recompute(session, [bead_id])
    return edge


def add_dependencies(session: Session, new: Sequence[NewEdge], *, actor: str) -> list[Dependency]:
    """Add them all or, when one is refused, none; circles are looked for once."""
    readiness.lock_graph(session)
    edges, fresh = [], []
    with session.begin_nested():
        for each in new:
            edge = _find_same(session, each, actor)
            if edge is None:
                edge = _write(session, each, actor, is_checked=False)
                fresh.append((edge.issue_id, edge.depends_on_id, edge.type))
            edges.append(edge)
        deadlocks.check_many(session, fresh)
        readiness.recompute(session, sorted({bead_id for bead_id, _, _ in fresh}))
    return edges


def _find_same(session: Session, new: NewEdge, actor: str) -> Dependency | None:
    """The edge that is there already, brought up to date; refuses one of another type and one to itself."""
    _check_type(new.type)
    _check_metadata(new.metadata, new.type)
    lock(session, new.bead_id)
    if new.bead_id == new.target:
        raise DependencyRefused(f"{new.bead_id} cannot depend on itself")
    for edge in _between(session, new.bead_id, new.target):
        if edge.type == new.type:
            return _again(session, edge, new.metadata, actor)
        raise DependencyRefused(
            f"dependency {new.bead_id} -> {new.target} already exists with type {edge.type}; remove it first",
            hint=f"bd dep remove {new.bead_id} {new.target}",
        )
    return None


def _write(session: Session, new: NewEdge, actor: str, *, is_checked: bool) -> Dependency:
    _check_target(session, get(session, new.bead_id), new.target, new.type)
    if is_checked:
        deadlocks.check(session, (new.bead_id, new.target, new.type))
    edge = Dependency(
        issue_id=new.bead_id,
        depends_on_id=new.target,
        type=str(new.type),
        created_at=clock.now(),
        created_by=actor,
        meta=new.metadata,
        any_child=new.type == DependencyType.WAITS_FOR and wants_any_child(new.metadata),
        is_provided=new.target.startswith(EXTERNAL) and readiness.is_provided(session, new.target),
    )
    session.add(edge)
    values = {"depends_on_id": new.target, "type": edge.type, "metadata": new.metadata}
    values |= {"created_at": as_json(edge.created_at), **touch(session, new.bead_id)}
    note(session, EventKind.DEPENDENCY_ADDED, new.bead_id, Cause(actor), **values)
    return edge


def relate(session: Session, one: str, two: str, *, actor: str) -> None:
    """Say of both beads that they have to do with each other."""
    for bead_id, target in ((one, two), (two, one)):
        add_dependency(session, bead_id, target, actor=actor, type=RELATES_TO)


def unrelate(session: Session, one: str, two: str, *, actor: str) -> bool:
    """Take back what `relate` said; False when it was not said. Edges of other types stay."""
    readiness.lock_graph(session)
    removed = False
    for bead_id, target in ((one, two), (two, one)):
        if any(edge.type == RELATES_TO for edge in _between(session, bead_id, target)):
            removed |= remove_dependency(session, bead_id, target, actor=actor)
    return removed


def _between(session: Session, bead_id: str, target: str) -> Sequence[Dependency]:
    return session.exec(
        select(Dependency).where(Dependency.issue_id == bead_id, Dependency.depends_on_id == target)
    ).all()


def _again(session: Session, edge: Dependency, metadata: str, actor: str) -> Dependency:
    if metadata and metadata != edge.meta:
        edge.meta = metadata
        edge.any_child = edge.type == DependencyType.WAITS_FOR and wants_any_child(metadata)
        edge.extra = {key: value for key, value in edge.extra.items() if key != "metadata"}
        session.add(edge)
        values = {"depends_on_id": edge.depends_on_id, "type": edge.type, "metadata": metadata}
        note(session, EventKind.DEPENDENCY_ADDED, edge.issue_id, Cause(actor), **values)
        readiness.recompute(session, [edge.issue_id])
    return edge


def remove_dependency(session: Session, bead_id: str, target: str, *, actor: str) -> bool:
    """Take away the edge between the two, whatever its type; False when there is none."""
    readiness.lock_graph(session)
    lock(session, bead_id)
    edges = _between(session, bead_id, target)
    for edge in edges:
        session.delete(edge)
        values = {"depends_on_id": target, "type": edge.type, **touch(session, bead_id)}
        note(session, EventKind.DEPENDENCY_REMOVED, bead_id, Cause(actor), **values)
    if edges:
        readiness.recompute(session, [bead_id, target])
    return bool(edges)


def set_parent(session: Session, bead_id: str, parent: str, *, actor: str) -> None:
    """Put `bead_id` under `parent` instead of what it is under now; an empty parent only detaches it."""
    current = session.exec(
        select(Dependency.depends_on_id).where(
            Dependency.issue_id == bead_id, Dependency.type == DependencyType.PARENT_CHILD.value
        )
    ).all()
    with session.begin_nested():  # whoever catches the refusal of the new parent still has the old one
        for old in current:
            if old != parent:
                remove_dependency(session, bead_id, old, actor=actor)
        if parent and parent not in current:
            add_dependency(session, bead_id, parent, actor=actor, type=DependencyType.PARENT_CHILD)


def add_by_text(session: Session, bead_id: str, said: str, *, actor: str, prefix: str | None = None) -> Dependency:
    """Add what one item of `--deps` says: `id`, `type:id`, `external:...`; `blocks:id` makes that bead wait."""
    kind, _, rest = said.partition(":")
    if said.startswith(EXTERNAL) or not rest:
        kind, rest = DependencyType.BLOCKS, said
    elif kind in ("depends-on", "blocked-by"):
        kind = DependencyType.BLOCKS
    elif kind == DependencyType.BLOCKS:
        return add_dependency(session, find(session, rest, prefix=prefix).id, bead_id, actor=actor)
    elif kind not in WELL_KNOWN_TYPES:
        raise BadField(f"invalid dependency type {kind[:60]!r}", hint=f"Known: {', '.join(sorted(WELL_KNOWN_TYPES))}.")
    target = rest if rest.startswith(EXTERNAL) else find(session, rest, prefix=prefix).id
    return add_dependency(session, bead_id, target, actor=actor, type=kind)


def drop_all(session: Session, ids: Sequence[str], *, actor: str) -> int:
    """Take away every edge from or to these beads; return how many there were. The caller recomputes readiness."""
    edges = session.exec(
        select(Dependency).where(col(Dependency.issue_id).in_(ids) | col(Dependency.depends_on_id).in_(ids))
    ).all()
    for edge in edges:
        session.delete(edge)
        values = {"depends_on_id": edge.depends_on_id, "type": edge.type}
        note(session, EventKind.DEPENDENCY_REMOVED, edge.issue_id, Cause(actor), **values)
    return len(edges)
