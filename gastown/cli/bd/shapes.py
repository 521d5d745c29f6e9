"""What `bd` prints of beads: JSON with the version of its shape, lines, and whole beads for people."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gastown.cli.context import Context
from gastown.cli.output import table

if TYPE_CHECKING:
    from sqlmodel import Session

    from gastown.beads import Bead

SCHEMA_VERSION = 1
_TEXTS = (
    ("description", "Description"),
    ("design", "Design"),
    ("acceptance_criteria", "Acceptance Criteria"),
    ("notes", "Notes"),
)
_TIMES = (
    ("created_at", "Created"),
    ("updated_at", "Updated"),
    ("started_at", "Started"),
    ("closed_at", "Closed"),
    ("due_at", "Due"),
    ("defer_until", "Deferred Until"),
)
_LINES = (
    ("assignee", "Assignee"),
    ("owner", "Owner"),
    *_TIMES,
    ("close_reason", "Close Reason"),
    ("landed_sha", "Landed"),
    ("estimated_minutes", "Estimate"),
    ("external_ref", "External Ref"),
    ("spec_id", "Spec"),
    ("mol_type", "Molecule Type"),
    ("wisp_type", "Wisp Type"),
    ("await_type", "Waits For"),
    ("await_id", "Await Id"),
    ("parent", "Parent"),
)


def emit(context: Context, value: dict[str, Any]) -> None:
    """Print one JSON object with the version of its shape."""
    context.print_json({**value, "schema_version": SCHEMA_VERSION})


def issues(session: "Session", beads: "Sequence[Bead]") -> list[dict[str, Any]]:
    """Beads as elements of a listing."""
    from gastown.beads import list_json

    return list_json(session, beads)


def details(session: "Session", beads: "Sequence[Bead]") -> list[dict[str, Any]]:
    """Beads as `show` has them."""
    from gastown.beads import show_json

    return show_json(session, beads)


def print_beads(context: Context, session: "Session", beads: "Sequence[Bead]", *, empty: str) -> None:
    """A listing: JSON, or one line a bead."""
    if context.json:
        context.print_json(issues(session, beads))
        return
    rows = [(bead.id, f"P{bead.priority}", bead.issue_type, bead.status, bead.assignee, bead.title) for bead in beads]
    table(context, ("ID", "PRIO", "TYPE", "STATUS", "ASSIGNEE", "TITLE"), rows, empty=empty)


def describe(item: dict[str, Any], *, local_time: bool = False) -> str:
    """A whole bead for people."""
    from gastown.beads import local

    shown = {**item, **{name: local(item[name]) for name, _ in _TIMES if local_time and item.get(name)}}
    lines = [f"{item['id']}: {item['title']}", f"Status: {item['status']}", f"Priority: P{item['priority']}"]
    lines.append(f"Type: {item['issue_type']}")
    lines += [f"{heading}: {shown[name]}" for name, heading in _LINES if shown.get(name)]
    if item["labels"]:
        lines.append(f"Labels: {', '.join(item['labels'])}")
    if item.get("metadata"):
        lines += [f"Metadata: {', '.join(f'{key}={value}' for key, value in item['metadata'].items())}"]
    for name, heading in _TEXTS:
        if item.get(name):
            lines += ["", f"{heading}:", item[name]]
    for name, heading in (("dependencies", "Dependencies"), ("dependents", "Dependents")):
        if item[name]:
            lines += ["", f"{heading} ({len(item[name])}):"]
            lines += [
                f"  {other['id']} [{other['status']}] {other['dependency_type']}: {other['title']}"
                for other in item[name]
            ]
    if item["comments"]:
        lines += ["", f"Comments ({len(item['comments'])}):"]
        for said in item["comments"]:
            at = said.get("created_at", "")
            lines.append(f"  {local(at) if local_time and at else at} {said['author']}: {said['text']}")
    return "\n".join(lines)
