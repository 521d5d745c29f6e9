"""The content hash: equal for beads that say the same, whatever their ids and times."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gastown.beads.models import Bead

_CORE = ("title", "description", "design", "acceptance_criteria", "notes", "spec_id", "status")
_PEOPLE = ("issue_type", "assignee", "owner", "created_by", "external_ref", "source_system")
_LAST = ("mol_type", "work_type", "event_kind", "actor", "target", "payload")
CONTENT = (
    *(*_CORE, "priority", *_PEOPLE, "pinned", "meta", "is_template", "bonded_from"),
    *("await_type", "await_id", "timeout", "waiters", *_LAST),
)
"""The columns that count."""


def content_hash(bead: Bead | Mapping[str, Any]) -> str:
    """The SHA-256 of what a bead says, as the original computes it: values in a fixed order, a null byte after each."""
    read: Callable[[str], Any] = bead.__getitem__ if isinstance(bead, Mapping) else bead.__getattribute__
    digest = hashlib.sha256()
    for value in _values(read):
        digest.update(value.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _values(read: Callable[[str], Any]) -> Iterator[str]:
    yield from (str(read(name)) for name in _CORE)
    yield str(read("priority"))
    yield from (read(name) or "" for name in _PEOPLE)
    yield "pinned" if read("pinned") else ""
    yield json.dumps(read("meta"), ensure_ascii=False, separators=(",", ":")) if read("meta") else ""
    yield "template" if read("is_template") else ""
    for bond in read("bonded_from"):
        said = bond if isinstance(bond, dict) else {}
        yield str(said.get("source_id") or said.get("proto_id") or "")
        yield str(said.get("bond_type") or "")
        yield str(said.get("bond_point") or "")
    yield from (read("await_type"), read("await_id"), str(read("timeout")))
    yield from (str(waiter) for waiter in read("waiters"))
    yield from (str(read(name)) for name in _LAST)
