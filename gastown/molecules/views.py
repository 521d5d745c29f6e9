"""What `--json` shows of positions, wisps and formulas."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlmodel import Session

from gastown import beads, clock
from gastown.beads import Bead
from gastown.errors import GastownError
from gastown.molecules.binding import named
from gastown.molecules.endings import list_wisps
from gastown.molecules.formula import Formula
from gastown.molecules.library import Library, Listed
from gastown.molecules.navigation import Position, Stale, around, shown_places, steps_of
from gastown.molecules.pouring import Poured
from gastown.molecules.protomolecule import Protomolecule
from gastown.molecules.trees import read_proto, read_tree

# A wisp that nobody touched for so long is marked.
OLD = timedelta(hours=24)


def position_json(position: Position, *, limit: int = 0, span: tuple[int, int] | None = None) -> dict[str, Any]:
    """Where somebody is in a molecule; of a long one only the steps around, unless some are asked for."""
    asked = shown_places(position, limit=limit, span=span)
    places, is_summary = (around(position), True) if asked is None else (asked, False)
    return {
        "molecule_id": position.root.id,
        "molecule_title": position.root.title,
        "assignee": position.assignee,
        "current_step": _bead_or_none(position.current),
        "next_step": _bead_or_none(position.next),
        "steps": [
            {"issue": beads.bead_json(place.bead), "status": place.status, "is_current": place.is_current}
            for place in places
        ],
        "completed": position.completed,
        "total": position.total,
        **({"summary": True} if is_summary else {}),
    }


def _bead_or_none(bead: Bead | None) -> dict[str, Any] | None:
    return None if bead is None else beads.bead_json(bead)


def molecule_json(session: Session, root_id: str, root: dict[str, Any]) -> dict[str, Any]:
    """A molecule or template with its steps and what ties them; `root` is the root as `show` has it."""
    tree = read_tree(session, root_id)
    steps = steps_of(tree)
    return {
        "root": root,
        "issues": [root, *(beads.bead_json(bead) for bead in (*steps, *tree.gates))],
        "dependencies": [beads.edge_json(edge) for edge in tree.edges],
        "variables": list(named(read_proto(session, root_id))) if steps else [],
        "is_template": tree.root.is_template,
    }


def kept_json(proto: Protomolecule, made: Poured) -> dict[str, Any]:
    """What `cook --persist` shows."""
    return {
        "proto_id": made.root_id,
        "formula": proto.formula,
        "created": made.created,
        "variables": list(dict.fromkeys((*(variable.name for variable in proto.variables), *named(proto)))),
        "bond_points": [point.id for point in proto.bond_points],
    }


def cooked_lines(proto: Protomolecule) -> list[str]:
    """A plan for people."""
    lines = [f"{proto.formula} (version {proto.version}, {proto.type}): {len(proto.steps)} steps"]
    if proto.variables or named(proto):
        names = dict.fromkeys((*(variable.name for variable in proto.variables), *named(proto)))
        lines.append(f"  Variables: {', '.join(names)}")
    for step in proto.steps:
        needs = [edge.target for edge in proto.edges if edge.step == step.id]
        needs += [f"{gate.type} gate" for gate in proto.gates if gate.step == step.id]
        only = f"  if {' and '.join(step.conditions)}" if step.conditions else ""
        after = f"  after {', '.join(dict.fromkeys(needs))}" if needs else ""
        lines.append(f"  {'  ' * bool(step.parent)}{step.id}: {step.title}{after}{only}")
    return lines


def formula_lines(formula: Formula) -> list[str]:
    """A formula for people."""
    lines = [f"{formula.name} ({formula.type.value}, version {formula.version})", f"  {formula.source}"]
    lines += [f"  {line}" for line in formula.description.splitlines()]
    lines += [f"  Extends: {', '.join(formula.extends)}"] if formula.extends else []
    for variable in formula.vars.values():
        kind = "required" if variable.required else f"default {variable.default!r}" if variable.default else "optional"
        lines.append(f"  Variable {variable.name} ({kind}) {variable.description}".rstrip())
    for step in (*formula.steps, *formula.template):
        after = f"  after {', '.join(step.needs)}" if step.needs else ""
        lines.append(f"  {step.id}: {step.title or step.expand}{after}")
    lines += [f"  Leg {leg.id}: {leg.title}" for leg in formula.legs]
    lines += [
        f"  Around {advice.target}: {len(advice.before)} before, {len(advice.after)} after" for advice in formula.advice
    ]
    lines += [f"  Aspects: {', '.join(formula.compose.aspects)}"] if formula.compose.aspects else []
    lines += [
        f"  Expands {rule.target} with {rule.formula}" for rule in (*formula.compose.expand, *formula.compose.map)
    ]
    return lines


def wisps_json(session: Session, *, closed: bool) -> dict[str, Any]:
    """The wisps that stand by themselves."""
    now = clock.now()
    rows = []
    for bead in list_wisps(session, closed=closed):
        said = beads.bead_json(bead)
        rows.append(
            {
                "id": bead.id,
                "title": bead.title,
                "status": bead.status,
                "priority": bead.priority,
                "type": bead.wisp_type or bead.issue_type,
                "labels": [],
                "created_at": said["created_at"],
                "updated_at": said["updated_at"],
                "old": now - bead.updated_at > OLD,
            }
        )
    labels = beads.load_relations(session, [row["id"] for row in rows]).labels
    for row in rows:
        row["labels"] = labels.get(row["id"], [])
    return {"wisps": rows, "count": len(rows), "old_count": sum(row["old"] for row in rows)}


def stale_json(found: Sequence[Stale]) -> dict[str, Any]:
    """Molecules that are complete and open."""
    rows = [
        {
            "id": one.root.id,
            "title": one.root.title,
            "total_children": one.total,
            "closed_children": one.total,
            "assignee": one.root.assignee,
            "blocking_issues": one.blocking,
            "blocking_count": len(one.blocking),
        }
        for one in found
    ]
    blocking = sum(bool(one.blocking) for one in found)
    return {"stale_molecules": rows, "total_count": len(rows), "blocking_count": blocking}


def listed_json(one: Listed) -> dict[str, Any]:
    """One line of `formula list`."""
    said = {"name": one.name, "type": one.type, "description": one.description, "source": str(one.path)}
    if one.problem:
        return {"name": one.name, "source": str(one.path), "error": one.problem}
    return {**said, "steps": one.steps, "vars": one.vars}


def formula_json(formula: Formula) -> dict[str, Any]:
    """A formula as its document says it, defaults left out."""
    said: dict[str, Any] = _said({**asdict(formula), "formula": formula.name, "name": ""})
    return said


def _said(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _said(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in ("", None, [], {}) and item is not False}
    if isinstance(value, list | tuple):
        return [_said(item) for item in value]
    return value


def check_seeds(library: Library, names: Sequence[str]) -> list[dict[str, Any]]:
    """Whether each of these formulas can be loaded, and why not."""
    found: list[dict[str, Any]] = []
    for name in names:
        try:
            found.append({"name": name, "available": True, "source": library.load(name).source})
        except GastownError as error:
            found.append({"name": name, "available": False, "error": error.message})
    return found
