"""Edges from a file: one JSON object a line, as exports have them under `dependencies`."""

import json
from typing import Any

from gastown.beads.edges import NewEdge
from gastown.beads.errors import BadField
from gastown.beads.models import DependencyType

LINES_LIMIT = 200_000
_SOURCES = ("issue_id", "from", "from_id")
_TARGETS = ("depends_on_id", "to", "to_id")


def read_edges(text: str) -> list[NewEdge]:
    """The edges that the lines say; refuses what is none with the line's number."""
    lines = text.split("\n")
    if len(lines) > LINES_LIMIT:
        raise BadField(f"more than {LINES_LIMIT} lines", hint="Split the file.")
    return [_edge(line, number) for number, line in enumerate(lines, 1) if line.strip()]


def _edge(line: str, number: int) -> NewEdge:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise BadField(f"line {number} is not a JSON object", hint='Write {"issue_id": "...", "depends_on_id": "..."}.')
    metadata = said.get("metadata", "")
    return NewEdge(
        _text(said, _SOURCES, number),
        _text(said, _TARGETS, number),
        _text(said, ("type",), number, DependencyType.BLOCKS.value),
        metadata if isinstance(metadata, str) else json.dumps(metadata),
    )


def _text(said: dict[str, Any], names: tuple[str, ...], number: int, default: str = "") -> str:
    found = [said[name] for name in names if name in said] or [default]
    if not isinstance(found[0], str) or not found[0]:
        raise BadField(f"line {number} has no {names[0]}", hint='Write {"issue_id": "...", "depends_on_id": "..."}.')
    text: str = found[0]
    return text
