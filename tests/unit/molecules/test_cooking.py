"""What formulas come to: extends, loops, branches, gates, advice, expansions, aspects, hooks, conditions."""

import pytest

from gastown.molecules import FormulaInvalid, Protomolecule, bind
from tests.support.recipes import Recipes, needs, workflow

FIVE = """
formula = "five"
type = "expansion"
[vars]
word = "draft"
[[template]]
id = "{target}.{word}"
title = "{word}: {target.title}"
description = "Of {target.description}"
[[template]]
id = "{target}.polish"
title = "Polish"
needs = ["{target}.{word}"]
"""
AUDIT = """
formula = "audit"
type = "aspect"
[[advice]]
target = "b"
[[advice.around.before]]
id = "{step.id}-pre"
title = "Before {step.title}"
[[advice.around.after]]
id = "{step.id}-post"
[[pointcuts]]
glob = "*"
"""


def titles(proto: Protomolecule) -> dict[str, str]:
    return {step.id: step.title for step in proto.steps}


def test_a_child_formula_adds_to_its_parents_and_overrides_them() -> None:
    base = workflow("a", "b<a", name="base", more='phase = "vapor"')
    child = workflow("b<a", "c<b", name="child", more='extends = ["base"]').replace("Do b", "Do it better")
    proto = Recipes(base, child).cook()
    assert titles(proto) == {"a": "Do a", "b": "Do it better", "c": "Do c"}
    assert needs(proto)["c"] == ["b"]
    assert proto.phase == "vapor"
    assert proto.steps[0].source_formula == "base"


def test_two_parents_with_one_ancestor_bring_it_once() -> None:
    recipes = Recipes(
        workflow("a", name="base"),
        workflow("l<a", name="left", more='extends = ["base"]'),
        workflow("r<a", name="right", more='extends = ["base"]'),
        workflow("end<l,r", name="both", more='extends = ["left", "right"]'),
    )
    assert [step.id for step in recipes.cook().steps] == ["a", "l", "r", "end"]


def test_a_circle_of_extends_is_refused() -> None:
    recipes = Recipes(workflow("a", name="x", more='extends = ["y"]'), workflow("b", name="y", more='extends = ["x"]'))
    with pytest.raises(FormulaInvalid, match="extends itself: y -> x -> y"):
        recipes.cook()


def test_the_rounds_of_a_loop_follow_one_another_and_what_waited_waits_for_the_last() -> None:
    text = (
        workflow("start", "end<again")
        + """
[[steps]]
id = "again"
needs = ["start"]
loop = { count = 2, body = [{ id = "x", title = "X" }, { id = "y", title = "Y", needs = ["x"] }] }
"""
    )
    assert needs(Recipes(text).cook()) == {
        "start": [],
        "end": ["again.iter2.y"],
        "again.iter1.x": ["start"],
        "again.iter1.y": ["again.iter1.x"],
        "again.iter2.x": ["again.iter1.y"],
        "again.iter2.y": ["again.iter2.x"],
    }


def test_a_range_is_worked_out_from_variables_and_names_its_number() -> None:
    text = """
formula = "hanoi"
[vars]
disks = 3
[[steps]]
id = "move"
loop = { range = "1..2^{disks}-1", var = "n", body = [{ id = "m", title = "Move {n} for {{who}}" }] }
"""
    proto = Recipes(text).cook()
    assert len(proto.steps) == 7
    assert proto.steps[6].title == "Move 7 for {{who}}"
    assert len(Recipes(text).cook("hanoi", disks="5").steps) == 31


def test_loops_inside_loops_are_unrolled() -> None:
    text = """
formula = "nest"
[[steps]]
id = "o"
[steps.loop]
count = 2
[[steps.loop.body]]
id = "i"
loop = { count = 3, body = [{ id = "x", title = "X" }] }
"""
    proto = Recipes(text).cook()
    assert len(proto.steps) == 6
    assert needs(proto)["o.iter2.i.iter1.x"] == ["o.iter1.i.iter3.x"]


def test_a_loop_that_runs_away_is_refused() -> None:
    body = '{ id = "x", title = "X" }'
    for _ in range(3):
        body = f'{{ id = "l", loop = {{ count = 100, body = [{body}] }} }}'
    with pytest.raises(FormulaInvalid, match="more than 5000 steps"):
        Recipes(f'formula = "big"\nsteps = [{body}]').cook()


def test_a_loop_until_runs_once_and_says_what_for() -> None:
    text = 'formula = "u"\n[[steps]]\nid = "l"\nloop = { until = "green", max = 4, body = [{ id = "x", title = "X" }] }'
    (step,) = Recipes(text).cook().steps
    assert step.metadata["loop"] == {"until": "green", "max": 4}


def test_branches_fork_and_join() -> None:
    rules = '[[compose.branch]]\nfrom = "a"\nsteps = ["l", "r"]\njoin = "z"'
    proto = Recipes(workflow("a", "l", "r", "z") + "\n" + rules).cook()
    assert needs(proto) == {"a": [], "l": ["a"], "r": ["a"], "z": ["l", "r"]}


def test_gates_of_steps_and_of_rules_are_gates_of_the_plan() -> None:
    text = workflow("a", "b<a").replace('id = "b"', 'id = "b"\ngate = { type = "timer", timeout = "1h30m" }')
    proto = Recipes(text + '\n[[compose.gate]]\nbefore = "b"\ncondition = "all is calm"').cook()
    assert [(gate.id, gate.type, gate.timeout) for gate in proto.gates] == [
        ("gate-b", "timer", 5_400_000_000_000),
        ("gate-b-2", "human", 0),
    ]
    assert proto.gates[1].condition == "all is calm"


def test_expansion_takes_the_place_of_its_step() -> None:
    recipes = Recipes(FIVE, workflow("a", "b<a", "c<b") + '\n[[compose.expand]]\ntarget = "b"\nwith = "five"')
    proto = recipes.cook()
    assert titles(proto)["b.draft"] == "draft: Do b"
    assert needs(proto) == {"a": [], "b.draft": ["a"], "b.polish": ["b.draft"], "c": ["b.polish"]}


def test_inline_expansion_with_variables_of_its_own() -> None:
    text = (
        workflow("a", "c<b")
        + '\n[[steps]]\nid = "b"\nneeds = ["a"]\nexpand = "five"\nexpand_vars = { word = "sketch" }'
    )
    assert needs(Recipes(FIVE, text).cook())["c"] == ["b.polish"]
    assert "b.sketch" in needs(Recipes(FIVE, text).cook())


def test_map_expands_every_step_that_fits_once() -> None:
    rules = '\n[[compose.map]]\nselect = "x*"\nwith = "five"'
    proto = Recipes(FIVE, workflow("x1", "x2<x1", "y<x2") + rules).cook()
    assert needs(proto) == {
        "x1.draft": [],
        "x1.polish": ["x1.draft"],
        "x2.draft": ["x1.polish"],
        "x2.polish": ["x2.draft"],
        "y": ["x2.polish"],
    }


def test_an_expansion_that_leads_back_to_itself_is_refused() -> None:
    loop = 'formula = "loop"\ntype = "expansion"\n[[template]]\nid = "{target}.x"\ntitle = "t"\nexpand = "loop"'
    with pytest.raises(FormulaInvalid, match="nested more than 5 deep"):
        Recipes(loop, 'formula = "w"\n[[steps]]\nid = "a"\nexpand = "loop"').cook()


def test_an_expansion_of_an_unknown_step_is_refused() -> None:
    with pytest.raises(FormulaInvalid, match="no step 'zzz'"):
        Recipes(FIVE, workflow("a") + '\n[[compose.expand]]\ntarget = "zzz"\nwith = "five"').cook()


def test_an_aspect_is_woven_around_its_step_and_keeps_the_order() -> None:
    proto = Recipes(AUDIT, workflow("a", "b<a", "c<b", more='compose = { aspects = ["audit"] }')).cook()
    assert needs(proto) == {"a": [], "b-pre": ["a"], "b": ["b-pre"], "b-post": ["b"], "c": ["b-post"]}
    assert titles(proto)["b-pre"] == "Before Do b"
    assert {step.id: step.source_formula for step in proto.steps}["b-pre"] == "audit"


def test_advice_of_the_formula_itself_is_woven_before_expansions() -> None:
    text = workflow("a", "b<a") + '\n[[advice]]\ntarget = "*"\nbefore = { id = "log-{step.id}", title = "Log" }'
    assert needs(Recipes(text).cook()) == {"log-a": [], "a": ["log-a"], "log-b": ["a"], "b": ["log-b"]}


@pytest.mark.parametrize(
    ("pointcut", "is_woven"),
    [
        ('glob = "b"', True),
        ('glob = "z*"', False),
        ('type = "task"', True),
        ('type = "bug"', False),
        ('label = "hot"', True),
        ('label = "cold"', False),
        ('glob = "b"\ntype = "bug"', False),
    ],
)
def test_a_pointcut_says_which_steps_an_aspect_is_about(pointcut: str, is_woven: bool) -> None:
    aspect = AUDIT.replace('glob = "*"', pointcut)
    text = workflow("a", "b<a", more='compose = { aspects = ["audit"] }').replace(
        'id = "b"', 'id = "b"\nlabels = ["hot"]'
    )
    proto = Recipes(aspect, text).cook()
    assert ("b-pre" in needs(proto)) is is_woven
    assert bool(proto.warnings) is not is_woven


def test_advice_that_gives_two_steps_one_id_is_refused() -> None:
    text = workflow("a", "b") + '\n[[advice]]\ntarget = "*"\nafter = { id = "same", title = "Same" }'
    with pytest.raises(FormulaInvalid, match="step same: two steps have this id"):
        Recipes(text).cook()


def test_a_hook_attaches_a_formula_where_a_step_triggers_it() -> None:
    extra = workflow("x", "y<x", name="extra")
    text = workflow("a", "b<a").replace('id = "a"', 'id = "a"\nlabels = ["risky"]') + (
        '\n[[compose.bond_points]]\nid = "mid"\nafter_step = "a"\n'
        '[[compose.hooks]]\ntrigger = "label:risky"\nattach = "extra"\nat = "mid"'
    )
    assert needs(Recipes(extra, text).cook()) == {
        "a": [],
        "b": ["a", "extra.y"],
        "extra.x": ["a"],
        "extra.y": ["extra.x"],
    }
    assert list(needs(Recipes(extra, text.replace('"risky"', '"calm"', 1)).cook())) == ["a", "b"]


def test_steps_whose_condition_fails_are_left_out_and_led_past() -> None:
    text = workflow("a", "b<a", "c<b").replace('id = "b"', 'id = "b"\ncondition = "{{deep}}"')
    recipes = Recipes(text)
    assert needs(bind(recipes.cook(), {"deep": "true"}))["c"] == ["b"]
    assert needs(bind(recipes.cook(), {"deep": "false"})) == {"a": [], "c": ["a"]}


def test_an_expansion_alone_stands_on_a_target_of_its_name() -> None:
    assert needs(Recipes(FIVE).cook()) == {"main.draft": [], "main.polish": ["main.draft"]}


def test_an_aspect_alone_is_a_list_of_what_it_adds() -> None:
    assert needs(Recipes(AUDIT).cook()) == {"b-pre": [], "b-post": ["b-pre"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (workflow("a<zzz"), "needs 'zzz', which is no step"),
        (workflow("a<b", "b<a"), "steps that wait for themselves: a -> b"),
        (workflow("a", "a"), "two steps have this id"),
        (workflow("a b"), "an id is at most 80"),
        (workflow("a").replace('id = "a"', 'id = "a"\nwaits_for = "all-children"'), "names no step"),
        (workflow("a").replace('id = "a"', 'id = "a"\ncondition = "maybe"'), "condition: 'maybe' is none"),
        (
            'formula = "w"\n[[steps]]\nid = "p"\ntitle = "P"\n[[steps.children]]\nid = "c"\ntitle = "C"\nneeds = ["p"]',
            "steps that wait for themselves",
        ),
        ('formula = "w"\ntype = "convoy"', "without legs"),
    ],
)
def test_plans_that_could_never_be_finished_are_refused(text: str, said: str) -> None:
    with pytest.raises(FormulaInvalid) as refused:
        Recipes(text).cook()
    assert said in refused.value.message
    assert refused.value.message.startswith("test.formula.toml")


def test_a_convoy_has_a_step_a_leg_and_a_synthesis_that_waits_for_all() -> None:
    text = """
formula = "look"
type = "convoy"
[inputs]
pr = { required_unless = ["files"] }
files = { required_unless = ["pr"] }
[prompts]
base = "Look at {{.target_description}} for {{.leg.focus}}.{{if .files}}{{range .files}} {{.}}{{end}}{{end}}"
[output]
directory = "out/{{.review_id}}"
leg_pattern = "{{.leg.id}}.md"
[presets.quick]
legs = ["a"]
[[legs]]
id = "a"
title = "A"
focus = "speed"
[[legs]]
id = "b"
title = "B"
focus = "safety"
[synthesis]
title = "Sum up"
description = "In {{.output.directory}}"
"""
    proto = Recipes(text).cook("look", files="x.py, y.py")
    assert needs(proto) == {"a": [], "b": [], "synthesis": ["a", "b"]}
    assert proto.steps[1].description == "Look at files x.py, y.py for safety. x.py y.py"
    assert proto.steps[2].description == "In out/{{.review_id}}"
