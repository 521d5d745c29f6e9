"""The formulas that people have: each is read, cooked and bound. Skipped where they are not."""

import pytest

from gastown.molecules import Library, bind, cook, list_formulas
from tests.support.recipes import REAL, needs

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="no real formulas here")
GIVEN = {"feature": "login"}
VALUES = {"shiny": GIVEN, "shiny-enterprise": GIVEN, "shiny-secure": GIVEN, "code-review": {"pr": "12"}}
STEPS = {
    "code-review": 11,
    "rule-of-five": 5,
    "security-audit": 4,
    "shiny": 5,
    "shiny-enterprise": 9,
    "shiny-secure": 9,
    "tdd-cycle": 5,
    "towers-of-hanoi-7": 129,
}


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_real_formula_is_read_whole_and_comes_to_its_steps(name: str) -> None:
    library = Library((REAL,))
    proto = cook(library.load(name), library.load, VALUES.get(name, {}))
    assert proto.warnings == ()
    bound = bind(proto, VALUES.get(name, {}))
    assert len(bound.steps) == STEPS[name]


def test_the_folder_holds_no_other_formula() -> None:
    assert [(one.name, one.problem) for one in list_formulas(Library((REAL,)))] == [
        (name, "") for name in sorted(STEPS)
    ]


def test_the_audit_is_really_woven_into_the_work() -> None:
    library = Library((REAL,))
    waits = needs(cook(library.load("shiny-secure"), library.load, GIVEN))
    assert waits["implement-security-prescan"] == ["design"]
    assert waits["implement"] == ["implement-security-prescan"]
    assert waits["review"] == ["implement-security-postscan"]
    assert waits["submit-security-postscan"] == ["submit"]


def test_the_rule_of_five_takes_the_place_of_the_step() -> None:
    library = Library((REAL,))
    waits = needs(cook(library.load("shiny-enterprise"), library.load, GIVEN))
    assert waits["implement.draft"] == ["design"]
    assert waits["review"] == ["implement.refine-4"]
