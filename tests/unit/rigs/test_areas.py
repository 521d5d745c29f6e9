"""Which area a change is in, and which areas can be declared."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gastown.ids import BadName
from gastown.rigs import BadArea, check_areas, find_area
from gastown.rigs.areas import MOST_AREAS, MOST_PATHS, MOST_PATTERNS, is_match

AREAS = {"api": ["api/**", "proto/*.proto"], "docs": ["**/*.md"], "web": ["web/**"]}


@pytest.mark.parametrize(
    ("paths", "area"),
    [
        (["web/a.ts", "web/deep/er/b.ts"], "web"),
        (["api/x", "proto/y.proto"], "api"),
        (["api/x", "web/y"], ""),
        (["web/a.ts", "Makefile"], ""),
        (["proto/deep/y.proto"], ""),
        (["README.md", "lib/notes.md"], "docs"),
        (["web/README.md"], ""),  # in two of them, and so in neither
        (["website/a.ts"], ""),
        ([], ""),
    ],
)
def test_a_change_is_in_an_area_when_all_of_it_is(paths: list[str], area: str) -> None:
    assert find_area(AREAS, paths) == area


def test_a_change_of_very_many_files_is_in_none() -> None:
    paths = [f"web/{number}" for number in range(MOST_PATHS)]
    assert find_area(AREAS, paths) == "web"
    assert find_area(AREAS, [*paths, "web/more"]) == ""


def _as_regex(pattern: str) -> str:
    names = []
    for name in pattern.split("/"):
        if name == "**":
            names.append(r"(?:[^/]+/)*")
        else:
            names.append("".join({"*": "[^/]*", "?": "[^/]"}.get(one, re.escape(one)) for one in name) + "/")
    return "".join(names)


_PATTERN = st.lists(st.sampled_from(["**", "*", "a*", "?b", "a", "*b*", "a?*a"]), min_size=1, max_size=5).map("/".join)
_PATH = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=5).map("/".join)


@given(_PATTERN, _PATH)
def test_a_pattern_matches_as_the_regular_expression_does(pattern: str, path: str) -> None:
    assert is_match(pattern, path) == bool(re.fullmatch(_as_regex(pattern), path + "/"))


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    assert not is_match("/".join(["**", "*a*a*a*a*a*a*b"] * 10), "/".join(["a" * 200] * 40))


@pytest.mark.parametrize(
    "pattern", ["", "/web", "web/", "web//x", "../web", "web/./x", "a**b", "we\\b", "x\n", "y" * 201]
)
def test_what_matches_no_path_is_refused(pattern: str) -> None:
    with pytest.raises(BadArea, match="area web"):
        check_areas({"web": [pattern]})


def test_names_and_numbers_of_areas_are_checked() -> None:
    with pytest.raises(BadName):
        check_areas({"Web": ["web/**"]})
    with pytest.raises(BadArea, match="1 to 32"):
        check_areas({"web": []})
    with pytest.raises(BadArea, match="1 to 32"):
        check_areas({"web": [f"w{number}/**" for number in range(MOST_PATTERNS + 1)]})
    with pytest.raises(BadArea, match="16 at most"):
        check_areas({f"a{number}": ["x"] for number in range(MOST_AREAS + 1)})


def test_areas_are_kept_in_the_order_of_their_names() -> None:
    assert list(check_areas({"web": ["web/**", "web/**"], "api": ["api/**"]}).items()) == [
        ("api", ["api/**"]),
        ("web", ["web/**"]),
    ]
