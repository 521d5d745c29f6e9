"""Why beads are ready or not, and which gates have just let work through."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from sqlmodel import Session, col, select

from gastown.beads.filters import Filters
from gastown.beads.graphs.deadlocks import find_circles
from gastown.beads.models import BLOCKING_TYPES, SETTLED, Bead, BeadStatus, Dependency, DependencyType
from gastown.beads.queries import find_many, list_blocked
from gastown.beads.shapes import absent_json, list_json, own_json
from gastown.beads.startable import list_ready
from gastown.beads.steps import molecule_of


def explain(session: Session, filters: Filters) -> dict[str, Any]:
    """What is ready and why, what is not and for what it waits, and the circles in which nothing can start."""
    ready = _explain_ready(session, list_ready(session, filters))
    blocked = _explain_blocked(session, list_blocked(session, filters))
    circles = find_circles(session)
    known = find_many(session, [name for way in circles for name in way])
    numbers = {"total_ready": len(ready), "total_blocked": len(blocked), "cycle_count": len(circles)}
    return {
        "ready": ready,
        "blocked": blocked,
        "cycles": [[own_json(known[name]) for name in way if name in known] for way in circles],
        "summary": numbers,
    }


def _explain_ready(session: Session, beads: Sequence[Bead]) -> list[dict[str, Any]]:
    shown = list_json(session, beads)
    targets = find_many(session, [edge["depends_on_id"] for item in shown for edge in item["dependencies"]])
    for item in shown:
        names = [edge["depends_on_id"] for edge in item["dependencies"] if edge["type"] in BLOCKING_TYPES]
        resolved = [name for name in names if name in targets and targets[name].status in SETTLED]
        item["resolved_blockers"] = resolved
        item["reason"] = f"{len(resolved)} blocker(s) resolved" if resolved else "no blocking dependencies"
        item.setdefault("parent", None)
    return shown


def _explain_blocked(session: Session, found: Sequence[tuple[Bead, list[str]]]) -> list[dict[str, Any]]:
    shown = list_json(session, [bead for bead, _ in found])
    near = find_many(session, [name for _, holders in found for name in holders])
    for item, (_, holders) in zip(shown, found, strict=True):
        item["blocked_by"] = [_holder(near.get(name), name) for name in holders]
        item["blocked_by_count"] = len(holders)
        # A target that closed otherwise than its dependant waits for will not set it free any more.
        over = [name for name in holders if name in near and near[name].status == BeadStatus.CLOSED]
        if over:
            item["not_needed"] = f"{', '.join(over)} closed otherwise than this waits for"
    return shown


def _holder(bead: Bead | None, name: str) -> dict[str, Any]:
    if bead is None:
        return {**absent_json(name), "priority": None}
    return {field: getattr(bead, field) for field in ("id", "title", "status", "priority")}


def explain_lines(shown: dict[str, Any]) -> list[str]:
    """The same for people."""
    numbers = shown["summary"]
    lines = [f"Ready ({numbers['total_ready']}):"]
    lines += [f"  {item['id']} P{item['priority']} {item['title']}: {item['reason']}" for item in shown["ready"]]
    lines += ["", f"Blocked ({numbers['total_blocked']}):"]
    for item in shown["blocked"]:
        lines.append(f"  {item['id']} P{item['priority']} {item['title']}")
        lines += [f"    ← {held['id']} [{held['status']}] {held['title']}" for held in item["blocked_by"]]
        if "not_needed" in item:
            lines.append(f"    not needed: {item['not_needed']}")
    if shown["cycles"]:
        lines += ["", f"Cycles ({numbers['cycle_count']}):"]
        lines += ["  " + " -> ".join(item["id"] for item in [*way, *way[:1]]) for way in shown["cycles"]]
    return lines


def list_gated(session: Session, filters: Filters) -> list[dict[str, str]]:
    """Molecules with a step that is ready since its gate closed, one line a step."""
    ready = {bead.id: bead for bead in list_ready(session, replace(filters, include_ephemeral=True, limit=0))}
    rows = session.exec(
        select(Dependency.issue_id, Dependency.depends_on_id)
        .join(Bead, col(Bead.id) == col(Dependency.depends_on_id))
        .where(
            Dependency.type == DependencyType.BLOCKS.value,
            Bead.issue_type == "gate",
            Bead.status == BeadStatus.CLOSED.value,
        )
        .order_by(Dependency.issue_id, Dependency.depends_on_id)
    )
    found = []
    for step, gate in rows:
        molecule = molecule_of(session, step) if step in ready else None
        if molecule is not None:
            title = find_many(session, [molecule])[molecule].title
            found.append({"molecule_id": molecule, "molecule_title": title, "closed_gate": gate, "ready_step": step})
    return found


def label_of_folder(labels: dict[str, str], here: PurePosixPath) -> str:
    """The label that the key `directory.labels` gives to `here`, a path below the store: that of the nearest folder."""
    for folder in (here, *here.parents):
        for said, label in labels.items():
            if PurePosixPath(said) == folder:
                return label
    return ""
