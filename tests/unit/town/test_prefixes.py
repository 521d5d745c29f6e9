"""Prefixes of new rigs."""

from hypothesis import given
from hypothesis import strategies as st

from gastown.ids import check_prefix
from gastown.town.prefixes import choose_prefix

NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,39}", fullmatch=True)


def test_prefix_is_short_and_speaks() -> None:
    assert choose_prefix("app", ()) == "app"
    assert choose_prefix("my-app", ()) == "ma"
    assert choose_prefix("gastown", ()) == "gas"
    assert choose_prefix("gastown", ("gas",)) == "gast"


@given(NAMES, st.sets(NAMES))
def test_prefix_is_always_valid_and_free(name: str, taken: set[str]) -> None:
    assert check_prefix(choose_prefix(name, taken)) not in taken


def test_prefix_is_numbered_when_all_shorter_ones_are_taken() -> None:
    taken: set[str] = set()
    for _ in range(30):
        prefix = choose_prefix("ab-cd", taken)
        check_prefix(prefix)
        taken.add(prefix)
    assert len(taken) == 30
