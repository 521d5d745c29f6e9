"""Areas of a rig: parts of its tree that people declare to have little to do with each other. Pure.

An area is a name and patterns of paths. `*` stands for any part of one name, `?` for one character of it, `**` for any
number of folders; everything else stands for itself. A path that patterns of two areas match is in neither.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from gastown.errors import Invalid
from gastown.ids import check_label_name

T = TypeVar("T")
Areas = Mapping[str, Sequence[str]]
"""The patterns of each area, by its name."""

COMMON = ""
"""Where a change belongs that is not all in one area."""
MOST_AREAS = 16
MOST_PATTERNS = 32  # of one area
LONGEST_PATTERN = 200  # characters
# A change of more files is in no area: what touches so much has to do with everything.
MOST_PATHS = 2000


class BadArea(Invalid):
    """Something that is given as an area cannot be one."""


def check_areas(areas: Areas) -> Areas:
    """Return the areas in the order of their names, or refuse them: a bad name or pattern, or too many."""
    if len(areas) > MOST_AREAS:
        raise BadArea(f"{len(areas)} areas: a rig has {MOST_AREAS} at most", hint="Join some: --area NAME=GLOB,GLOB.")
    for name, patterns in areas.items():
        check_label_name(name)
        if not 1 <= len(patterns) <= MOST_PATTERNS:
            raise BadArea(f"area {name} has {len(patterns)} patterns: it needs 1 to {MOST_PATTERNS}")
        for pattern in patterns:
            _check_pattern(name, pattern)
    return {name: list(dict.fromkeys(areas[name])) for name in sorted(areas)}


def _check_pattern(name: str, pattern: str) -> None:
    fault = _fault_of(pattern)
    if fault:
        raise BadArea(
            f"area {name}: {pattern[:60]!r} is no pattern of paths: {fault}",
            hint="A pattern is like 'web/**' or 'docs/*.md': from the repository's root, with / between names.",
        )


def _fault_of(pattern: str) -> str:
    parts = pattern.split("/")
    if not pattern or len(pattern) > LONGEST_PATTERN:
        return f"it needs 1 to {LONGEST_PATTERN} characters"
    if not pattern.isprintable() or "\\" in pattern:
        return "it holds a backslash or a character that cannot be shown"
    if "" in parts:
        return "it begins or ends with / or has two of them in a row"
    if "." in parts or ".." in parts:
        return "a path in git has no . or .. in it"
    return "** stands alone between two /" if any("**" in part and part != "**" for part in parts) else ""


def find_area(areas: Areas, paths: Iterable[str]) -> str:
    """The area that all the paths are in; `COMMON` where they are in several, one of them in none, or there is none."""
    found = COMMON
    for number, path in enumerate(paths, 1):
        mine = [name for name, patterns in areas.items() if any(is_match(pattern, path) for pattern in patterns)]
        if len(mine) != 1 or number > MOST_PATHS or found not in (COMMON, mine[0]):
            return COMMON
        found = mine[0]
    return found


def is_match(pattern: str, path: str) -> bool:
    """Whether the pattern stands for the path."""
    return _covers(pattern.split("/"), path.split("/"), "**", _is_name)


def _is_name(pattern: str, name: str) -> bool:
    return _covers(pattern, name, "*", lambda one, other: one in ("?", other))


def _covers(pattern: Sequence[T], items: Sequence[T], star: T, same: Callable[[T, T], bool]) -> bool:
    """Match with a star for any number of items. The last star alone is tried longer: no pattern takes long."""
    at = place = back = 0
    last = -1
    while place < len(items):
        if at < len(pattern) and pattern[at] == star:
            last, back = at, place
            at += 1
        elif at < len(pattern) and same(pattern[at], items[place]):
            at, place = at + 1, place + 1
        elif last >= 0:
            back += 1
            at, place = last + 1, back
        else:
            return False
    return all(one == star for one in pattern[at:])
