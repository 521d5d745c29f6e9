"""What `bd --json` prints, and how a bead looks on one line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gastown.cli.context import Context
from gastown.cli.output import table

if TYPE_CHECKING:
    from sqlmodel import Session

    from gastown.beads import Bead, Relations

SCHEMA_VERSION = 1


def emit(context: Context, value: dict[str, Any]) -> None:
    """Print one JSON object with the version of its shape."""
    context.print_json({**value, "schema_version": SCHEMA_VERSION})


def issue(bead: "Bead", relations: "Relations") -> dict[str, Any]:
    """A bead with its labels, edges and numbers: an element of every listing."""
    from gastown.beads import edge_json

    edges = relations.edges.get(bead.id, [])
    shown: dict[str, Any] = {
        **own(bead),
        "labels": relations.labels.get(bead.id, []),
        "dependencies": [edge_json(edge) for edge in edges],
        "dependency_count": len(edges),
        "dependent_count": len(relations.dependents.get(bead.id, [])),
        "comment_count": relations.comment_counts.get(bead.id, 0),
    }
    parent = relations.parent_of(bead.id)
    return {**shown, "parent": parent} if parent else shown


def own(bead: "Bead") -> dict[str, Any]:
    """A bead's own fields; those of the town's engine are added to those of the exchange format."""
    from gastown.beads import bead_json

    shown = bead_json(bead)
    if bead.landed_sha:
        shown["landed_sha"] = bead.landed_sha
    return shown


def issues(session: "Session", beads: Sequence["Bead"]) -> list[dict[str, Any]]:
    """Beads as elements of a listing."""
    from gastown.beads import load_relations

    relations = load_relations(session, [bead.id for bead in beads])
    return [issue(bead, relations) for bead in beads]


def details(session: "Session", beads: Sequence["Bead"]) -> list[dict[str, Any]]:
    """Beads as `show` has them: with what they depend on and what depends on them spelt out, and all comments."""
    from gastown.beads import comment_json, find_many, load_relations

    relations = load_relations(session, [bead.id for bead in beads], comments=True)
    edges = [edge for found in (*relations.edges.values(), *relations.dependents.values()) for edge in found]
    near = find_many(session, [name for edge in edges for name in (edge.issue_id, edge.depends_on_id)])
    shown = []
    for bead in beads:
        item = issue(bead, relations)
        item["dependencies"] = [
            {**_target(near, edge.depends_on_id), "dependency_type": edge.type}
            for edge in relations.edges.get(bead.id, [])
        ]
        dependents = [
            {**_shallow(near[edge.issue_id]), "dependency_type": edge.type}
            for edge in relations.dependents.get(bead.id, [])
            if edge.issue_id in near
        ]
        item["dependents"] = dependents
        item["dependent_count"] = len(dependents)
        item["comments"] = [comment_json(comment) for comment in relations.comments.get(bead.id, [])]
        shown.append(item | (_epic(dependents) if bead.issue_type == "epic" else {}))
    return shown


def _target(near: "dict[str, Bead]", name: str) -> dict[str, Any]:
    return own(near[name]) if name in near else absent(name)


def absent(name: str) -> dict[str, Any]:
    """The end of an edge that leads out of the store."""
    return {"id": name, "title": "", "status": "external" if name.startswith("external:") else "missing"}


def _shallow(bead: "Bead") -> dict[str, Any]:
    names = ("id", "title", "status", "issue_type", "priority")
    return {name: getattr(bead, name) for name in names}


def _epic(dependents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    from gastown.beads import BeadStatus, DependencyType

    children = [item for item in dependents if item["dependency_type"] == DependencyType.PARENT_CHILD]
    closed = sum(item["status"] == BeadStatus.CLOSED for item in children)
    return {
        "epic_total_children": len(children),
        "epic_closed_children": closed,
        "epic_closeable": bool(children) and closed == len(children),
    }


def print_beads(context: Context, session: "Session", beads: Sequence["Bead"], *, empty: str) -> None:
    """A listing: JSON, or one line a bead."""
    if context.json:
        context.print_json(issues(session, beads))
        return
    rows = [(bead.id, f"P{bead.priority}", bead.issue_type, bead.status, bead.assignee, bead.title) for bead in beads]
    table(context, ("ID", "PRIO", "TYPE", "STATUS", "ASSIGNEE", "TITLE"), rows, empty=empty)
