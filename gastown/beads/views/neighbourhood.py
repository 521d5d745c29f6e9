"""The part of the graph that belongs together: around one bead, or everything that is not done."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, select

from gastown.beads.filters import Filters
from gastown.beads.models import BLOCKING_TYPES, UNDER_WAY, Bead, Dependency, DependencyType
from gastown.beads.queries import CHUNK, find_many, get, list_
from gastown.beads.shapes import list_json
from gastown.beads.views.drawings import Drawing, Line

PICTURE_LIMIT = 2000  # beads; nobody reads more of them at once
_DRAWN = (*sorted(BLOCKING_TYPES), DependencyType.WAITS_FOR.value, DependencyType.PARENT_CHILD.value)


def draw_around(session: Session, bead_id: str) -> Drawing:
    """The bead, everything below it, and all that these wait for or that waits for them."""
    get(session, bead_id)
    found: dict[str, None] = {bead_id: None}
    frontier = [bead_id]
    while frontier and len(found) < PICTURE_LIMIT:
        near = dict.fromkeys(
            end for line in _lines(session, frontier) for end in (line.source, line.target) if end not in found
        )
        frontier = list(near)[: PICTURE_LIMIT - len(found)]
        found.update(dict.fromkeys(frontier))
    return _drawing(session, list(found), root=bead_id)


def draw_beads(session: Session, names: Sequence[str]) -> Drawing:
    """These beads and the edges between them."""
    return _drawing(session, names)


def draw_all(session: Session) -> Drawing:
    """Every bead that a listing shows, most urgent first."""
    return _drawing(session, [bead.id for bead in list_(session, Filters(limit=PICTURE_LIMIT))])


def _drawing(session: Session, names: Sequence[str], root: str = "") -> Drawing:
    beads = find_many(session, names)
    kept = {name: beads[name] for name in names if name in beads}
    lines = [line for line in _lines(session, list(kept)) if line.source in kept and line.target in kept]
    return Drawing(kept, lines, root)


def _lines(session: Session, names: Sequence[str]) -> list[Line]:
    """Every drawn edge that touches one of these beads, each once."""
    found: dict[Line, None] = {}
    for start in range(0, len(names), CHUNK):
        part = names[start : start + CHUNK]
        rows = session.exec(
            select(Dependency.issue_id, Dependency.depends_on_id, Dependency.type)
            .where(
                col(Dependency.issue_id).in_(part) | col(Dependency.depends_on_id).in_(part),
                col(Dependency.type).in_(_DRAWN),
            )
            .order_by(Dependency.issue_id, Dependency.depends_on_id)
        )
        found.update({Line(source, target, kind): None for source, target, kind in rows})
    return list(found)


def list_thread(session: Session, bead_id: str) -> list[Bead]:
    """The conversation that a bead is part of: what it replies to, and all replies, oldest first."""
    found, frontier = {bead_id}, [bead_id]
    while frontier and len(found) < PICTURE_LIMIT:
        rows = session.exec(
            select(Dependency.issue_id, Dependency.depends_on_id).where(
                Dependency.type == "replies-to",
                col(Dependency.issue_id).in_(frontier) | col(Dependency.depends_on_id).in_(frontier),
            )
        )
        frontier = sorted({end for row in rows for end in row} - found)
        found.update(frontier)
    return sorted(find_many(session, sorted(found)).values(), key=lambda bead: (bead.created_at, bead.id))


def list_current(session: Session, actor: str) -> list[Bead]:
    """What `actor` is at work on, latest first."""
    under_way = select(Bead).where(Bead.assignee == actor, col(Bead.status).in_(sorted(UNDER_WAY)))
    return list(session.exec(under_way.order_by(col(Bead.updated_at).desc(), col(Bead.id))))


def drawing_json(session: Session, drawing: Drawing) -> dict[str, Any]:
    """A drawing as programs are shown it."""
    return {
        "root": drawing.root or None,
        "issues": list_json(session, list(drawing.beads.values())),
        "dependencies": [
            {"issue_id": line.source, "depends_on_id": line.target, "type": line.type} for line in drawing.lines
        ],
        "layers": drawing.layers,
    }
