"""What a bead stands on, and what stands on it, as a tree for display."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from gastown.beads.filters import Filters
from gastown.beads.models import Bead, Dependency, DependencyType
from gastown.beads.queries import CHUNK, find_many, get
from gastown.beads.shapes import absent_json, own_json
from gastown.beads.views.asking import check_filters
from gastown.beads.views.drawings import Drawing, Line, plain

# A tree of more lines helps nobody.
NODE_LIMIT = 5000


@dataclass(frozen=True)
class Node:
    """One line of the tree; `bead` is None where an edge leads out of the store."""

    id: str
    bead: Bead | None
    depth: int
    parent_id: str
    edge_type: str
    truncated: bool
    """What is below it is shown elsewhere, or too deep, or too much."""
    is_upwards: bool = False
    """It depends on its parent in the tree, not the other way round."""


@dataclass(frozen=True)
class Walk:
    """How far a walk goes, and what it keeps."""

    max_depth: int = 50
    every_path: bool = False
    status: str = ""
    """Only beads of this status, and the way to them."""


def walk(session: Session, root: str, how: Walk | None = None, *, upwards: bool = False) -> list[Node]:
    """The beads that `root` depends on (those that depend on it with `upwards`), depth first.

    A bead that several need is opened once, unless `every_path`; a circle is cut where it closes.
    """
    how = how or Walk()
    get(session, root)
    if how.status:
        check_filters(session, Filters(statuses=(how.status,)))
    edges = _gather(session, root, upwards, how.max_depth)
    beads = find_many(session, [root, *(target for found in edges.values() for target, _ in found)])
    nodes: list[Node] = []
    opened: set[str] = set()
    on_way: dict[str, int] = {}
    stack: list[tuple[str, int, str, str]] = [(root, 0, "", "")]
    while stack and len(nodes) < NODE_LIMIT:
        name, depth, parent, kind = stack.pop()
        on_way = {above: level for above, level in on_way.items() if level < depth} if depth <= len(on_way) else on_way
        below = edges.get(name, [])
        is_cut = bool(below) and (name in on_way or depth >= how.max_depth or (name in opened and not how.every_path))
        is_last = len(nodes) == NODE_LIMIT - 1 and bool(stack or below)
        nodes.append(Node(name, beads.get(name), depth, parent, kind, is_cut or is_last, upwards))
        opened.add(name)
        if not is_cut:
            on_way[name] = depth
            stack += [(target, depth + 1, name, kind) for target, kind in reversed(below)]
    return _keep(nodes, how.status) if how.status else nodes


def _keep(nodes: Sequence[Node], status: str) -> list[Node]:
    """The nodes of a status with all that are above them, and the root."""
    kept: list[Node] = []
    depth = 0
    for node in reversed(nodes):
        if (node.bead is not None and node.bead.status == status) or node.depth < depth or node.depth == 0:
            kept.append(node)
            depth = node.depth
    return kept[::-1]


def node_json(node: Node) -> dict[str, Any]:
    """A node as programs are shown it."""
    return {
        **(own_json(node.bead) if node.bead else absent_json(node.id)),
        "depth": node.depth,
        "parent_id": node.parent_id,
        "edge_from_parent": node.edge_type,
        "truncated": node.truncated,
    }


def draw_nodes(nodes: Sequence[Node]) -> list[str]:
    """The tree as lines."""
    lines = []
    for node in nodes:
        what = f"{plain(node.bead.title, 200)} [{node.bead.status}]" if node.bead else "(not in this store)"
        kind = f" ({node.edge_type})" if node.edge_type not in ("", DependencyType.BLOCKS) else ""
        lines.append(f"{'  ' * node.depth}{node.id}: {what}{kind}{' ...' if node.truncated else ''}")
    return lines


def drawing_of(nodes: Sequence[Node]) -> Drawing:
    """The beads and edges of a tree, to be drawn as a picture."""
    lines = {
        Line(node.id, node.parent_id, node.edge_type)
        if node.is_upwards
        else Line(node.parent_id, node.id, node.edge_type): None
        for node in nodes
        if node.parent_id
    }
    return Drawing({node.id: node.bead for node in nodes if node.bead is not None}, list(lines))


def _gather(session: Session, root: str, upwards: bool, max_depth: int) -> dict[str, list[tuple[str, str]]]:
    """Every edge that can be reached, by the bead it starts from, one statement a level."""
    near, far = col(Dependency.issue_id), col(Dependency.depends_on_id)
    if upwards:
        near, far = far, near
    found: dict[str, list[tuple[str, str]]] = {}
    frontier: Sequence[str] = [root]
    for _ in range(max_depth + 1):
        if not frontier:
            break
        reached: dict[str, None] = {}
        for start in range(0, len(frontier), CHUNK):
            part = frontier[start : start + CHUNK]
            rows = session.exec(select(near, far, Dependency.type).where(near.in_(part)).order_by(near, far))
            for name, target, kind in rows:
                found.setdefault(name, []).append((target, kind))
                reached[target] = None
        frontier = [name for name in reached if name not in found]
    return found
