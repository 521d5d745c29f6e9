"""Reading formula documents: every key is taken, odd ones are named, senseless ones are refused with their place."""

import json

import pytest

from gastown.molecules import FormulaInvalid, FormulaType, parse
from tests.support.recipes import Recipes, workflow

EVERYTHING = """
formula = "all"
description = "Everything"
version = 3
type = "workflow"
extends = ["base"]
phase = "liquid"
pour = true
agent = "codex"

[vars]
plain = "a default"
[vars.full]
description = "All that can be said"
required = true
enum = ["a", "b"]
pattern = "^[ab]$"
type = "string"
[vars.number]
type = "int"
default = 3

[[steps]]
id = "one"
title = "One"
description = "What"
notes = "Note"
acceptance = "When"
type = "bug"
priority = 0
labels = ["x", "y"]
metadata = { k = "v", n = 2 }
assignee = "{{plain}}"
condition = "{{full}} == a"
parallel = true
gate = { type = "gh:run", id = "ci", timeout = "30m" }
on_complete = { for_each = "output.items", bond = "arm", vars = { name = "{item.name}" }, parallel = true }

[[steps]]
id = "two"
title = "Two"
depends_on = ["one"]
needs = ["one"]
waits_for = "children-of(one)"
[[steps.children]]
id = "inner"
title = "Inner"

[[steps]]
id = "many"
[steps.loop]
range = "1..3"
var = "n"
[[steps.loop.body]]
id = "part"
title = "Part {n}"

[[advice]]
target = "two"
before = { id = "pre-{step.id}", title = "Before" }
[[advice.around.after]]
id = "post-{step.id}"

[[pointcuts]]
glob = "t*"
type = "task"
label = "x"

[compose]
aspects = ["audit"]
[[compose.bond_points]]
id = "end"
after_step = "two"
[[compose.hooks]]
trigger = "label:x"
attach = "extra"
at = "end"
[[compose.expand]]
target = "one"
with = "five"
vars = { depth = 2 }
[[compose.map]]
select = "*.impl"
with = "five"
[[compose.branch]]
from = "one"
steps = ["two"]
join = "many"
[[compose.gate]]
before = "two"
condition = "tests are green"
"""


def test_every_key_of_a_workflow_is_taken() -> None:
    found = parse(EVERYTHING.encode(), "all.formula.toml")
    assert found.unknown == ()
    assert (found.name, found.version, found.phase, found.pour) == ("all", 3, "liquid", True)
    assert found.settings == {"agent": "codex"}
    assert found.vars["plain"].default == "a default"
    assert found.vars["number"].default == "3"
    assert found.vars["full"].enum == ("a", "b")
    one, two, many = found.steps
    assert (one.priority, one.labels, one.gates[0].await_id, one.gates[0].timeout) == (0, ("x", "y"), "ci", "30m")
    assert one.metadata == {"k": "v", "n": 2, "parallel": True}
    assert one.conditions == ("{{full}} == a",)
    assert one.on_complete is not None
    assert one.on_complete.bond == "arm"
    assert two.needs == ("one",)  # needs and depends_on are one
    assert [child.id for child in two.children] == ["inner"]
    assert two.children[0].source_location == "steps[1].children[0]"
    assert many.loop is not None
    assert (many.loop.range, many.loop.body[0].source_location) == ("1..3", "steps[2].loop.body[0]")
    assert [step.id for step in found.advice[0].before] == ["pre-{step.id}"]
    assert [step.id for step in found.advice[0].after] == ["post-{step.id}"]
    assert found.compose.expand[0].vars == {"depth": "2"}
    assert found.compose.branch[0].join == "many"


def test_json_says_the_same_as_toml() -> None:
    import tomllib

    as_json = json.dumps(tomllib.loads(EVERYTHING)).encode()
    one, two = parse(EVERYTHING.encode(), "all.formula.toml"), parse(as_json, "all.formula.json")
    assert one.steps == two.steps
    assert one.compose == two.compose
    assert one.vars == two.vars


def test_unknown_keys_are_named_with_their_place() -> None:
    text = workflow("a") + '\ncolour = "red"\n'
    found = parse((text + "[extra]\nx = 1\n[compose]\nglue = 1\n").encode(), "x.formula.toml")
    assert set(found.unknown) == {"steps[0].colour", "extra", "compose.glue"}
    proto = Recipes(text).cook()
    assert proto.warnings == ("test.formula.toml: unknown key steps[0].colour",)


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ('formula = "a"\n[[legs]]\nid = "x"', FormulaType.CONVOY),
        ('formula = "a"\n[[template]]\nid = "x"\ntitle = "t"', FormulaType.EXPANSION),
        ('formula = "a"\n[[pointcuts]]\nglob = "x"', FormulaType.ASPECT),
        ('formula = "a"\n[[steps]]\nid = "x"\ntitle = "t"', FormulaType.WORKFLOW),
    ],
)
def test_type_follows_from_what_is_said_when_it_is_not(document: str, kind: FormulaType) -> None:
    assert parse(document.encode(), "a.formula.toml").type is kind


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("", "formula is required"),
        ('formula = "../x"', "not a name"),
        ('formula = "a"\nversion = 0', "version must be 1"),
        ('formula = "a"\nversion = true', "version is not a whole number"),
        ('formula = "a"\ntype = "poem"', "'poem' is none of"),
        ('formula = "a"\nphase = "solid"', "neither liquid nor vapor"),
        ('formula = "a"\n[[steps]]\ntitle = "t"', "steps[0]: id is required"),
        ('formula = "a"\n[[steps]]\nid = "s"', "steps[0] (s): title is required"),
        ('formula = "a"\n[[steps]]\nid = "s"\ntitle = "t"\npriority = 9', "priority: 9"),
        ('formula = "a"\n[[steps]]\nid = "s"\ntitle = "t"\nneeds = "x"', "needs is not a list of texts"),
        ('formula = "a"\n[[steps]]\nid = "s"\ntitle = "t"\nwaits_for = "luck"', "waits_for: 'luck'"),
        ('formula = "a"\n[[steps]]\nid = "s"\ntitle = "t"\ngate = {type = "moon"}', "gate: type: 'moon'"),
        ('formula = "a"\n[[steps]]\nid = "s"\ntitle = "t"\ngate = {type = "timer"}', "a timer needs a timeout"),
        ('formula = "a"\n[[steps]]\nid = "s"\nloop = {count = 0, body = []}', "body is required"),
        (
            'formula = "a"\n[[steps]]\nid = "s"\nloop = {count = 2, range = "1..2", body = [{id = "x", title = "t"}]}',
            "only one",
        ),
        (
            'formula = "a"\n[[steps]]\nid = "s"\nloop = {until = "x", body = [{id = "x", title = "t"}]}',
            "until needs a max",
        ),
        ('formula = "a"\n[vars.v]\nrequired = true\ndefault = "x"', "required and has a default"),
        ('formula = "a"\n[vars.v]\npattern = "("', "pattern"),
        ('formula = "a"\n[vars.v]\ntype = "colour"', "vars.v: type"),
        ('formula = "a"\n[vars]\n"a b" = "x"', "not a variable's name"),
        ('formula = "a"\n[[pointcuts]]', "one of glob, type or label"),
        ('formula = "a"\n[[compose.hooks]]\ntrigger = "moon"\nattach = "x"', "trigger"),
        ('formula = "a"\n[[compose.bond_points]]\nid = "p"\nafter_step = "x"\nbefore_step = "y"', "exclude"),
        ('formula = "a"\nsteps = 3', "steps is not a list of tables"),
        ("formula = ", "not TOML"),
    ],
)
def test_senseless_documents_are_refused_with_file_and_place(document: str, said: str) -> None:
    with pytest.raises(FormulaInvalid) as refused:
        parse(document.encode(), "bad.formula.toml")
    assert said in refused.value.message
    assert refused.value.message.startswith("bad.formula.toml")


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe", b"[", b"{" * 5000, b'{"formula": "a\\u0000b"}', b'{"formula": "a", "description": "\\ud800"}']
)
def test_what_is_no_json_formula_is_refused(raw: bytes) -> None:
    with pytest.raises(FormulaInvalid):
        parse(raw, "bad.formula.json")


def test_steps_that_nest_without_end_are_refused() -> None:
    step: dict[str, object] = {"id": "s", "title": "t"}
    for number in range(200):
        step = {"id": f"s{number}", "title": "t", "children": [step]}
    with pytest.raises(FormulaInvalid, match="nested more than"):
        parse(json.dumps({"formula": "deep", "steps": [step]}).encode(), "deep.formula.json")


def test_a_document_of_many_megabytes_is_refused_unread() -> None:
    with pytest.raises(FormulaInvalid, match="longer than 4 MB"):
        parse(b"#" * 4_000_001, "big.formula.toml")
