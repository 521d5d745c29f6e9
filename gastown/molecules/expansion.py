"""Expansions: a step is replaced by the steps of a template, in which `{target}` names it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from gastown.molecules.errors import FormulaInvalid
from gastown.molecules.formula import MAX_DEPTH, MAX_STEPS, Expand, Formula, FormulaType, Step, rewrite, walk
from gastown.molecules.grafting import splice
from gastown.molecules.variables import check, substitute, substitute_single

Load = Callable[[str], Formula]
STANDALONE = "main"  # what stands for the target of an expansion that is cooked on its own


def expand_inline(formula: Formula, load: Load) -> Formula:
    """The formula with every step that says `expand` replaced; again in what comes of it, to a bounded depth."""
    steps = formula.steps
    for _ in range(MAX_DEPTH):
        targets = [step for step in walk(steps) if step.expand]
        if not targets:
            return replace(formula, steps=steps)
        rows = {
            step.id: applied(formula, step, Expand(step.id, step.expand, step.expand_vars), load) for step in targets
        }
        steps = _bounded(formula, splice(steps, rows))
    deep = next((step for step in walk(steps) if step.expand), None)
    if deep is not None:
        raise FormulaInvalid(
            formula.source,
            f"step {deep.id}",
            f"expand {deep.expand!r}: expansions are nested more than {MAX_DEPTH} deep",
            hint="An expansion that leads back to itself never ends.",
        )
    return replace(formula, steps=steps)


def expand_composed(formula: Formula, load: Load) -> Formula:
    """The formula with `compose.expand` and then `compose.map` applied; no step is expanded twice."""
    steps = formula.steps
    made: set[str] = set()
    rules = [(rule, False) for rule in formula.compose.expand] + [(rule, True) for rule in formula.compose.map]
    for rule, is_pattern in rules:
        targets = [
            step
            for step in walk(steps)
            if step.id not in made and (fnmatchcase(step.id, rule.target) if is_pattern else step.id == rule.target)
        ]
        if not targets and not is_pattern and rule.target not in made:
            raise FormulaInvalid(
                formula.source,
                "compose.expand",
                f"no step {rule.target[:60]!r}",
                hint=f"Steps: {', '.join(step.id for step in walk(steps))[:300]}.",
            )
        rows = {step.id: applied(formula, step, rule, load) for step in targets}
        made |= rows.keys() | {step.id for row in rows.values() for step in walk(row)}
        steps = _bounded(formula, splice(steps, rows))
    return expand_inline(replace(formula, steps=steps), load)


def applied(formula: Formula, target: Step, rule: Expand, load: Load) -> tuple[Step, ...]:
    """The steps that come instead of `target`."""
    expansion = load(rule.formula)
    if expansion.type != FormulaType.EXPANSION or not expansion.template:
        raise FormulaInvalid(
            formula.source,
            f"step {target.id}",
            f"{rule.formula!r} is no expansion with a template",
            hint='An expansion says type = "expansion" and has [[template]] steps.',
        )
    if target.children:
        raise FormulaInvalid(formula.source, f"step {target.id}", "a step with children cannot be expanded")
    return fill_template(expansion, target, rule.vars)


def fill_template(expansion: Formula, target: Step, given: Mapping[str, str]) -> tuple[Step, ...]:
    """The template's steps for this target, with the expansion's own variables put in."""
    unknown = [name for name in given if name not in expansion.vars]
    if unknown:
        raise FormulaInvalid(
            expansion.source,
            f"step {target.id}",
            f"no variable {unknown[0][:60]!r}",
            hint=f"Variables: {', '.join(expansion.vars) or 'it has none'}.",
        )
    values = {name: variable.default for name, variable in expansion.vars.items() if variable.default is not None}
    # A value that names a variable of the formula around is checked when that is put in.
    values |= {name: value if "{{" in value else check(expansion.vars[name], value) for name, value in given.items()}
    missing = [name for name, variable in expansion.vars.items() if variable.required and name not in values]
    if missing:
        raise FormulaInvalid(expansion.source, f"step {target.id}", f"missing required variable: {missing[0]}")
    named = {
        "target": target.id,
        "target.id": target.id,
        "target.title": target.title,
        "target.description": target.description,
    }
    return tuple(
        rewrite(step, lambda text: substitute_single(substitute(text, values), {**values, **named}))
        for step in expansion.template
    )


def stand_alone(expansion: Formula, given: Mapping[str, str]) -> tuple[Step, ...]:
    """The template's steps when the expansion itself is cooked."""
    own = {name: value for name, value in given.items() if name in expansion.vars}
    title = expansion.name.replace("-", " ").replace("_", " ").capitalize()
    return fill_template(expansion, Step(id=STANDALONE, title=title, description=expansion.description), own)


def _bounded(formula: Formula, steps: Sequence[Step]) -> tuple[Step, ...]:
    if sum(1 for _ in walk(steps)) > MAX_STEPS:
        raise FormulaInvalid(formula.source, "", f"its expansions make more than {MAX_STEPS} steps")
    return tuple(steps)
