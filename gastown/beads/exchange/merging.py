"""Bringing two versions of a bead together that both went on from a third one: field by field, as lines of JSON.

What only one side changed is taken from that side. Where both did: `closed` beats any other status; the more urgent
priority counts; notes are kept from both; of other fields the version that was changed later counts. Labels, edges
and comments that either side added stay, and those that either side took away are gone. A deletion beats a change.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from gastown.beads.jsonl import TIMES
from gastown.beads.models import BeadStatus

Line = Mapping[str, Any]


class Resolve(StrEnum):
    """Which side counts where both changed the same field."""

    NEWEST = "newest"
    OURS = "ours"  # the store
    THEIRS = "theirs"  # the file


# What goes with the status: taken from the side whose status is taken.
_WITH_STATUS = ("closed_at", "close_reason", "closed_by_session", "deleted_at", "deleted_by", "delete_reason")
_RELATED: dict[str, Callable[[Any], Any]] = {
    "labels": lambda label: label,
    "dependencies": lambda edge: (edge.get("depends_on_id"), edge.get("type")),
    "comments": lambda remark: (remark.get("author"), _moment(remark.get("created_at")), remark.get("text")),
}
# Counts that others write; never believed.
_DERIVED = frozenset({"dependency_count", "dependent_count", "comment_count", "_type"})


def _moment(text: Any) -> Any:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        return text


def same(one: Any, two: Any, name: str = "") -> bool:
    """Whether both say the same: times are compared as instants, and nothing is the same as an empty thing."""
    if name in TIMES:
        return bool(_moment(one) == _moment(two))
    return bool((one or None) == (two or None)) or one == two


def is_same(one: Line, two: Line) -> bool:
    """Whether two lines say the same about a bead."""
    names = ({*one} | {*two}) - _DERIVED - {*_RELATED}
    return all(same(one.get(name), two.get(name), name) for name in names) and all(
        {key(item) for item in one.get(name) or ()} == {key(item) for item in two.get(name) or ()}
        for name, key in _RELATED.items()
    )


def merge(base: Line, ours: Line, theirs: Line, resolve: Resolve = Resolve.NEWEST) -> dict[str, Any]:
    """One line that says what both sides changed since `base`."""
    first, second = _in_order(ours, theirs, resolve)
    merged: dict[str, Any] = {}
    for name in dict.fromkeys((*ours, *theirs)):
        if name not in _DERIVED and name not in _RELATED:
            merged[name] = _field(name, base, first, second)
    winner = _status(base, first, second, resolve)
    for name in ("status", *_WITH_STATUS):
        merged[name] = winner.get(name)
    merged["updated_at"] = max(
        (line["updated_at"] for line in (ours, theirs) if line.get("updated_at")), key=_moment, default=None
    )
    for name, key in _RELATED.items():
        merged[name] = _related(key, *(side.get(name) or () for side in (base, first, second)))
    return {name: value for name, value in merged.items() if value is not None and value != []}


def _in_order(ours: Line, theirs: Line, resolve: Resolve) -> tuple[Line, Line]:
    """The side that counts where both changed a field, and the other one."""
    is_later = (_moment(theirs.get("updated_at")) or 0) > (_moment(ours.get("updated_at")) or 0)
    is_theirs = resolve is Resolve.THEIRS or (resolve is Resolve.NEWEST and is_later)
    return (theirs, ours) if is_theirs else (ours, theirs)


def _field(name: str, base: Line, first: Line, second: Line) -> Any:
    before, one, two = base.get(name), first.get(name), second.get(name)
    if same(one, before, name):
        return two
    if same(two, before, name) or same(one, two, name):
        return one
    if name == "notes":
        return _joined(str(one or ""), str(two or ""))
    if name == "priority" and isinstance(one, int) and isinstance(two, int):
        return min(one, two)
    return one


def _joined(one: str, two: str) -> str:
    if two in one:
        return one
    return two if one in two else f"{one}\n\n{two}"


def _status(base: Line, first: Line, second: Line, resolve: Resolve) -> Line:
    """The side whose status is taken."""
    before, one, two = (line.get("status", "open") for line in (base, first, second))
    if one == two or two == before:
        return first
    if one == before:
        return second
    if resolve is Resolve.NEWEST:
        for word in (BeadStatus.TOMBSTONE, BeadStatus.CLOSED):
            if two == word:
                return second
            if one == word:
                return first
    return first


def _related(key: Callable[[Any], Any], base: Sequence[Any], first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    """What both have, and what either side added."""
    before, one, two = ({key(item): item for item in side} for side in (base, first, second))
    taken = {**two, **one}
    return [item for name, item in taken.items() if (name in one and name in two) or name not in before]
