"""The arithmetic of ranges, the values of variables, conditions, and the templates of convoy prompts."""

import pytest

from gastown.molecules import VariableInvalid, bind, parse_values
from gastown.molecules.prompts import render
from gastown.molecules.ranges import BadRange, parse_range
from gastown.molecules.variables import holds, substitute
from tests.support.recipes import Recipes, workflow


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("1..3", 1, 3),
        ("1..2^{n}-1", 1, 7),
        ("{{n}}..{n}*2", 3, 6),
        ("-2..(1+2)*2/3", -2, 2),
        ("1..2^2^{n}", 1, 256),
        ("5..5", 5, 5),
    ],
)
def test_ranges_are_worked_out(text: str, first: int, last: int) -> None:
    assert parse_range(text, {"n": "3"}) == range(first, last + 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        "3..1",
        "1..{m}",
        "1..2x",
        "1..",
        "1..9^9^9^9",
        "1..1/0",
        "1.." + "(" * 99,
        "1..--" + "-" * 99 + "1",
        "1..2 3",
    ],
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(BadRange):
        parse_range(text, {"n": "3"})


def test_a_value_is_put_in_once_and_never_looked_at_again() -> None:
    assert substitute("{{a}} {{ b }} {{c}}", {"a": "{{b}}", "b": "2"}) == "{{b}} 2 {{c}}"


@pytest.mark.parametrize(
    ("condition", "values", "wanted"),
    [
        ("{{v}}", {"v": "yes"}, True),
        ("{{v}}", {"v": "false"}, False),
        ("{{v}}", {}, False),
        ("!{{v}}", {}, True),
        ("!{{v}}", {"v": "0"}, True),
        ("{{v}} == a b", {"v": "a b"}, True),
        ("{{v}} == 'a'", {"v": "a"}, True),
        ("{{v}} != a", {"v": "a"}, False),
        ("{{v}} != a", {}, True),
    ],
)
def test_conditions(condition: str, values: dict[str, str], wanted: bool) -> None:
    assert holds(condition, values) is wanted


VARIABLES = """
[vars.kind]
enum = ["fast", "slow"]
default = "fast"
[vars.name]
required = true
pattern = "^[a-z]+$"
description = "What it is called"
[vars.count]
type = "int"
default = 1
[vars.dry]
type = "bool"
default = false
"""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "missing required variable: name"),
        ({"name": "x", "nmae": "y"}, "no variable 'nmae'"),
        ({"name": "X"}, "does not fit"),
        ({"name": "x", "kind": "odd"}, "'odd' is not allowed"),
        ({"name": "x", "count": "many"}, "not a whole number"),
        ({"name": "x", "dry": "maybe"}, "neither true nor false"),
        ({"name": "x" * 70_000}, "longer than"),
    ],
)
def test_values_that_a_formula_does_not_take_are_refused(given: dict[str, str], said: str) -> None:
    recipes = Recipes(workflow("a") + VARIABLES)
    with pytest.raises(VariableInvalid) as refused:
        bind(recipes.cook(), given)
    assert said in refused.value.message


def test_what_is_missing_is_explained() -> None:
    with pytest.raises(VariableInvalid) as refused:
        bind(Recipes(workflow("a") + VARIABLES).cook(), {})
    assert "name: What it is called" in str(refused.value.hint)


def test_a_name_that_no_one_declared_needs_a_value_when_a_text_holds_it() -> None:
    recipes = Recipes(workflow("a").replace("Do a", "Do {{what}}"))
    with pytest.raises(VariableInvalid, match="missing required variable: what"):
        bind(recipes.cook(), {})
    assert bind(recipes.cook(), {"what": "it"}).steps[0].title == "Do it"


@pytest.mark.parametrize("text", ["novalue", "=x", "a b=x", "a-b=1"])
def test_values_are_said_as_name_equals_value(text: str) -> None:
    with pytest.raises(VariableInvalid, match="not NAME=VALUE"):
        parse_values([text])


def test_a_value_may_hold_equals_signs_and_be_empty() -> None:
    assert parse_values(["a=b=c", "d="]) == {"a": "b=c", "d": ""}


def test_two_values_for_one_name_are_refused() -> None:
    with pytest.raises(VariableInvalid, match="two values"):
        parse_values(["a=1", "a=2"])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("no actions", "no actions"),
        ("{{.a.b}}!", "deep!"),
        ("{{.nothing}}", "{{.nothing}}"),
        ("{{if .x}}yes{{else}}no{{end}}", "yes"),
        ("{{if .nothing}}yes{{else}}no{{end}}", "no"),
        ("{{range .list}}<{{.}}>{{end}}", "<1><2>"),
        ("{{range .rows}}{{.path}} {{end}}", "p q "),
        ("a {{- .x -}} b", "aXb"),
        ("{{if .x}}{{if .nothing}}1{{else}}2{{end}}3{{end}}4", "234"),
        ('{{template "x"}}{{end}}', '{{template "x"}}{{end}}'),
        ("{{name}}", "{{name}}"),
    ],
)
def test_the_templates_of_convoy_prompts(text: str, wanted: str) -> None:
    said = {"x": "X", "a": {"b": "deep"}, "list": ["1", "2"], "rows": [{"path": "p"}, {"path": "q"}]}
    assert render(text, said) == wanted
