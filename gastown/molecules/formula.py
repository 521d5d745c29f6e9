"""A formula as values: what a document says, before anything is worked out. Immutable, so that cooking is pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

# Deeper nesting, more steps or more rounds than these are a mistake, not a plan.
MAX_DEPTH = 5
MAX_STEPS = 5_000


class FormulaType(StrEnum):
    """What a formula is for."""

    WORKFLOW = "workflow"  # steps
    EXPANSION = "expansion"  # a template that replaces a step
    ASPECT = "aspect"  # advice that is woven around the steps of others
    CONVOY = "convoy"  # legs that run side by side, and a synthesis


@dataclass(frozen=True)
class Variable:
    """Something that whoever pours the formula says."""

    name: str
    description: str = ""
    default: str | None = None
    required: bool = False
    enum: tuple[str, ...] = ()
    pattern: str = ""
    type: str = "string"
    required_unless: tuple[str, ...] = ()
    """Required when none of these is given."""


@dataclass(frozen=True)
class Gate:
    """Something outside that a step waits for."""

    type: str = "human"
    await_id: str = ""
    timeout: str = ""
    condition: str = ""
    """What whoever resolves it must see to, in words."""


@dataclass(frozen=True)
class OnComplete:
    """What is to be bonded for each item of a step's output."""

    for_each: str = ""
    bond: str = ""
    vars: Mapping[str, str] = field(default_factory=dict)
    parallel: bool = False
    sequential: bool = False


@dataclass(frozen=True)
class Loop:
    """A body that is repeated: `count` times, over a `range`, or until a condition holds (at most `max` times)."""

    body: tuple["Step", ...]
    count: int = 0
    until: str = ""
    max: int = 0
    range: str = ""
    var: str = ""


@dataclass(frozen=True)
class Step:
    """One thing to do."""

    id: str
    title: str = ""
    description: str = ""
    notes: str = ""
    acceptance: str = ""
    type: str = ""
    priority: int | None = None
    labels: tuple[str, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    waits_for: str = ""
    assignee: str = ""
    expand: str = ""
    expand_vars: Mapping[str, str] = field(default_factory=dict)
    conditions: tuple[str, ...] = ()
    """All must hold, or the step is left out."""
    children: tuple["Step", ...] = ()
    gates: tuple[Gate, ...] = ()
    loop: Loop | None = None
    on_complete: OnComplete | None = None
    source_formula: str = ""
    source_location: str = ""


@dataclass(frozen=True)
class AdviceStep:
    """A step that advice puts in; `{step.id}` and `{step.title}` name the step it is put around."""

    id: str
    title: str = ""
    description: str = ""
    type: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Advice:
    """Steps to put before and after every step whose id fits `target`."""

    target: str
    before: tuple[AdviceStep, ...] = ()
    after: tuple[AdviceStep, ...] = ()


@dataclass(frozen=True)
class Pointcut:
    """Which steps an aspect is about: all that is said must fit."""

    glob: str = ""
    type: str = ""
    label: str = ""


@dataclass(frozen=True)
class BondPoint:
    """A named place where other formulas attach."""

    id: str
    description: str = ""
    after_step: str = ""
    before_step: str = ""
    parallel: bool = False


@dataclass(frozen=True)
class Hook:
    """A formula that attaches by itself where a step fits the trigger (`label:x`, `type:x`, `priority:0-1`)."""

    trigger: str
    attach: str
    at: str = ""
    vars: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Expand:
    """An expansion to apply: to the step `target`, or to every step whose id fits it (`compose.map`)."""

    target: str
    formula: str
    vars: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Branch:
    """Steps that run side by side between two others."""

    start: str
    steps: tuple[str, ...]
    join: str


@dataclass(frozen=True)
class GateRule:
    """A condition, in words, that must hold before a step."""

    before: str
    condition: str


@dataclass(frozen=True)
class Compose:
    """How a formula is put together from others."""

    bond_points: tuple[BondPoint, ...] = ()
    hooks: tuple[Hook, ...] = ()
    expand: tuple[Expand, ...] = ()
    map: tuple[Expand, ...] = ()
    branch: tuple[Branch, ...] = ()
    gate: tuple[GateRule, ...] = ()
    aspects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Leg:
    """One of the looks that a convoy (or an aspect of the older form) takes at its subject."""

    id: str
    title: str = ""
    focus: str = ""
    description: str = ""
    agent: str = ""
    review_only: bool = False


@dataclass(frozen=True)
class Synthesis:
    """What brings a convoy's legs together."""

    title: str
    description: str = ""
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Output:
    """Where a convoy's legs write what they found."""

    directory: str = ""
    leg_pattern: str = ""
    synthesis: str = ""


@dataclass(frozen=True)
class Formula:
    """One document."""

    name: str
    source: str = ""
    """The file it was read from."""
    description: str = ""
    version: int = 1
    type: FormulaType = FormulaType.WORKFLOW
    extends: tuple[str, ...] = ()
    vars: Mapping[str, Variable] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    template: tuple[Step, ...] = ()
    compose: Compose = field(default_factory=Compose)
    advice: tuple[Advice, ...] = ()
    pointcuts: tuple[Pointcut, ...] = ()
    phase: str = ""
    pour: bool | None = None
    legs: tuple[Leg, ...] = ()
    synthesis: Synthesis | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)
    output: Output = field(default_factory=Output)
    presets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    """Keys that the engine reads, not the graph: agent, review_only, squash."""
    unknown: tuple[str, ...] = ()
    """Keys of the document that no formula has."""


def walk(steps: Iterable[Step]) -> Iterator[Step]:
    """Every step, each before its children."""
    for step in steps:
        yield step
        yield from walk(step.children)


def transform(steps: Iterable[Step], change: Callable[[Step], Step]) -> tuple[Step, ...]:
    """The same tree with every step changed."""
    done = []
    for step in steps:
        changed = change(step)
        done.append(replace(changed, children=transform(changed.children, change)) if changed.children else changed)
    return tuple(done)


def rewrite(step: Step, change: Callable[[str], str]) -> Step:
    """A step with `change` applied to every text in it, its children and its loop's body included."""

    def texts(values: Iterable[str]) -> tuple[str, ...]:
        return tuple(change(value) for value in values)

    def table(values: Mapping[str, str]) -> dict[str, str]:
        return {name: change(value) for name, value in values.items()}

    done = step.on_complete
    return replace(
        step,
        id=change(step.id),
        title=change(step.title),
        description=change(step.description),
        notes=change(step.notes),
        acceptance=change(step.acceptance),
        labels=texts(step.labels),
        metadata={name: _deep(value, change) for name, value in step.metadata.items()},
        needs=texts(step.needs),
        waits_for=change(step.waits_for),
        assignee=change(step.assignee),
        expand_vars=table(step.expand_vars),
        conditions=texts(step.conditions),
        children=tuple(rewrite(child, change) for child in step.children),
        gates=tuple(
            replace(
                gate, await_id=change(gate.await_id), timeout=change(gate.timeout), condition=change(gate.condition)
            )
            for gate in step.gates
        ),
        loop=_rewrite_loop(step.loop, change),
        on_complete=replace(done, vars=table(done.vars)) if done else None,
    )


def _rewrite_loop(loop: Loop | None, change: Callable[[str], str]) -> Loop | None:
    if loop is None:
        return None
    body = tuple(rewrite(step, change) for step in loop.body)
    return replace(loop, body=body, until=change(loop.until), range=change(loop.range))


def _deep(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _deep(item, change) for name, item in value.items()}
    if isinstance(value, list):
        return [_deep(item, change) for item in value]
    return value
