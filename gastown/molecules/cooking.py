"""Cooking: a formula, those that it is made from, and values become a protomolecule. Pure, and the same every time.

The order: `extends`, then loops, branches and gates, then advice, then inline expansions, then `compose.expand` and
`compose.map`, then aspects. Conditions are looked at when variables are bound (binding.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from gastown.molecules import convoys, expansion
from gastown.molecules.control import branch_and_gate, unroll
from gastown.molecules.errors import FormulaInvalid
from gastown.molecules.flattening import flatten
from gastown.molecules.formula import Advice, Formula, FormulaType, Step, walk
from gastown.molecules.grafting import without
from gastown.molecules.hooks import attach
from gastown.molecules.inheritance import resolve
from gastown.molecules.protomolecule import Protomolecule
from gastown.molecules.variables import check
from gastown.molecules.weaving import weave

Load = Callable[[str], Formula]
_NO_VALUES: Mapping[str, str] = {}


def cook(formula: Formula, load: Load, given: Mapping[str, str] = _NO_VALUES) -> Protomolecule:
    """What the formula comes to; `load` gives those that it names, `given` the values that shape it.

    Refuses, with file, place and what to do, whatever cannot be done in some order.
    """
    return _cook(formula, load, given, ())


def _cook(formula: Formula, load: Load, given: Mapping[str, str], line: tuple[str, ...]) -> Protomolecule:
    found = resolve(formula, load)
    values = {name: one.default for name, one in found.vars.items() if one.default is not None}
    values |= {name: check(found.vars[name], value) for name, value in given.items() if name in found.vars}
    found = _with_steps(found, values)
    found = branch_and_gate(unroll(branch_and_gate(found, is_last=False), values), is_last=True)
    if found.type != FormulaType.ASPECT:  # whose advice has become its steps
        found = replace(found, steps=weave(found.steps, found.advice, found.pointcuts, found.name))
    found = expansion.expand_composed(expansion.expand_inline(found, load), load)
    warnings = [f"{found.source or found.name}: unknown key {key}" for key in found.unknown]
    for name in found.compose.aspects:
        found, said = _with_aspect(found, name, load)
        warnings += said
    found = attach(found, lambda hook: _cook_steps(load(hook.attach), load, hook.vars, (*line, formula.name)))
    return flatten(found, tuple(warnings))


def _cook_steps(formula: Formula, load: Load, given: Mapping[str, str], line: tuple[str, ...]) -> Protomolecule:
    if formula.name in line:
        raise FormulaInvalid(formula.source, "compose.hooks", f"a formula attaches itself: {' -> '.join(line)}")
    return _cook(formula, load, given, line)


def _with_steps(formula: Formula, values: Mapping[str, str]) -> Formula:
    """The formula with the steps that its type makes."""
    if formula.type == FormulaType.CONVOY or (formula.type == FormulaType.ASPECT and formula.legs):
        return convoys.legs_to_steps(formula, values)
    if formula.type == FormulaType.EXPANSION and not formula.steps:
        if not formula.template:
            raise FormulaInvalid(formula.source, "", "an expansion without a template", hint="Add [[template]] steps.")
        return replace(formula, steps=expansion.stand_alone(formula, values))
    if formula.type == FormulaType.ASPECT and not formula.steps:
        return replace(formula, steps=_advice_alone(formula))
    return formula


def _advice_alone(formula: Formula) -> tuple[Step, ...]:
    """An aspect's own steps, where it names a step outright: a list to follow around work that is not in a formula."""
    targets = [rule.target for rule in formula.advice if not set(rule.target) & set("*?[")]
    stands = tuple(Step(id=name, title=name) for name in dict.fromkeys(targets))
    row = [replace(step, needs=(before.id,)) for before, step in pairwise(stands)]
    woven = weave((*stands[:1], *row), _outright(formula.advice), (), formula.name)
    return without(woven, [step for step in woven if step.id in targets])


def _outright(advice: Sequence[Advice]) -> list[Advice]:
    return [rule for rule in advice if not set(rule.target) & set("*?[")]


def _with_aspect(formula: Formula, name: str, load: Load) -> tuple[Formula, list[str]]:
    aspect = resolve(load(name), load)
    if aspect.type != FormulaType.ASPECT:
        raise FormulaInvalid(
            formula.source, "compose.aspects", f"{name[:60]!r} is no aspect", hint='An aspect says type = "aspect".'
        )
    steps = weave(formula.steps, aspect.advice, aspect.pointcuts, aspect.name)
    warnings = [f"{aspect.source or name}: unknown key {key}" for key in aspect.unknown]
    if sum(1 for _ in walk(steps)) == sum(1 for _ in walk(formula.steps)):
        warnings.append(f"{formula.source or formula.name}: the aspect {name} fits no step")
    return replace(formula, steps=steps, vars={**aspect.vars, **formula.vars}), warnings
