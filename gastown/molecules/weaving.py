"""Advice: steps that are put before and after every step that a pattern fits.

What comes before a step takes over what the step waited for; what waited for the step waits for what comes after it.
Steps that advice put in are not looked at by the same advice.
"""

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from gastown.molecules.formula import Advice, AdviceStep, Pointcut, Step, walk
from gastown.molecules.grafting import splice
from gastown.molecules.variables import substitute_single


def fits(pointcuts: Sequence[Pointcut], step: Step) -> bool:
    """Whether one of the pointcuts fits the step; none at all fit every step."""
    return not pointcuts or any(_fits(pointcut, step) for pointcut in pointcuts)


def _fits(pointcut: Pointcut, step: Step) -> bool:
    return (
        (not pointcut.glob or fnmatchcase(step.id, pointcut.glob))
        and (not pointcut.type or (step.type or "task") == pointcut.type)
        and (not pointcut.label or pointcut.label in step.labels)
    )


def weave(
    steps: Sequence[Step], advice: Sequence[Advice], pointcuts: Sequence[Pointcut], source: str
) -> tuple[Step, ...]:
    """The steps with the advice woven in; `source` is the formula that gives it."""
    rows: dict[str, list[Step]] = {}
    for step in walk(steps):
        if fits(pointcuts, step):
            rules = [rule for rule in advice if fnmatchcase(step.id, rule.target)]
            before = [_made(one, step, source) for rule in rules for one in rule.before]
            after = [_made(one, step, source) for rule in rules for one in rule.after]
            if before or after:
                rows[step.id] = _row(before, step, after)
    return splice(steps, rows) if rows else tuple(steps)


def _row(before: Sequence[Step], target: Step, after: Sequence[Step]) -> list[Step]:
    """One behind the other. What the target waited for, its gates too, goes to the first of the row (see `splice`)."""
    row: list[Step] = []
    for step in (*before, replace(target, needs=(), gates=(), waits_for=""), *after):
        row.append(replace(step, needs=(row[-1].id,)) if row else step)
    return row


def _made(advice: AdviceStep, target: Step, source: str) -> Step:
    named = {"step.id": target.id, "step.title": target.title}
    name = substitute_single(advice.id, named)
    return Step(
        id=name,
        title=substitute_single(advice.title, named) or name,
        description=substitute_single(advice.description, named),
        type=advice.type,
        metadata=advice.metadata,
        source_formula=source,
        source_location="advice",
    )
