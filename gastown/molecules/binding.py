"""Binding: a protomolecule and values become a plan without variables and without steps whose condition fails."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from gastown.molecules.protomolecule import Edge, ProtoGate, Protomolecule, ProtoStep
from gastown.molecules.variables import filling, holds, names_in, settle


def named(proto: Protomolecule) -> tuple[str, ...]:
    """The variables that the plan's texts and conditions name, in order."""
    return names_in(text for text in _texts(proto))


def bind(proto: Protomolecule, given: Mapping[str, str]) -> Protomolecule:
    """The plan for these values; refuses unknown, missing and bad ones. A value's own text is never looked at again.

    Who needs a step that is left out needs what that step needed.
    """
    names = named(proto)
    values = settle({variable.name: variable for variable in proto.variables}, names, given)
    kept = _drop(proto, lambda step: all(holds(condition, values) for condition in step.conditions))
    fill = filling(values)
    return replace(
        kept,
        title=fill(kept.title),
        description=fill(kept.description),
        steps=tuple(replace(_filled(step, fill), conditions=()) for step in kept.steps),
        gates=tuple(replace(gate, await_id=fill(gate.await_id), condition=fill(gate.condition)) for gate in kept.gates),
        variables=(),
    )


def _texts(proto: Protomolecule) -> Iterator[str]:
    yield proto.title
    yield proto.description
    for step in proto.steps:
        yield from (step.title, step.description, step.notes, step.acceptance, step.assignee)
        yield from (*step.labels, *step.conditions, *_strings(step.metadata))
    for gate in proto.gates:
        yield from (gate.await_id, gate.condition)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _filled(step: ProtoStep, fill: Callable[[str], str]) -> ProtoStep:
    return replace(
        step,
        title=fill(step.title),
        description=fill(step.description),
        notes=fill(step.notes),
        acceptance=fill(step.acceptance),
        labels=tuple(filled for label in step.labels if (filled := fill(label).strip())),
        assignee=fill(step.assignee),
        metadata={name: _deep(value, fill) for name, value in step.metadata.items()},
    )


def _deep(value: object, fill: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return fill(value)
    if isinstance(value, Mapping):
        return {name: _deep(item, fill) for name, item in value.items()}
    if isinstance(value, list):
        return [_deep(item, fill) for item in value]
    return value


def _drop(proto: Protomolecule, stays: Callable[[ProtoStep], bool]) -> Protomolecule:
    gone: set[str] = set()
    for step in proto.steps:  # parents first: what is inside a dropped step is dropped with it
        if step.parent in gone or not stays(step):
            gone.add(step.id)
    if not gone:
        return proto
    needs: dict[str, list[Edge]] = {}
    for edge in proto.edges:
        needs.setdefault(edge.step, []).append(edge)
    edges = [
        new
        for step in proto.steps
        if step.id not in gone
        for edge in needs.get(step.id, [])
        for new in _led_past(edge, needs, gone)
    ]
    return replace(
        proto,
        steps=tuple(step for step in proto.steps if step.id not in gone),
        edges=tuple(dict.fromkeys(edges)),
        gates=_standing(proto.gates, gone),
    )


def _led_past(edge: Edge, needs: Mapping[str, list[Edge]], gone: set[str]) -> list[Edge]:
    found: list[Edge] = []
    seen: set[str] = set()
    stack = [edge]
    while stack:
        one = stack.pop()
        if one.target not in gone:
            found.append(replace(one, step=edge.step))
        elif one.target not in seen:
            seen.add(one.target)
            stack += needs.get(one.target, [])
    return found[::-1]


def _standing(gates: tuple[ProtoGate, ...], gone: set[str]) -> tuple[ProtoGate, ...]:
    return tuple(gate for gate in gates if gate.step not in gone)
