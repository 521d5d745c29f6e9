"""The last part of cooking: a tree of steps becomes a flat plan, which is held to be one that can be finished."""

import re
from collections.abc import Sequence

from gastown import beads
from gastown.molecules.errors import FormulaInvalid
from gastown.molecules.formula import MAX_STEPS, Formula, Gate, Step, walk
from gastown.molecules.grafting import spawner
from gastown.molecules.protomolecule import Edge, ProtoGate, Protomolecule, ProtoStep
from gastown.molecules.variables import is_condition

_ID = re.compile(r"(?=.{1,80}$)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_GATE_PREFIX = "gate-"


def flatten(formula: Formula, warnings: tuple[str, ...]) -> Protomolecule:
    """The plan; refuses double ids, needs that are no steps, and what could never be finished."""
    steps = list(walk(formula.steps))
    if len(steps) > MAX_STEPS:
        raise FormulaInvalid(formula.source, "", f"it makes more than {MAX_STEPS} steps")
    _check_ids(formula, steps)
    parents = {child.id: step.id for step in steps for child in step.children}
    known = {step.id for step in steps}
    edges = [edge for step in steps for edge in _edges(formula, step, known)]
    _check_order(formula, parents, edges)
    return Protomolecule(
        formula=formula.name,
        title=formula.name,
        source=formula.source,
        description=formula.description,
        version=formula.version,
        type=formula.type.value,
        phase=formula.phase,
        pour=formula.pour,
        steps=tuple(_made(formula, step, parents.get(step.id, "")) for step in steps),
        edges=tuple(edges),
        gates=tuple(gate for step in steps for gate in _gates(formula, step)),
        variables=tuple(formula.vars.values()),
        bond_points=formula.compose.bond_points,
        hooks=formula.compose.hooks,
        warnings=warnings,
    )


def _check_ids(formula: Formula, steps: Sequence[Step]) -> None:
    seen: dict[str, str] = {}
    for step in steps:
        if _ID.fullmatch(step.id) is None:
            raise _wrong(formula, step, "an id is at most 80 letters, digits, _ and -, with single dots between")
        if step.id in seen:
            raise FormulaInvalid(
                formula.source,
                f"step {step.id}",
                f"two steps have this id ({seen[step.id]} and {step.source_location} of {step.source_formula})",
                hint="Steps that advice or a template adds take their id from {step.id} or {target}.",
            )
        seen[step.id] = f"{step.source_location} of {step.source_formula}"
        for condition in step.conditions:
            if not is_condition(condition):
                raise _wrong(
                    formula,
                    step,
                    f"condition: {condition[:60]!r} is none of {{{{v}}}}, !{{{{v}}}}, {{{{v}}}} == x, != x",
                )


def _wrong(formula: Formula, step: Step, what: str, hint: str | None = None) -> FormulaInvalid:
    return FormulaInvalid(formula.source, f"step {step.id[:80]} ({step.source_location})", what, hint=hint)


def _made(formula: Formula, step: Step, parent: str) -> ProtoStep:
    metadata = dict(step.metadata)
    if step.on_complete is not None:
        metadata["on_complete"] = {
            name: value for name, value in vars(step.on_complete).items() if value not in ("", False, {})
        }
    return ProtoStep(
        id=step.id,
        title=step.title or step.id,
        parent=parent,
        description=step.description,
        notes=step.notes,
        acceptance=step.acceptance,
        type=step.type or ("epic" if step.children else "task"),
        priority=2 if step.priority is None else step.priority,
        labels=tuple(dict.fromkeys(step.labels)),
        assignee=step.assignee,
        metadata=metadata,
        conditions=step.conditions,
        source_formula=step.source_formula or formula.name,
        source_location=step.source_location,
    )


def _edges(formula: Formula, step: Step, known: set[str]) -> list[Edge]:
    for name in step.needs:
        if name not in known:
            raise _wrong(formula, step, f"needs {name[:80]!r}, which is no step", hint="`bd cook` lists the steps.")
    found = [Edge(step.id, name) for name in dict.fromkeys(step.needs)]
    if step.waits_for:
        named = spawner(step.waits_for)
        target = named or next(iter(step.needs), "")
        if target not in known:
            raise _wrong(
                formula,
                step,
                f"waits_for {step.waits_for!r} names no step whose children it could wait for",
                hint="Say children-of(STEP), or name the step in needs.",
            )
        found.append(Edge(step.id, target, "all-children" if named else step.waits_for))
    return found


def _gates(formula: Formula, step: Step) -> list[ProtoGate]:
    found = []
    for number, gate in enumerate(step.gates):
        name = f"{_GATE_PREFIX}{step.id}" + (f"-{number + 1}" if number else "")
        found.append(ProtoGate(name, step.id, gate.type, gate.await_id, _timeout(formula, step, gate), gate.condition))
    return found


def _timeout(formula: Formula, step: Step, gate: Gate) -> int:
    try:
        return beads.parse_duration(gate.timeout) if gate.timeout else 0
    except beads.BadField as error:
        raise _wrong(formula, step, f"gate: timeout: {error.message}", hint=error.hint) from None


def _check_order(formula: Formula, parents: dict[str, str], edges: Sequence[Edge]) -> None:
    """Refuse a plan in which something waits for itself: a start for needs and parents, an end for what is inside."""
    waits: list[tuple[str, str]] = []
    for child, parent in parents.items():
        waits += [(f"<{child}", f"<{parent}"), (f">{parent}", f">{child}")]
    names = {edge.step for edge in edges} | {edge.target for edge in edges} | parents.keys() | set(parents.values())
    waits += [(f">{name}", f"<{name}") for name in names]
    inside: dict[str, list[str]] = {}
    for child, parent in parents.items():
        inside.setdefault(parent, []).append(child)
    for edge in edges:
        targets = inside.get(edge.target, []) if edge.gate else [edge.target]
        waits += [(f"<{edge.step}", f">{target}") for target in targets]
    for knot in beads.cycles(waits):
        shown = " -> ".join(dict.fromkeys(name[1:] for name in knot))
        raise FormulaInvalid(
            formula.source, "", f"steps that wait for themselves: {shown}", hint="Take one of these needs out."
        )
