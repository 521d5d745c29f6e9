"""What agents say that they did: calls of models and tools. Kept as event rows, like everything that happened."""

import uuid
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlmodel import Session, col, select

from gastown import ids
from gastown.beads.checks import check_short, check_text
from gastown.beads.errors import BadField, InteractionNotFound
from gastown.beads.queries import get
from gastown.beads.rendering import iso
from gastown.events import Event, EventKind, record

KINDS = ("llm_call", "tool_call", "label", "field_change")
_TEXT_LIMIT = 1_000_000  # characters of one field
_HASH = 8


@dataclass(frozen=True)
class Interaction:
    """One call, or one judgement (`label`) of an earlier one."""

    kind: str
    issue_id: str = ""
    model: str = ""
    prompt: str = ""
    response: str = ""
    tool_name: str = ""
    exit_code: int | None = None
    error: str = ""
    parent_id: str = ""
    label: str = ""
    reason: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def record_interaction(session: Session, said: Interaction, *, actor: str) -> str:
    """Keep what an agent says that it did; return its id. Refuses unknown kinds, beads and interactions."""
    if said.kind not in KINDS:
        raise BadField(f"invalid kind {said.kind[:60]!r}", hint=f"Known: {', '.join(KINDS)}.")
    values = {name: value for name, value in asdict(said).items() if value not in ("", None, {})}
    for name, value in values.items():
        if isinstance(value, str) and len(check_text(name, value)) > _TEXT_LIMIT:
            raise BadField(f"{name} is longer than {_TEXT_LIMIT} characters")
    for name in ("model", "tool_name", "label"):
        check_short(name, getattr(said, name))
    if said.issue_id:
        get(session, said.issue_id)
    if said.parent_id:
        _require(session, said.parent_id)
    name = f"int-{ids.hash_part(str(uuid.uuid4()), _HASH)}"
    record(session, EventKind.BEAD_AUDITED, actor=actor, bead_id=said.issue_id or None, id=name, interaction=values)
    return name


def _require(session: Session, name: str) -> None:
    query = select(Event.id).where(Event.kind == EventKind.BEAD_AUDITED, col(Event.payload)["id"].as_string() == name)
    if session.exec(query.limit(1)).first() is None:
        raise InteractionNotFound(f"no interaction {name[:60]!r}", hint="`bd audit list` shows them.")


def list_interactions(session: Session, *, issue_id: str = "", limit: int = 0) -> list[dict[str, Any]]:
    """What was kept, oldest first (of `limit` the newest): each as a line of the original's interactions.jsonl."""
    query = select(Event).where(Event.kind == EventKind.BEAD_AUDITED).order_by(col(Event.id).desc())
    if issue_id:
        query = query.where(Event.bead_id == issue_id)
    rows = session.exec(query.limit(limit) if limit else query).all()
    return [
        {"id": row.payload.get("id"), "created_at": iso(row.at), "actor": row.actor, **said}
        for row in reversed(rows)
        if isinstance(said := row.payload.get("interaction"), dict)
    ]
