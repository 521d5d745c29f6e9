"""Writing dependencies. An edge that could never be satisfied is refused."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlmodel import Session, col, select

from gastown import clock
from gastown.beads import readiness
from gastown.beads.changes import Cause, as_json, lock, note, touch
from gastown.beads.errors import BadField, DependencyRefused
from gastown.beads.jsonl import wants_any_child
from gastown.beads.models import BLOCKING_TYPES, EXTERNAL, WELL_KNOWN_TYPES, Bead, Dependency, DependencyType
from gastown.beads.queries import find, get
from gastown.events import EventKind

_TYPE_LIMIT = 50
_BLOCKING = ", ".join(f"'{kind}'" for kind in sorted(BLOCKING_TYPES))

# What must happen before `start` starts (or, from closing = 1, closes): its blockers close, its parent is free of
# blockers, and before something closes its children close. UNION ends the walk on circles.
_REACH = text(
    f"""
WITH RECURSIVE reach(id, closing) AS (
  SELECT CAST(:start AS VARCHAR), CAST(:closing AS INTEGER)
  UNION
  SELECT CASE WHEN d.issue_id = r.id THEN d.depends_on_id ELSE d.issue_id END,
         CASE WHEN d.issue_id = r.id AND d.type = 'parent-child' THEN 0 ELSE 1 END
    FROM reach r JOIN dependencies d
      ON (d.issue_id = r.id AND d.type IN ({_BLOCKING}, 'parent-child'))
      OR (d.depends_on_id = r.id AND d.type = 'parent-child' AND r.closing = 1)
)
SELECT 1 FROM reach WHERE id = :goal AND closing >= :goal_closing LIMIT 1
"""  # noqa: S608 - constants only
)


def _must_precede(session: Session, first: tuple[str, int], then: tuple[str, int]) -> bool:
    """Whether `then` must have happened before `first` can; each is a bead and 0 for its start, 1 for its close."""
    asked = {"start": first[0], "closing": first[1], "goal": then[0], "goal_closing": then[1]}
    return session.execute(_REACH, asked).first() is not None


def _check_type(kind: str) -> None:
    if not kind or len(kind) > _TYPE_LIMIT or not kind.isprintable():
        raise BadField(f"invalid dependency type {kind[:60]!r}", hint=f"Known: {', '.join(sorted(WELL_KNOWN_TYPES))}.")


def _check_target(session: Session, bead: Bead, target: str, kind: str) -> None:
    if target.startswith(EXTERNAL):
        parts = target.split(":")
        if len(parts) != 3 or not all(parts) or len(target) > 512:
            raise BadField(f"not an external target: {target[:100]!r}", hint="Write external:<project>:<capability>.")
        return
    other = get(session, target)
    if kind == DependencyType.BLOCKS and (bead.issue_type == "epic") != (other.issue_type == "epic"):
        if bead.issue_type == "epic":
            raise DependencyRefused(
                "tasks can only block other tasks, not epics", hint="Give the task to the epic: --parent."
            )
        raise DependencyRefused("epics can only block other epics, not tasks", hint="Depend on a bead of the epic.")
    _check_circle(session, bead.id, target, kind)


def _is_apart(session: Session, bead_id: str) -> bool:
    """Whether no edge at all touches the bead, as is so for a new one: then no circle can run through it."""
    touching = (col(Dependency.issue_id) == bead_id) | (col(Dependency.depends_on_id) == bead_id)
    return session.exec(select(Dependency.type).where(touching).limit(1)).first() is None


def _check_circle(session: Session, bead_id: str, target: str, kind: str) -> None:
    if _is_apart(session, bead_id):
        return
    if kind in BLOCKING_TYPES:
        is_circle = _must_precede(session, (target, 1), (bead_id, 0))
    elif kind == DependencyType.PARENT_CHILD:
        is_circle = _must_precede(session, (target, 0), (bead_id, 0)) or _must_precede(
            session, (bead_id, 1), (target, 1)
        )
    elif kind == DependencyType.WAITS_FOR:
        is_circle = _is_ancestor(session, target, bead_id)
    else:
        return
    if is_circle:
        raise DependencyRefused(
            f"{bead_id} -> {target} ({kind}) would create a cycle",
            hint="Neither could ever start. `bd dep tree` shows what already waits for what.",
        )


def _is_ancestor(session: Session, ancestor: str, bead_id: str) -> bool:
    """Whether `bead_id` is below `ancestor`."""
    seen, frontier = {bead_id}, [bead_id]
    while frontier:
        rows = session.exec(
            select(Dependency.depends_on_id).where(
                col(Dependency.issue_id).in_(frontier), Dependency.type == DependencyType.PARENT_CHILD.value
            )
        )
        frontier = [parent for parent in rows if parent not in seen]
        if ancestor in frontier:
            return True
        seen.update(frontier)
    return False


def add_dependency(
    session: Session, bead_id: str, target: str, *, actor: str, type: str = DependencyType.BLOCKS, metadata: str = ""
) -> Dependency:
    """Make `bead_id` depend on `target`; again with the same type only the metadata changes.

    Refuses unknown ends, itself, another type between the same two, and whatever would wait for itself.
    """
    _check_type(type)
    readiness.lock_graph(session)
    bead = lock(session, bead_id)
    if bead_id == target:
        raise DependencyRefused(f"{bead_id} cannot depend on itself")
    for edge in _between(session, bead_id, target):
        if edge.type == type:
            return _again(session, edge, metadata, actor)
        raise DependencyRefused(
            f"dependency {bead_id} -> {target} already exists with type {edge.type}; remove it first",
            hint=f"bd dep remove {bead_id} {target}",
        )
    _check_target(session, bead, target, type)
    edge = Dependency(
        issue_id=bead_id,
        depends_on_id=target,
        type=str(type),
        created_at=clock.now(),
        created_by=actor,
        meta=metadata,
        any_child=type == DependencyType.WAITS_FOR and wants_any_child(metadata),
        is_provided=target.startswith(EXTERNAL) and readiness.is_provided(session, target),
    )
    session.add(edge)
    values = {"depends_on_id": target, "type": edge.type, "metadata": metadata, "created_at": as_json(edge.created_at)}
    note(session, EventKind.DEPENDENCY_ADDED, bead_id, Cause(actor), **values, **touch(session, bead_id))
    readiness.recompute(session, [bead_id])
    return edge


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
