"""Control flow of a formula: loops are unrolled, branches become edges, conditions become gates."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from gastown.molecules.errors import FormulaInvalid
from gastown.molecules.formula import (
    MAX_DEPTH,
    MAX_STEPS,
    Branch,
    Formula,
    Gate,
    GateRule,
    Loop,
    Step,
    rewrite,
    transform,
    walk,
)
from gastown.molecules.grafting import first_and_last, rewire, splice
from gastown.molecules.ranges import BadRange, parse_range
from gastown.molecules.variables import substitute_single


def unroll(formula: Formula, values: Mapping[str, str]) -> Formula:
    """The formula with every loop unrolled; the rounds of a loop follow one another."""
    return replace(formula, steps=_unrolled(formula, formula.steps, values, 0))


def _unrolled(formula: Formula, steps: Sequence[Step], values: Mapping[str, str], depth: int) -> tuple[Step, ...]:
    rounds = {}
    for step in walk(steps):
        if step.loop is not None:
            if depth >= MAX_DEPTH:
                raise _refused(formula, step, f"loops are nested more than {MAX_DEPTH} deep")
            rounds[step.id] = _rounds(formula, step, step.loop, values, depth)
    done = splice(steps, rounds)
    if sum(1 for _ in walk(done)) > MAX_STEPS:
        raise FormulaInvalid(formula.source, "", f"its loops make more than {MAX_STEPS} steps")
    return done


def _refused(formula: Formula, step: Step, what: str) -> FormulaInvalid:
    return FormulaInvalid(formula.source, f"step {step.id}", f"loop: {what}")


def _rounds(formula: Formula, step: Step, loop: Loop, values: Mapping[str, str], depth: int) -> tuple[Step, ...]:
    numbers: Sequence[int]
    if loop.range:
        try:
            numbers = parse_range(loop.range, values)
        except BadRange as error:
            raise FormulaInvalid(
                formula.source,
                f"step {step.id}",
                f"loop: range: {error}",
                hint="Give its variables as --var NAME=VALUE.",
            ) from None
    else:
        numbers = range(1, (loop.count or 1) + 1)
    if len(numbers) > MAX_STEPS:
        raise _refused(formula, step, f"it has more than {MAX_STEPS} rounds")
    done: list[Step] = []
    lasts: tuple[str, ...] = ()
    for turn, number in enumerate(numbers, 1):
        round_ = _unrolled(formula, _round(step, loop, turn, number), values, depth + 1)
        firsts, next_lasts = first_and_last(round_)
        done += [replace(one, needs=(*lasts, *one.needs)) if one.id in firsts else one for one in round_]
        lasts = next_lasts
        if len(done) > MAX_STEPS:
            raise _refused(formula, step, f"it makes more than {MAX_STEPS} steps")
    if loop.until:
        done[0] = replace(done[0], metadata={**done[0].metadata, "loop": {"until": loop.until, "max": loop.max}})
    return tuple(done)


def _round(step: Step, loop: Loop, turn: int, number: int) -> tuple[Step, ...]:
    """The body of one round: its ids begin with the round's, also where they are needed."""
    bound = {loop.var: str(number)} if loop.var else {}
    body = [rewrite(one, lambda text: substitute_single(text, bound)) for one in loop.body] if bound else loop.body
    names = {inner.id: f"{step.id}.iter{turn}.{inner.id}" for inner in walk(body)}

    def change(one: Step) -> Step:
        return replace(one, id=names[one.id], source_location=f"{one.source_location}.iter{turn}")

    return rewire(transform(body, change), {name: (new,) for name, new in names.items()})


def branch_and_gate(formula: Formula, *, is_last: bool) -> Formula:
    """The formula with the edges of `compose.branch` and the gates of `compose.gate`.

    Rules may name a loop, which is there before it is unrolled, or a step of one, which is there after: before
    `is_last` those that name what is not there wait; then they are refused.
    """
    steps, compose = formula.steps, formula.compose
    known = {step.id for step in walk(steps)}
    branches, gates = [], []
    for number, branch in enumerate(compose.branch):
        if _knows(formula, f"compose.branch[{number}]", (branch.start, *branch.steps, branch.join), known, is_last):
            steps = _branched(steps, branch)
        else:
            branches.append(branch)
    for number, rule in enumerate(compose.gate):
        if _knows(formula, f"compose.gate[{number}]", (rule.before,), known, is_last):
            steps = transform(steps, partial(_gated, rule))
        else:
            gates.append(rule)
    return replace(formula, steps=steps, compose=replace(compose, branch=tuple(branches), gate=tuple(gates)))


def _gated(rule: GateRule, step: Step) -> Step:
    return replace(step, gates=(*step.gates, Gate(condition=rule.condition))) if step.id == rule.before else step


def _branched(steps: Sequence[Step], branch: Branch) -> tuple[Step, ...]:
    def change(step: Step) -> Step:
        more = (branch.start,) if step.id in branch.steps else branch.steps if step.id == branch.join else ()
        return replace(step, needs=tuple(dict.fromkeys((*step.needs, *more))))

    return transform(steps, change)


def _knows(formula: Formula, place: str, names: Sequence[str], known: set[str], is_last: bool) -> bool:
    missing = next((name for name in names if name not in known), None)
    if missing is not None and is_last:
        hint = "`bd formula show` lists the steps."
        raise FormulaInvalid(formula.source, place, f"no step {missing[:60]!r}", hint=hint)
    return missing is None
