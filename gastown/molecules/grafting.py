"""Putting several steps in the place of one, so that order is kept: what the one waited for, the first of them wait
for; what waited for the one, waits for the last of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gastown.molecules.formula import Step, transform, walk

_CHILDREN_OF = re.compile(r"children-of\(([^()]+)\)")


def spawner(waits_for: str) -> str:
    """The step that `children-of(step)` names, or nothing."""
    found = _CHILDREN_OF.fullmatch(waits_for)
    return found[1].strip() if found else ""


def first_and_last(steps: Sequence[Step]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The ids of those that wait for none of the others, and of those that none of the others waits for."""
    inside = {inner.id: step.id for step in steps for inner in walk([step])}
    firsts, awaited = [], set()
    for step in steps:
        others = {
            inside[name] for inner in walk([step]) for name in inner.needs if inside.get(name, step.id) != step.id
        }
        awaited |= others
        if not others:
            firsts.append(step.id)
    return tuple(firsts), tuple(step.id for step in steps if step.id not in awaited)


def rewire(steps: Sequence[Step], places: Mapping[str, tuple[str, ...]]) -> tuple[Step, ...]:
    """The steps with each name in `places` replaced, wherever it is needed, by the names that stand for it."""
    if not places:
        return tuple(steps)

    def change(step: Step) -> Step:
        if places.keys().isdisjoint(step.needs) and not step.waits_for:
            return step
        needs = tuple(dict.fromkeys(new for name in step.needs for new in places.get(name, (name,))))
        waited = spawner(step.waits_for)
        waits_for = f"children-of({places[waited][-1]})" if places.get(waited) else step.waits_for
        return replace(step, needs=needs, waits_for=waits_for)

    return transform(steps, change)


def splice(steps: Sequence[Step], instead: Mapping[str, Sequence[Step]]) -> tuple[Step, ...]:
    """The tree with other steps in the place of those that `instead` names; they take over what those waited for."""
    ends = {name: first_and_last(row) for name, row in instead.items()}
    places = {name: lasts for name, (_, lasts) in ends.items() if lasts}
    found: list[Step] = []
    for step in rewire(steps, places):
        found += _spliced(step, instead, ends, places)
    return tuple(found)


def _spliced(
    step: Step,
    instead: Mapping[str, Sequence[Step]],
    ends: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]],
    places: Mapping[str, tuple[str, ...]],
) -> list[Step]:
    if step.id in instead:
        others = {name: new for name, new in places.items() if name != step.id}
        row = [_take_over(one, step, is_first=one.id in ends[step.id][0]) for one in rewire(instead[step.id], others)]
    else:
        row = [step]
    done = []
    for one in row:
        children = tuple(new for child in one.children for new in _spliced(child, instead, ends, places))
        done.append(replace(one, children=children) if children else one)
    return done


def _take_over(step: Step, target: Step, *, is_first: bool) -> Step:
    changed = replace(
        step,
        conditions=tuple(dict.fromkeys((*target.conditions, *step.conditions))),
        assignee=step.assignee or target.assignee,
        priority=target.priority if step.priority is None else step.priority,
    )
    if not is_first:
        return changed
    return replace(
        changed,
        needs=tuple(dict.fromkeys((*target.needs, *changed.needs))),
        gates=(*target.gates, *changed.gates),
        waits_for=changed.waits_for or target.waits_for,
    )


def without(steps: Sequence[Step], dropped: Sequence[Step]) -> tuple[Step, ...]:
    """The tree without these steps and all below them; who needed one of them needs what it needed."""
    gone = {inner.id: step for step in dropped for inner in walk([step])}
    places = {name: _surviving(name, gone, set()) for name in gone}
    kept = transform(steps, lambda step: replace(step, children=tuple(c for c in step.children if c.id not in gone)))
    return rewire(tuple(step for step in kept if step.id not in gone), places)


def _surviving(name: str, gone: Mapping[str, Step], seen: set[str]) -> tuple[str, ...]:
    if name in seen:
        return ()
    seen.add(name)
    found: list[str] = []
    for needed in gone[name].needs:
        found.extend(_surviving(needed, gone, seen) if needed in gone else (needed,))
    return tuple(dict.fromkeys(found))
