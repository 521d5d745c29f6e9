"""Beads, edges and comments as the exchange format names them: what `--json` shows and what an export holds."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from gastown.beads.jsonl import COLUMNS, OPTIONAL, TIMES, parse_time
from gastown.beads.models import Bead, Comment, Dependency


def iso(moment: datetime) -> str:
    """RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def bead_json(bead: Bead | Mapping[str, Any], *, exact: bool = False) -> dict[str, Any]:
    """A bead's fields as the exchange format names them, empty ones left out; `exact` gives back what was imported."""
    read: Callable[[str], Any] = bead.__getitem__ if isinstance(bead, Mapping) else bead.__getattribute__
    extra: dict[str, Any] = read("extra")
    said = extra if exact else {key: value for key, value in extra.items() if value not in (None, "", [], {})}
    found: dict[str, Any] = {"id": read("id"), **said}
    for name in COLUMNS:
        value = read(name)
        if name in TIMES:
            if value is not None:
                found[name] = _exact_time(name, value, read("exact_times"))
        elif name == "priority" or (value is not None if name in OPTIONAL else value):
            found[name] = value
    if read("meta"):
        found["metadata"] = read("meta")
    return found


def _exact_time(name: str, value: datetime, exact: Mapping[str, str]) -> str:
    text = exact.get(name)
    if text is not None and parse_time(text)[0] == value:
        return text
    return iso(value)


def edge_json(edge: Dependency) -> dict[str, Any]:
    """An edge as the exchange format has it."""
    found: dict[str, Any] = {"issue_id": edge.issue_id, "depends_on_id": edge.depends_on_id, "type": edge.type}
    if edge.created_at is not None:
        found["created_at"] = iso(edge.created_at)
    for name, value in (("created_by", edge.created_by), ("metadata", edge.meta), ("thread_id", edge.thread_id)):
        if value:
            found[name] = value
    return {**found, **edge.extra}


def comment_json(comment: Comment) -> dict[str, Any]:
    """A comment as the exchange format has it."""
    number: int | str = int(comment.id) if comment.id.isdigit() else comment.id
    found: dict[str, Any] = {"id": number, "issue_id": comment.bead_id, "author": comment.author, "text": comment.text}
    if comment.created_at is not None:
        found["created_at"] = iso(comment.created_at)
    return {**found, **comment.extra}


def line_json(
    bead: Bead | Mapping[str, Any], labels: Iterable[str], edges: Iterable[Dependency], comments: Iterable[Comment]
) -> dict[str, Any]:
    """A whole line."""
    found = bead_json(bead, exact=True)
    for name, value in (
        ("labels", list(labels)),
        ("dependencies", [edge_json(edge) for edge in edges]),
        ("comments", [comment_json(comment) for comment in comments]),
    ):
        if value:
            found[name] = value
    return found
