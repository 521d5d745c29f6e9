"""The beads of a molecule, read back: as a tree, and as a protomolecule that can be poured again."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from gastown import beads
from gastown.beads import Bead, Dependency, DependencyType, Filters, Sort
from gastown.molecules.errors import NotAMolecule
from gastown.molecules.formula import BondPoint, Variable
from gastown.molecules.protomolecule import Edge, ProtoGate, Protomolecule, ProtoStep

_ODD = re.compile(r"[^A-Za-z0-9_-]+")
_STEPWISE = frozenset({"step", "conditions"})


@dataclass(frozen=True)
class Tree:
    """A molecule's beads: the root, what is below it in its order, and the edges among them."""

    root: Bead
    steps: list[Bead]
    gates: list[Bead]
    edges: list[Dependency]
    labels: dict[str, list[str]]
    parents: dict[str, str]

    def blockers(self, *types: str) -> dict[str, list[str]]:
        """Of each bead, what it waits for inside the molecule."""
        found: dict[str, list[str]] = {}
        for edge in self.edges:
            if edge.type in types:
                found.setdefault(edge.issue_id, []).append(edge.depends_on_id)
        return found


def read_tree(session: Session, root_id: str) -> Tree:
    """Everything below a bead, in a fixed number of statements."""
    root = beads.get(session, root_id)
    below = beads.list_(session, Filters(below=root_id, any_status=True, sort=Sort.ID))
    inside = [bead for bead in below if bead.id != root_id]
    relations = beads.load_relations(session, [root_id, *(bead.id for bead in inside)])
    known = {bead.id for bead in inside} | {root_id}
    edges = [edge for bead_id in known for edge in relations.edges.get(bead_id, []) if edge.depends_on_id in known]
    parents = {edge.issue_id: edge.depends_on_id for edge in edges if edge.type == DependencyType.PARENT_CHILD}
    return Tree(
        root=root,
        steps=_ordered([bead for bead in inside if bead.issue_type != "gate"], parents, root_id),
        gates=[bead for bead in inside if bead.issue_type == "gate"],
        edges=sorted(edges, key=lambda edge: (edge.issue_id, edge.depends_on_id, edge.type)),
        labels=relations.labels,
        parents=parents,
    )


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key by which `x.2` comes before `x.10`."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in name.split(".")]


def _ordered(steps: Sequence[Bead], parents: Mapping[str, str], root: str) -> list[Bead]:
    """Parents before their children, siblings in the order in which they were made and numbered."""
    inside: dict[str, list[Bead]] = {}
    for bead in sorted(steps, key=lambda bead: (bead.created_at, natural(bead.id))):
        inside.setdefault(parents.get(bead.id, root), []).append(bead)
    found: list[Bead] = []
    stack = inside.pop(root, [])[::-1]
    while stack:
        bead = stack.pop()
        found.append(bead)
        stack += inside.pop(bead.id, [])[::-1]
    return found + [bead for left in inside.values() for bead in left]


def read_proto(session: Session, root_id: str) -> Protomolecule:
    """The plan that a tree of beads is, with the variables that its root declares; refuses a bead without steps."""
    tree = read_tree(session, root_id)
    if not tree.steps:
        raise NotAMolecule(
            f"{root_id} has no steps", hint="A molecule is a bead with children. `bd mol show` shows it."
        )
    names = _step_names(tree)
    about: dict[str, Any] = tree.root.meta.get("formula") or {}
    return Protomolecule(
        formula=str(about.get("name") or tree.root.source_formula or tree.root.title),
        title=tree.root.title,
        source=tree.root.source_location,
        description=tree.root.description,
        version=int(about.get("version") or 1),
        type=str(about.get("type") or "workflow"),
        phase=str(about.get("phase") or ""),
        pour=about.get("pour"),
        steps=tuple(_step(bead, tree, names) for bead in tree.steps),
        edges=tuple(_edges(tree, names)),
        gates=tuple(_gates(tree, names)),
        variables=tuple(_variable(said) for said in about.get("vars") or ()),
        bond_points=tuple(BondPoint(**said) for said in about.get("bond_points") or ()),
    )


def _variable(said: Mapping[str, Any]) -> Variable:
    lists = {name: tuple(said.get(name) or ()) for name in ("enum", "required_unless")}
    return Variable(**{**said, **lists})


def _step_names(tree: Tree) -> dict[str, str]:
    """The name of each step in its plan: the one it was poured from, else the end of its id; no two alike."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for bead in tree.steps:
        end = bead.id.removeprefix(f"{tree.root.id}.")
        name = str(bead.meta.get("step") or "") or "-".join(filter(None, _ODD.split(end))) or "step"
        wanted, number = name, 1
        while wanted in taken:
            number += 1
            wanted = f"{name}-{number}"
        taken.add(wanted)
        found[bead.id] = wanted
    return found


def _step(bead: Bead, tree: Tree, names: Mapping[str, str]) -> ProtoStep:
    return ProtoStep(
        id=names[bead.id],
        title=bead.title,
        parent=names.get(tree.parents.get(bead.id, ""), ""),
        description=bead.description,
        notes=bead.notes,
        acceptance=bead.acceptance_criteria,
        type=bead.issue_type,
        priority=bead.priority,
        labels=tuple(tree.labels.get(bead.id, ())),
        assignee=bead.assignee,
        metadata={name: value for name, value in bead.meta.items() if name not in _STEPWISE},
        conditions=tuple(bead.meta.get("conditions") or ()),
        source_formula=bead.source_formula,
        source_location=bead.source_location,
    )


def _edges(tree: Tree, names: Mapping[str, str]) -> list[Edge]:
    found = []
    for edge in tree.edges:
        if edge.issue_id not in names or edge.depends_on_id not in names:
            continue
        step, target = names[edge.issue_id], names[edge.depends_on_id]
        if edge.type == DependencyType.WAITS_FOR:
            found.append(Edge(step, target, "any-children" if edge.any_child else "all-children"))
        elif edge.type in beads.BLOCKING_TYPES:
            found.append(Edge(step, target, type=edge.type))
    return found


def _gates(tree: Tree, names: Mapping[str, str]) -> list[ProtoGate]:
    held = {edge.depends_on_id: edge.issue_id for edge in tree.edges if edge.type == DependencyType.BLOCKS}
    found = []
    for gate in tree.gates:
        step = names.get(held.get(gate.id, ""), "")
        if step:
            name = gate.id.removeprefix(f"{tree.root.id}.")
            name = name if name.startswith("gate-") else f"gate-{step}"
            found.append(ProtoGate(name, step, gate.await_type, gate.await_id, gate.timeout, gate.description))
    return found
