"""What holds of every formula: the same plan every time, one that can be finished, and no variable left in it."""

import json
import tomllib
from contextlib import suppress
from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gastown import beads
from gastown.errors import GastownError
from gastown.molecules import Protomolecule, bind, named
from tests.support.recipes import Recipes, needs, workflow
from tests.unit.molecules.test_documents import EVERYTHING

IDS = [f"s{number}" for number in range(8)]
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00{}", exclude_categories=["Cs", "Cc"]), max_size=12)
LOG = """
[[advice]]
target = "*"
before = { id = "log-{step.id}", title = "L" }
after = { id = "end-{step.id}", title = "E" }
"""
EXPANSION = """
formula = "twice"
type = "expansion"
[[template]]
id = "{target}.one"
title = "One of {target.title}"
[[template]]
id = "{target}.two"
title = "Two"
needs = ["{target}.one"]
"""


@st.composite
def formulas(draw: st.DrawFn) -> str:
    """A workflow whose steps need only earlier ones, with loops, gates, conditions, advice and an expansion."""
    names = draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=8, unique=True))
    lines = ['formula = "w"', "[vars]", 'flag = "true"', 'word = "w"']
    for place, name in enumerate(names):
        before = draw(st.lists(st.sampled_from(names[:place]), max_size=3)) if place else []
        lines += ["[[steps]]", f'id = "{name}"', f'title = "T {{{{word}}}} {name}"']
        lines.append(f"needs = [{', '.join(repr(one) for one in before)}]".replace("'", '"'))
        shape = draw(st.sampled_from(["plain", "loop", "gate", "condition", "expand", "children"]))
        if shape == "loop":
            count = draw(st.integers(1, 3))
            lines.append(f'loop = {{ count = {count}, body = [{{ id = "x", title = "X {{{{word}}}}" }}] }}')
        elif shape == "gate":
            lines.append('gate = { type = "human" }')
        elif shape == "condition":
            lines.append('condition = "{{flag}}"')
        elif shape == "expand":
            lines.append('expand = "twice"')
        elif shape == "children":
            lines.append('children = [{ id = "' + name + '-c", title = "C" }]')
    for pattern in draw(st.lists(st.sampled_from(["s*", "s1", "*", "nothing-*"]), max_size=2, unique=True)):
        lines += ["[[advice]]", f'target = "{pattern}"']
        number = len(lines)
        lines.append(f'before = {{ id = "b{number}-{{step.id}}", title = "B" }}')
        lines.append(f'after = {{ id = "a{number}-{{step.id}}", title = "A" }}')
    return "\n".join(lines)


def finishes(proto: Protomolecule) -> bool:
    """Whether some order closes every step: a step after what it needs and what is inside it, inside what has begun."""
    waits = needs(proto)
    inside: dict[str, list[str]] = {}
    parents = {step.id: step.parent for step in proto.steps}
    for name, parent in parents.items():
        inside.setdefault(parent, []).append(name)
    closed: set[str] = set()

    def can_start(name: str) -> bool:
        return all(one in closed for one in waits[name]) and (not parents[name] or can_start(parents[name]))

    while len(closed) < len(parents):
        ready = [
            name
            for name in parents
            if name not in closed and can_start(name) and all(child in closed for child in inside.get(name, []))
        ]
        if not ready:
            return False
        closed.update(ready)
    return True


@given(formulas(), st.sampled_from(["true", "false"]))
@settings(max_examples=60, deadline=None)
def test_cooking_is_the_same_every_time_and_can_be_finished(text: str, flag: str) -> None:
    one, two = Recipes(EXPANSION, text).cook(), Recipes(EXPANSION, text).cook()
    assert one == two
    bound = bind(one, {"flag": flag})
    assert finishes(one)
    assert finishes(bound)
    assert not beads.cycles([(edge.step, edge.target) for edge in bound.edges])
    assert {edge.target for edge in bound.edges} <= {step.id for step in bound.steps}
    assert {gate.step for gate in bound.gates} <= {step.id for step in bound.steps}


@given(formulas(), WORDS)
@settings(max_examples=40, deadline=None)
def test_binding_leaves_no_variable(text: str, word: str) -> None:
    bound = bind(Recipes(EXPANSION, text).cook(), {"word": word})
    assert named(bound) == ()
    assert bind(bound, {}) == bound


@given(formulas())
@settings(max_examples=40, deadline=None)
def test_an_aspect_that_fits_no_step_changes_nothing(text: str) -> None:
    aspect = (
        'formula = "aspect"\ntype = "aspect"\n[[advice]]\ntarget = "*"\n'
        'before = { id = "x-{step.id}", title = "X" }\n[[pointcuts]]\nglob = "no-such-*"'
    )
    plain = Recipes(EXPANSION, text).cook()
    woven = Recipes(EXPANSION, aspect, text + '\n[compose]\naspects = ["aspect"]').cook("w")
    assert (woven.steps, woven.edges, woven.gates) == (plain.steps, plain.edges, plain.gates)
    assert woven.warnings


@given(formulas())
@settings(max_examples=40, deadline=None)
def test_what_a_step_waited_for_it_waits_for_still(text: str) -> None:
    """Weaving only adds: whatever came before a step without advice comes before it with advice."""
    plain, woven = Recipes(EXPANSION, text).cook(), Recipes(EXPANSION, text + LOG).cook()
    before, after = _closure(plain), _closure(woven)
    for name, earlier in before.items():
        assert earlier <= after[name]


def _closure(proto: Protomolecule) -> dict[str, set[str]]:
    waits = needs(proto)
    found: dict[str, set[str]] = {}

    def all_before(name: str) -> set[str]:
        if name not in found:
            found[name] = set()
            for one in waits[name]:
                found[name] |= {one} | all_before(one)
        return found[name]

    for step in proto.steps:
        all_before(step.id)
    return found


AROUND = (
    workflow("e", name="extra"),
    'formula = "audit"\ntype = "aspect"\n[[advice]]\ntarget = "one*"\nafter = { id = "seen-{step.id}" }',
    'formula = "five"\ntype = "expansion"\n[vars]\ndepth = 1\n[[template]]\nid = "{target}.x"\ntitle = "X {depth}"',
)
ODD = st.sampled_from(
    [
        *(None, True, 0, -1, 3, 10**12, 1.5, "", "w", "one", "{{plain}}", "{target}", "1..3", "human", "all", "\x00"),
        *([], {}, [1], ["one"], [[]], [{}], {"a": 1}, {"id": "x", "title": "t"}, [{"id": "x", "title": "t"}]),
        *("children-of(one)", "{{" * 50, "x" * 600, [{"target": "*", "with": "twice"}]),
    ]
)


def places(value: object, way: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The way to everything inside a document."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(one for key, item in pairs for one in places(item, (*way, key)))]


@st.composite
def spoilt(draw: st.DrawFn) -> dict[str, Any]:
    """A document with every key, of which some places hold something else."""
    document: dict[str, Any] = {**tomllib.loads(EVERYTHING), "extends": []}
    for _ in range(draw(st.integers(1, 3))):
        way = draw(st.sampled_from(places(document)[1:]))
        inner: Any = document
        for key in way[:-1]:
            inner = inner[key]
        inner[way[-1]] = deepcopy(draw(ODD))  # what is put in may be spoilt next
    return document


@given(spoilt())
@settings(max_examples=100, deadline=None)
def test_any_document_is_cooked_or_refused_with_its_reason(document: dict[str, Any]) -> None:
    recipes = Recipes(*AROUND)
    with suppress(GastownError):
        found = recipes.add(json.dumps(document), "odd.formula.json")
        assert bind(recipes.cook(found.name), {"full": "a"}).steps


def test_the_document_that_is_spoilt_is_cooked_when_it_is_not() -> None:
    recipes = Recipes(*AROUND)
    found = recipes.add(json.dumps({**tomllib.loads(EVERYTHING), "extends": []}), "whole.formula.json")
    assert len(bind(recipes.cook(found.name), {"full": "a"}).steps) == 7
