"""Pouring: a protomolecule becomes beads. Everything in one transaction, or nothing."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sqlmodel import Session

from gastown import beads
from gastown.beads import DependencyType, NewBead, Seed, SeedEdge
from gastown.molecules.binding import named
from gastown.molecules.errors import MoleculeRefused
from gastown.molecules.protomolecule import Protomolecule, ProtoStep

ROOT = "."
"""The key of a molecule's root: no step has this id."""
TEMPLATE = "template"  # the label of a proto's root
_REVIEW = "{{.review_id}}"  # what convoy prompts call the molecule that they are poured as


@dataclass(frozen=True)
class Vessel:
    """What a protomolecule is poured into."""

    prefix: str
    title: str = ""
    assignee: str = ""
    ephemeral: bool = False
    wisp_type: str = ""
    """How long a wisp is kept goes by this."""
    is_template: bool = False
    root_only: bool = False
    below: str = ""
    """The bead whose id the root's begins with."""
    ref: str = ""
    """The end of the root's id, below another bead."""
    is_child: bool = True
    """The root is a child of the bead it is below."""
    bonded_from: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True)
class Poured:
    """A molecule, a wisp or a proto that was made."""

    root_id: str
    ids: dict[str, str]
    """The bead of each step and gate, by its id in the formula."""
    phase: str
    attached: int = 0
    """How many beads of other protos hang on it."""
    warnings: tuple[str, ...] = ()

    @property
    def created(self) -> int:
        """How many beads were made, the root too."""
        return len(self.ids) + 1

    def as_json(self) -> dict[str, object]:
        """What `--json` shows of it."""
        return {
            "new_epic_id": self.root_id,
            "id_mapping": self.ids,
            "created": self.created,
            "attached": self.attached,
            "phase": self.phase,
        }


def pour(session: Session, proto: Protomolecule, vessel: Vessel, *, actor: str) -> Poured:
    """File the beads of a plan whose variables are bound (or of a template); refuses a plan without steps."""
    if not proto.steps:
        raise MoleculeRefused(
            f"{proto.formula} has no steps to pour",
            hint="Its conditions leave none, or it is an aspect: name it in another formula's compose.aspects.",
        )
    is_root_only = vessel.root_only and not vessel.is_template
    seeds = [
        Seed(ROOT, _root(proto, vessel, is_root_only), under=vessel.below, ref=vessel.ref, is_child=vessel.is_child)
    ]
    edges: list[SeedEdge] = []
    if not is_root_only:
        seeds += [_seed(step, vessel) for step in proto.steps] + _gates(proto, vessel)
        edges = [*_edges(proto), *(SeedEdge(gate.step, gate.id) for gate in proto.gates)]
    made = beads.plant(session, seeds, edges, actor=actor)
    root = made.pop(ROOT)
    if not vessel.is_template:
        _name_review(session, root, made, actor)
    return Poured(root, made, "vapor" if vessel.ephemeral else "liquid", warnings=proto.warnings)


def _root(proto: Protomolecule, vessel: Vessel, is_root_only: bool) -> NewBead:
    text = proto.description
    if is_root_only:
        lines = [f"{number}. {step.title}" for number, step in enumerate(proto.steps, 1)]
        text = "\n\n".join(part for part in (text, "\n".join(lines)) if part)
    return NewBead(
        title=vessel.title or proto.title or proto.formula,
        prefix=vessel.prefix,
        description=text,
        issue_type="molecule",
        labels=(TEMPLATE,) if vessel.is_template else (),
        assignee=vessel.assignee,
        metadata={"formula": _about(proto)} if vessel.is_template else {},
        ephemeral=vessel.ephemeral,
        id_kind="" if vessel.below else "wisp" if vessel.ephemeral else "mol",
        more={
            "source_formula": proto.formula,
            "source_location": Path(proto.source).name,
            "is_template": vessel.is_template,
            "bonded_from": list(vessel.bonded_from),
            "wisp_type": vessel.wisp_type,
        },
    )


def _about(proto: Protomolecule) -> dict[str, object]:
    """What a template's root must keep so that it can be poured as its formula would be."""
    about: dict[str, object] = {
        "name": proto.formula,
        "version": proto.version,
        "type": proto.type,
        "phase": proto.phase,
        "pour": proto.pour,
        "vars": [asdict(variable) for variable in proto.variables],
        "bond_points": [asdict(point) for point in proto.bond_points],
    }
    found: dict[str, object] = json.loads(json.dumps(about))
    return found


def _seed(step: ProtoStep, vessel: Vessel) -> Seed:
    metadata: dict[str, object] = {**step.metadata, "step": step.id}
    if step.conditions:
        metadata["conditions"] = list(step.conditions)
    new = NewBead(
        title=step.title,
        prefix=vessel.prefix,
        description=step.description,
        notes=step.notes,
        acceptance_criteria=step.acceptance,
        issue_type=step.type,
        priority=step.priority,
        labels=step.labels,
        assignee=step.assignee,
        metadata=metadata,
        ephemeral=vessel.ephemeral,
        more={
            "source_formula": step.source_formula,
            "source_location": step.source_location,
            "is_template": vessel.is_template,
            "wisp_type": vessel.wisp_type,
        },
    )
    return Seed(step.id, new, under=step.parent or ROOT, ref=step.id if vessel.is_template else "")


def _gates(proto: Protomolecule, vessel: Vessel) -> list[Seed]:
    return [
        Seed(
            gate.id,
            NewBead(
                title=f"Gate: {gate.type} {gate.await_id}".strip()[:500],
                prefix=vessel.prefix,
                description=gate.condition,
                issue_type="gate",
                metadata={"step": gate.step},
                ephemeral=vessel.ephemeral,
                more={
                    "await_type": gate.type,
                    "await_id": gate.await_id,
                    "timeout": gate.timeout,
                    "is_template": vessel.is_template,
                    "wisp_type": vessel.wisp_type,
                },
            ),
            under=ROOT,
            ref=gate.id,
            is_child=False,
        )
        for gate in proto.gates
    ]


def _edges(proto: Protomolecule) -> Iterable[SeedEdge]:
    for edge in proto.edges:
        if edge.gate:
            yield SeedEdge(edge.step, edge.target, DependencyType.WAITS_FOR, json.dumps({"gate": edge.gate}))
        else:
            yield SeedEdge(edge.step, edge.target, edge.type)


def _name_review(session: Session, root: str, made: dict[str, str], actor: str) -> None:
    """Say the molecule's own id where a convoy's prompts ask for it: nobody knew it before."""
    for bead in beads.find_many(session, [root, *made.values()]).values():
        if _REVIEW in bead.description:
            beads.update(session, bead.id, {"description": bead.description.replace(_REVIEW, root)}, actor=actor)


def persist(session: Session, proto: Protomolecule, vessel: Vessel, *, actor: str) -> Poured:
    """Keep a protomolecule as a template, variables and all."""
    return pour(session, proto, replace(vessel, is_template=True, ephemeral=False), actor=actor)


def cooked_json(proto: Protomolecule) -> dict[str, object]:
    """A protomolecule as `cook --json` shows it."""
    return {
        "formula": proto.formula,
        "description": proto.description,
        "version": proto.version,
        "type": proto.type,
        **({"phase": proto.phase} if proto.phase else {}),
        **({} if proto.pour is None else {"pour": proto.pour}),
        "steps": [_step_json(step, proto) for step in proto.steps],
        "gates": [asdict(gate) for gate in proto.gates],
        "variables": [asdict(variable) for variable in proto.variables],
        "unbound": list(named(proto)),
        "bond_points": [point.id for point in proto.bond_points],
        "warnings": list(proto.warnings),
    }


def _step_json(step: ProtoStep, proto: Protomolecule) -> dict[str, object]:
    said = {name: value for name, value in asdict(step).items() if value not in ("", (), {})}
    needs = [edge.target for edge in proto.edges if edge.step == step.id and not edge.gate]
    waits = [f"{edge.gate} of {edge.target}" for edge in proto.edges if edge.step == step.id and edge.gate]
    return {**said, **({"needs": needs} if needs else {}), **({"waits_for": waits[0]} if waits else {})}
