"""What programs are shown of beads: elements of listings, whole beads, the store's figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from gastown.beads.figures import Figures
from gastown.beads.models import EXTERNAL, Bead, BeadStatus, Dependency, DependencyType
from gastown.beads.queries import Relations, find_many, load_relations
from gastown.beads.rendering import bead_json, comment_json, edge_json


def own_json(bead: Bead) -> dict[str, Any]:
    """A bead's own fields; those of the town's engine are added to those of the exchange format."""
    shown = bead_json(bead)
    if bead.landed_sha:
        shown["landed_sha"] = bead.landed_sha
    return shown


def absent_json(name: str) -> dict[str, Any]:
    """The end of an edge that leads out of the store."""
    return {"id": name, "title": "", "status": "external" if name.startswith(EXTERNAL) else "missing"}


def _listed(bead: Bead, relations: Relations) -> dict[str, Any]:
    edges = relations.edges.get(bead.id, [])
    shown: dict[str, Any] = {
        **own_json(bead),
        "labels": relations.labels.get(bead.id, []),
        "dependencies": [edge_json(edge) for edge in edges],
        "dependency_count": len(edges),
        "dependent_count": len(relations.dependents.get(bead.id, [])),
        "comment_count": relations.comment_counts.get(bead.id, 0),
    }
    parent = relations.parent_of(bead.id)
    return {**shown, "parent": parent} if parent else shown


def list_json(session: Session, beads: Sequence[Bead], *, labels: bool = True) -> list[dict[str, Any]]:
    """Beads as elements of a listing: with labels (unless they are not wanted), edges and numbers."""
    relations = load_relations(session, [bead.id for bead in beads])
    shown = [_listed(bead, relations) for bead in beads]
    if not labels:
        for item in shown:
            del item["labels"]
    return shown


def show_json(session: Session, beads: Sequence[Bead]) -> list[dict[str, Any]]:
    """Beads as `show` has them: with what they depend on and what depends on them spelt out, and all comments."""
    relations = load_relations(session, [bead.id for bead in beads], comments=True)
    edges = [edge for found in (*relations.edges.values(), *relations.dependents.values()) for edge in found]
    near = find_many(session, [name for edge in edges for name in (edge.issue_id, edge.depends_on_id)])
    shown = []
    for bead in beads:
        item = _listed(bead, relations)
        item["dependencies"] = [ends_json(near, edge) for edge in relations.edges.get(bead.id, [])]
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


def ends_json(near: Mapping[str, Bead], edge: Dependency, *, upwards: bool = False) -> dict[str, Any]:
    """The bead at the far end of an edge, and the edge's type."""
    name = edge.issue_id if upwards else edge.depends_on_id
    return {**(own_json(near[name]) if name in near else absent_json(name)), "dependency_type": edge.type}


def _shallow(bead: Bead) -> dict[str, Any]:
    names = ("id", "title", "status", "issue_type", "priority")
    return {name: getattr(bead, name) for name in names}


def _epic(dependents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    children = [item for item in dependents if item["dependency_type"] == DependencyType.PARENT_CHILD]
    closed = sum(item["status"] == BeadStatus.CLOSED for item in children)
    return {
        "epic_total_children": len(children),
        "epic_closed_children": closed,
        "epic_closeable": bool(children) and closed == len(children),
    }


def refs_json(session: Session, beads: Sequence[Bead]) -> list[dict[str, Any]]:
    """For each bead who points to it, by type of edge."""
    relations = load_relations(session, [bead.id for bead in beads])
    edges = [edge for found in relations.dependents.values() for edge in found]
    near = find_many(session, [edge.issue_id for edge in edges])
    shown = []
    for bead in beads:
        refs: dict[str, list[dict[str, Any]]] = {}
        for edge in relations.dependents.get(bead.id, []):
            if edge.issue_id in near:
                refs.setdefault(edge.type, []).append(_shallow(near[edge.issue_id]))
        shown.append({"id": bead.id, "title": bead.title, "refs": refs})
    return shown


def summary_json(figures: Figures) -> dict[str, int | float]:
    """The store at a glance."""
    by_status = figures.by_status
    return {
        "total_issues": sum(by_status.values()),
        **{f"{name}_issues": by_status.get(name, 0) for name in ("open", "in_progress", "closed")},
        "blocked_issues": figures.blocked,
        "deferred_issues": by_status.get("deferred", 0),
        "ready_issues": figures.ready,
        "pinned_issues": figures.pinned,
        **{f"{name}_issues": by_status.get(name, 0) for name in ("hooked", "submitted", "escalated")},
        "epics_eligible_for_closure": figures.epics_closeable,
        "average_lead_time_hours": figures.lead_time_hours,
    }
