"""`compose.hooks`: formulas that attach by themselves where a step fits a trigger, at a bond point or at the end."""

from collections.abc import Callable
from dataclasses import replace

from gastown import beads
from gastown.molecules.errors import FormulaInvalid
from gastown.molecules.formula import BondPoint, Formula, Gate, Hook, Step, transform, walk
from gastown.molecules.grafting import first_and_last, rewire
from gastown.molecules.protomolecule import Protomolecule, ProtoStep


def attach(formula: Formula, cooked: Callable[[Hook], Protomolecule]) -> Formula:
    """The formula with what its hooks attach; each attached step's id begins with the attached formula's name."""
    points = {point.id: point for point in formula.compose.bond_points}
    known = {step.id for step in walk(formula.steps)}
    for point in points.values():
        for name in (point.after_step, point.before_step):
            if name and name not in known:
                raise FormulaInvalid(formula.source, f"compose.bond_points ({point.id})", f"no step {name[:60]!r}")
    steps = formula.steps
    for hook in formula.compose.hooks:
        if hook.at and hook.at not in points:
            raise FormulaInvalid(formula.source, "compose.hooks", f"no bond point {hook.at[:60]!r}")
        if any(_triggers(hook.trigger, step) for step in walk(formula.steps)):
            steps = _attached(steps, _named(cooked(hook)), points.get(hook.at))
    return replace(formula, steps=steps)


def _triggers(trigger: str, step: Step) -> bool:
    kind, _, value = trigger.partition(":")
    if kind == "label":
        return value in step.labels
    if kind == "type":
        return (step.type or "task") == value
    least, _, most = value.partition("-")
    priority = 2 if step.priority is None else step.priority
    return least.isdigit() and int(least) <= priority <= int(most or least)


def _named(proto: Protomolecule) -> tuple[Step, ...]:
    """The attached formula's steps as steps of this one."""
    inside: dict[str, list[ProtoStep]] = {}
    for step in proto.steps:
        inside.setdefault(step.parent, []).append(step)

    def made(step: ProtoStep) -> Step:
        gates = tuple(
            Gate(gate.type, gate.await_id, beads.format_duration(gate.timeout) if gate.timeout else "", gate.condition)
            for gate in proto.gates
            if gate.step == step.id
        )
        needs = tuple(edge.target for edge in proto.edges if edge.step == step.id and not edge.gate)
        return Step(
            id=step.id,
            title=step.title,
            description=step.description,
            notes=step.notes,
            acceptance=step.acceptance,
            type=step.type,
            priority=step.priority,
            labels=step.labels,
            metadata=step.metadata,
            needs=needs,
            waits_for=next((_waits_for(edge.target) for edge in proto.edges if edge.step == step.id and edge.gate), ""),
            assignee=step.assignee,
            conditions=step.conditions,
            children=tuple(made(child) for child in inside.get(step.id, ())),
            gates=gates,
            source_formula=step.source_formula,
            source_location=step.source_location,
        )

    names = {step.id: (f"{proto.formula}.{step.id}",) for step in proto.steps}
    renamed = rewire([made(step) for step in inside.get("", ())], names)
    return tuple(_prefixed(step, proto.formula) for step in renamed)


def _waits_for(target: str) -> str:
    return f"children-of({target})"


def _prefixed(step: Step, name: str) -> Step:
    return replace(step, id=f"{name}.{step.id}", children=tuple(_prefixed(child, name) for child in step.children))


def _attached(steps: tuple[Step, ...], more: tuple[Step, ...], point: BondPoint | None) -> tuple[Step, ...]:
    firsts, lasts = first_and_last(more)
    if point is None:
        anchors = first_and_last(steps)[1]
    elif point.after_step:
        anchors = (point.after_step,)
    else:
        anchors = next((step.needs for step in walk(steps) if step.id == point.before_step), ())
    waiting = tuple(
        replace(step, needs=tuple(dict.fromkeys((*anchors, *step.needs)))) if step.id in firsts else step
        for step in more
    )
    if point is not None and not point.parallel:
        later = _held_up(steps, point, lasts)
        return (*later, *waiting)
    return (*steps, *waiting)


def _held_up(steps: tuple[Step, ...], point: BondPoint, lasts: tuple[str, ...]) -> tuple[Step, ...]:
    """The steps with what comes after the bond point waiting for what was attached."""

    def change(step: Step) -> Step:
        waits = step.id == point.before_step if point.before_step else point.after_step in step.needs
        return replace(step, needs=tuple(dict.fromkeys((*step.needs, *lasts)))) if waits else step

    return transform(steps, change)
