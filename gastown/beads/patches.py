"""Changes to a bead's own fields, as values: which there are and what they may hold."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypedDict

from sqlmodel import Session

from gastown.beads import checks as check
from gastown.beads.errors import BadField
from gastown.beads.models import Bead
from gastown.beads.words.vocabulary import check_type

LONG_TEXTS = ("description", "design", "acceptance_criteria", "notes")


class Patch(TypedDict, total=False):
    """Changes to a bead's own fields; absent keys stay as they are."""

    title: str
    description: str
    design: str
    acceptance_criteria: str
    notes: str
    append_notes: str
    spec_id: str
    status: str
    priority: int
    issue_type: str
    assignee: str
    estimated_minutes: int | None
    external_ref: str | None
    due_at: datetime | None
    defer_until: datetime | None
    ephemeral: bool
    no_history: bool
    await_id: str
    by_session: str
    """Who closes it, with the status `closed`."""
    merge_metadata: dict[str, Any]
    unset_metadata: Sequence[str]


# What checks each field that is set as it is given.
_CHECKS: dict[str, Callable[[Any], Any]] = {
    **{name: partial(check.check_text, name) for name in LONG_TEXTS},
    "title": check.check_title,
    "spec_id": partial(check.check_short, "spec id"),
    "assignee": partial(check.check_short, "assignee"),
    "priority": check.check_priority,
    "estimated_minutes": check.check_estimate,
    "external_ref": lambda value: check.check_short("external ref", value or "") or None,
    "ephemeral": bool,
    "no_history": bool,
    "await_id": partial(check.check_short, "await id"),
    "due_at": lambda value: value,
    "defer_until": lambda value: value,
}


def update_values(session: Session, bead: Bead, patch: Patch) -> dict[str, Any]:
    """The columns that `patch` sets on `bead`, the status apart; refuses values that a bead cannot have."""
    given: Mapping[str, Any] = patch
    values = {name: _CHECKS[name](value) for name, value in given.items() if name in _CHECKS}
    if "issue_type" in patch:
        values["issue_type"] = check_type(session, patch["issue_type"])
    if "append_notes" in patch:
        added = check.check_text("notes", patch["append_notes"])
        values["notes"] = f"{bead.notes}\n{added}" if bead.notes else added
    if values.get("ephemeral", bead.ephemeral) and values.get("no_history", bead.no_history):
        raise BadField(f"{bead.id} cannot be both a wisp and kept without history")
    if "merge_metadata" in patch or "unset_metadata" in patch:
        values["meta"] = _metadata(bead, patch)
    return values


def _metadata(bead: Bead, patch: Patch) -> dict[str, Any]:
    gone = set(patch.get("unset_metadata", ()))
    merged = {key: value for key, value in bead.meta.items() if key not in gone} | patch.get("merge_metadata", {})
    return check.check_metadata(merged)
