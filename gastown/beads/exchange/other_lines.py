"""The lines of an exchange file that are no beads: memories, and what happened to beads."""

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO

from sqlalchemy import func, insert
from sqlmodel import Session, col, select

from gastown import ids
from gastown.beads import jsonl
from gastown.beads.errors import BadField
from gastown.beads.exchange.source import FileChanged, line_at
from gastown.beads.jsonl import LineRefused
from gastown.beads.models import Bead
from gastown.beads.rendering import iso
from gastown.beads.words.configuration import VALUE_LIMIT, set_config
from gastown.beads.words.memory import MEMORIES, check_memory_key
from gastown.events import Event, EventKind

CHUNK = 1000
EVENT, MEMORY = "event", "memory"
# What happened to a bead. The town's other facts (attempts, requests) name rows that another store does not have.
_FAMILIES = ("bead.", "dependency.", "label.")
EXCHANGED_KINDS = frozenset(kind for kind in EventKind if kind.value.startswith(_FAMILIES))
_NAMES = ("rig", "agent")
_NAME_LIMITS = {"rig": 64, "agent": 128}


def kind_of(data: Mapping[str, Any]) -> str:
    """What a line is: `issue` unless it says something else; `_schema` for a file's heading."""
    if "_schema" in data and "title" not in data:
        return "_schema"
    kind = data.get("_type", "issue")
    return kind if isinstance(kind, str) else str(kind)


def event_json(event: Event) -> dict[str, Any]:
    """An event as a line."""
    said = {"_type": EVENT, "issue_id": event.bead_id, "event_type": event.kind.value, "actor": event.actor}
    names = {name: value for name in _NAMES if (value := getattr(event, name)) is not None}
    return {**said, **names, "created_at": iso(event.at), "new_value": event.payload}


def read_event(data: Mapping[str, Any]) -> dict[str, Any]:
    """The row of an event's line; refuses what is none of a bead's events."""
    kind, payload, actor = data.get("event_type"), data.get("new_value"), data.get("actor")
    if kind not in EXCHANGED_KINDS:
        raise LineRefused(f"an event of type {str(kind)[:60]!r}, which is none of a bead's")
    if not isinstance(payload, dict) or not isinstance(actor, str) or len(actor) > 255:
        raise LineRefused("an event without new_value or actor")
    at, is_exact = jsonl.parse_time(data["created_at"]) if isinstance(data.get("created_at"), str) else (None, False)
    if at is None or not is_exact:
        raise LineRefused("an event without a time in microseconds")
    for name in _NAMES:
        value = data.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > _NAME_LIMITS[name]):
            raise LineRefused(f"{name} is no name")
    try:
        bead_id = ids.check_bead_id(str(data.get("issue_id")))
    except ids.BadName as error:
        raise LineRefused(error.message) from None
    names = {name: data.get(name) for name in _NAMES}
    return {"kind": EventKind(kind), "actor": actor, "at": at, "bead_id": bead_id, "payload": payload, **names}


def read_memory(data: Mapping[str, Any]) -> tuple[str, str]:
    """Key and text of a memory's line; refuses what `recall` could not find again."""
    key, text = data.get("key"), data.get("value")
    if not isinstance(key, str) or not isinstance(text, str):
        raise LineRefused("a memory without key or value")
    if len(text) > VALUE_LIMIT:
        raise LineRefused(f"a memory of more than {VALUE_LIMIT} characters")
    try:
        return check_memory_key(key.removeprefix(MEMORIES)), text
    except BadField as error:
        raise LineRefused(error.message) from None


def take_memories(session: Session, memories: Mapping[str, str], *, actor: str) -> int:
    """Store them; return how many were not there like this."""
    return sum(set_config(session, MEMORIES + key, text, actor=actor) for key, text in sorted(memories.items()))


@dataclass
class History:
    """What became of the event lines."""

    taken: set[str] = field(default_factory=set)
    """The beads that got events."""
    number: int = 0
    skipped: int = 0
    """Older than what this store knows of their bead, and unknown here: its own history goes on."""


def take_events(session: Session, file: BinaryIO, offsets: Sequence[int], taken: Container[str]) -> History:
    """Add the events that the store does not have, in the order of the file: of beads that are `taken`, or in no store.

    A bead's history is replayed in the order of its rows, so it only grows at its end.
    """
    history = History()
    newest = session.exec(select(func.max(Event.id))).one() or 0
    for start in range(0, len(offsets), CHUNK):
        rows = [_row(file, offset) for offset in offsets[start : start + CHUNK]]
        others = sorted({row["bead_id"] for row in rows if row["bead_id"] not in taken})
        # Lines that said nothing new about these: their own history goes on.
        left = set(session.exec(select(Bead.id).where(col(Bead.id).in_(others))))
        _take_chunk(session, [row for row in rows if row["bead_id"] not in left], newest, history)
    return history


def _row(file: BinaryIO, offset: int) -> dict[str, Any]:
    try:
        return read_event(jsonl.decode(line_at(file, offset)))
    except LineRefused:
        raise FileChanged("the file changed while it was read", hint="Nothing was taken; try it again.") from None


def _key(values: Mapping[str, Any]) -> tuple[Any, ...]:
    payload = json.dumps(values["payload"], sort_keys=True, ensure_ascii=False)
    return values["bead_id"], values["kind"], values["at"], values["actor"], payload


def _take_chunk(session: Session, rows: Sequence[dict[str, Any]], newest: int, history: History) -> None:
    names = sorted({row["bead_id"] for row in rows})
    if not names:
        return
    mine = col(Event.bead_id).in_(names)
    last: dict[str, datetime] = dict(
        session.execute(
            select(col(Event.bead_id), func.max(Event.at)).where(mine, col(Event.id) <= newest).group_by(Event.bead_id)
        ).all()
    )
    span = col(Event.at).between(min(row["at"] for row in rows), max(row["at"] for row in rows))
    columns: list[Any] = [getattr(Event, name) for name in ("bead_id", "kind", "at", "actor", "payload")]
    known = {_key(dict(row)) for row in session.execute(select(*columns).where(mine, span)).mappings()}
    added = []
    for row in rows:
        key = _key(row)
        if key in known:
            continue
        known.add(key)
        if row["bead_id"] in last and row["at"] < last[row["bead_id"]]:
            history.skipped += 1
            continue
        added.append(row)
        history.taken.add(row["bead_id"])
    history.number += len(added)
    if added:
        session.execute(insert(Event), added)
