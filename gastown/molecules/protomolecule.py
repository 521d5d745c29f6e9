"""What cooking makes of formulas: a flat plan of steps and edges, without loops, expansions or advice."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gastown.molecules.formula import BondPoint, Hook, Variable


@dataclass(frozen=True)
class ProtoStep:
    """One step of the plan; `parent` is the step it is inside, or nothing."""

    id: str
    title: str
    parent: str = ""
    description: str = ""
    notes: str = ""
    acceptance: str = ""
    type: str = "task"
    priority: int = 2
    labels: tuple[str, ...] = ()
    assignee: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)
    conditions: tuple[str, ...] = ()
    source_formula: str = ""
    source_location: str = ""


@dataclass(frozen=True)
class Edge:
    """`step` cannot start before `target` is done; with `gate`, before the target's children are."""

    step: str
    target: str
    gate: str = ""
    """`all-children` or `any-children`; nothing for the target itself."""
    type: str = "blocks"
    """Of the edge that is poured, where the target itself is waited for."""


@dataclass(frozen=True)
class ProtoGate:
    """Something outside that `step` waits for; `timeout` is in nanoseconds."""

    id: str
    step: str
    type: str
    await_id: str = ""
    timeout: int = 0
    condition: str = ""


@dataclass(frozen=True)
class Protomolecule:
    """A plan that can be poured."""

    formula: str
    title: str = ""
    source: str = ""
    description: str = ""
    version: int = 1
    type: str = "workflow"
    phase: str = ""
    pour: bool | None = None
    steps: tuple[ProtoStep, ...] = ()
    """Parents come before what is inside them."""
    edges: tuple[Edge, ...] = ()
    gates: tuple[ProtoGate, ...] = ()
    variables: tuple[Variable, ...] = ()
    bond_points: tuple[BondPoint, ...] = ()
    hooks: tuple[Hook, ...] = ()
    warnings: tuple[str, ...] = ()
    """What was odd in the documents, and not wrong."""
