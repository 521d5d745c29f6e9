"""`extends`: a formula with what its parents say, parents first; what it says itself counts."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from gastown.molecules.errors import FormulaInvalid
from gastown.molecules.formula import Compose, Formula, FormulaType, Step

_LONGEST_LINE = 20  # parents of parents


def resolve(formula: Formula, load: Callable[[str], Formula], line: tuple[str, ...] = ()) -> Formula:
    """The formula without `extends`; refuses one that extends itself."""
    if formula.name in line or len(line) > _LONGEST_LINE:
        shown = " -> ".join((*line, formula.name)[:_LONGEST_LINE])
        raise FormulaInvalid(formula.source, "extends", f"a formula extends itself: {shown}")
    found: Formula | None = None
    for name in formula.extends:
        parent = resolve(load(name), load, (*line, formula.name))
        found = parent if found is None else _merged(found, parent)
    return formula if found is None else replace(_merged(found, formula), extends=formula.extends)


def _merged(base: Formula, over: Formula) -> Formula:
    kind = over.type if over.type != FormulaType.WORKFLOW or over.steps else base.type
    return replace(
        over,
        description=over.description or base.description,
        type=kind,
        vars={**base.vars, **over.vars},
        steps=_overridden(base.steps, over.steps),
        template=_overridden(base.template, over.template),
        compose=_composed(base.compose, over.compose),
        advice=base.advice + over.advice,
        pointcuts=base.pointcuts + over.pointcuts,
        phase=over.phase or base.phase,
        pour=base.pour if over.pour is None else over.pour,
        legs=tuple(({leg.id: leg for leg in base.legs} | {leg.id: leg for leg in over.legs}).values()),
        synthesis=over.synthesis or base.synthesis,
        prompts={**base.prompts, **over.prompts},
        output=over.output if over.output != type(over.output)() else base.output,
        presets={**base.presets, **over.presets},
        settings={**base.settings, **over.settings},
        unknown=tuple(dict.fromkeys((*base.unknown, *over.unknown))),
    )


def _overridden(base: Sequence[Step], over: Sequence[Step]) -> tuple[Step, ...]:
    """The steps of both; a step of the same id takes the place of the inherited one."""
    own = {step.id: step for step in over}
    kept = [own.pop(step.id, step) for step in base]
    return (*kept, *(step for step in over if step.id in own))


def _composed(base: Compose, over: Compose) -> Compose:
    points = {point.id: point for point in base.bond_points} | {point.id: point for point in over.bond_points}
    return Compose(
        bond_points=tuple(points.values()),
        hooks=base.hooks + over.hooks,
        expand=base.expand + over.expand,
        map=base.map + over.map,
        branch=base.branch + over.branch,
        gate=base.gate + over.gate,
        aspects=tuple(dict.fromkeys(base.aspects + over.aspects)),
    )
