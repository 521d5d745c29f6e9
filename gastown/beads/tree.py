"""What a bead stands on, and what stands on it, as a tree for display."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from gastown.beads.models import Bead, Dependency
from gastown.beads.queries import CHUNK, find_many, get

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
    """What is below it is shown elsewhere, or too deep."""


def walk(
    session: Session, root: str, *, upwards: bool = False, max_depth: int = 50, every_path: bool = False
) -> list[Node]:
    """The beads that `root` depends on (those that depend on it with `upwards`), depth first.

    A bead that several need is opened once, unless `every_path`; a circle is cut where it closes.
    """
    get(session, root)
    edges = _gather(session, root, upwards, max_depth)
    beads = find_many(session, [root, *(target for found in edges.values() for target, _ in found)])
    nodes: list[Node] = []
    opened: set[str] = set()
    stack: list[tuple[str, int, str, str, tuple[str, ...]]] = [(root, 0, "", "", ())]
    while stack and len(nodes) < NODE_LIMIT:
        name, depth, parent, kind, way = stack.pop()
        below = edges.get(name, [])
        is_cut = bool(below) and (name in way or depth >= max_depth or (name in opened and not every_path))
        nodes.append(Node(name, beads.get(name), depth, parent, kind, is_cut))
        opened.add(name)
        if not is_cut:
            stack += [(target, depth + 1, name, kind, (*way, name)) for target, kind in reversed(below)]
    return nodes


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
