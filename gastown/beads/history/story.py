"""What changed in a bead, event by event."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from gastown.beads.changes import as_json
from gastown.beads.history.lineage import list_events
from gastown.beads.history.replay import BEAD_KINDS, State, step
from gastown.beads.rendering import iso
from gastown.events import Event, EventKind

# Said by the entry itself, or derived from what is said.
_SILENT = frozenset({"updated_at", "is_top", "prefix", "is_failure", "exact_times"})


@dataclass(frozen=True)
class Entry:
    """One event of a bead: who did what, and what it was before and after."""

    id: int
    bead_id: str
    at: datetime
    actor: str
    event_type: str
    old: dict[str, Any]
    new: dict[str, Any]
    comment: str

    def as_json(self) -> dict[str, Any]:
        """The entry as `--json` shows it."""
        return {
            "id": self.id,
            "issue_id": self.bead_id,
            "event_type": self.event_type,
            "actor": self.actor,
            "old_value": self.old,
            "new_value": self.new,
            "comment": self.comment,
            "created_at": iso(self.at),
        }


def list_history(session: Session, bead_id: str) -> list[Entry]:
    """Everything that changed the bead, newest first."""
    return list(reversed(list(_entries(list_events(session, bead_id)))))


def _entries(events: list[Event]) -> Iterator[Entry]:
    state: State | None = None
    for event in events:
        if event.kind not in BEAD_KINDS and event.kind != EventKind.BEAD_AUDITED:
            continue
        before = copy.deepcopy(state)
        state = step(state, event)
        old, new = _difference(before, state)
        if event.kind == EventKind.BEAD_AUDITED:
            new = {"audited": event.payload.get("interaction")}
        reason = event.payload.get("reason") or event.payload.get("delete_reason") or ""
        yield Entry(
            id=event.id or 0,
            bead_id=str(event.bead_id),
            at=event.at,
            actor=event.actor,
            event_type=event_type(event.kind),
            old=old,
            new=new,
            comment=str(reason),
        )


def event_type(kind: EventKind) -> str:
    """The word of the exchange format for a kind: `closed`, `label_added`."""
    noun, _, happened = kind.value.partition(".")
    return happened if noun == "bead" else f"{noun}_{happened}"


def _difference(before: State | None, after: State | None) -> tuple[dict[str, Any], dict[str, Any]]:
    was, now = _flat(before), _flat(after)
    names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    if before is None or after is None:  # what was empty need not be said of a bead that comes or goes
        names = [name for name in names if was.get(name) or now.get(name) or name == "priority"]
    return {name: was[name] for name in names if name in was}, {name: now[name] for name in names if name in now}


def _flat(state: State | None) -> dict[str, Any]:
    """A state as one level of names; labels, edges and comments have a name each, so that one more is one change."""
    if state is None:
        return {}
    shown = {"metadata" if name == "meta" else name: as_json(value) for name, value in state.fields.items()}
    return {
        "id": state.id,
        **{name: value for name, value in shown.items() if name not in _SILENT},
        **{f"label {label}": True for label in sorted(state.labels)},
        **{f"dependency {target} ({kind})": values["meta"] or True for (target, kind), values in state.edges.items()},
        **{f"comment {name}": values["text"] for name, values in state.comments.items()},
    }
