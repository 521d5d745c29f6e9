import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gastown.beads.errors import BadField
from gastown.beads.views.patterns import compile_pattern

LETTERS = st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", "[b-c]", "\\w", "\\d"])
PATTERNS = st.recursive(
    LETTERS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{0,}", "*?"])).map(
            lambda two: f"(?:{two[0]}){two[1]}"
        ),
    ),
    max_leaves=5,
)


@given(PATTERNS, st.booleans(), st.booleans(), st.text("abcd1", max_size=7))
def test_it_finds_what_the_engine_of_python_finds(pattern: str, begins: bool, ends: bool, text: str) -> None:
    pattern = "^" * begins + f"(?:{pattern})" + "$" * ends
    assert compile_pattern(pattern).search(text) == bool(re.search(pattern, text)), pattern


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("^tech-(debt|legacy)$", "tech-legacy"), ("(?i)^BUG", "bugfix"), ("a\\.b", "a.b"), ("[]x]", "]"), ("ß|é", "é")],
)
def test_labels_are_found(pattern: str, text: str) -> None:
    assert compile_pattern(pattern).search(text)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(a*)*b", "a*a*a*a*a*a*b", "(.*){1,20}x"])
def test_what_stops_other_engines_takes_no_time(pattern: str) -> None:
    began = time.perf_counter()
    compile_pattern(pattern).search("a" * 255 + "!")
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "(",
            ")",
            "a)",
            "[",
            "[a",
            "*a",
            "a{",
            "a{2",
            "a{3,2}",
            "a{99999}",
            "\\",
            "\\q",
            "(?=a)",
            "(?P<x>a)",
            "[z-a]",
        ),
        *("a" * 201, "((a{1000}){1000}){1000}", "(" * 60 + ")" * 60, "(?i"),
    ],
)
def test_what_is_not_understood_is_refused(pattern: str) -> None:
    with pytest.raises(BadField, match="regular expression"):
        compile_pattern(pattern)
