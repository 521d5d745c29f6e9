"""Lines of exchange files for tests."""

import json
from typing import Any

from sqlmodel import Session

from gastown import beads


def line(bead_id: str = "gt-a1b2", **said: Any) -> dict[str, Any]:
    """A bead's line; `said` are fields."""
    times = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z"}
    own = {"id": bead_id, "title": f"title of {bead_id}", "status": "open", "issue_type": "task", "priority": 2}
    return {**own, **times, **said}


def text(*lines: dict[str, Any]) -> bytes:
    """A file of these lines."""
    return "".join(json.dumps(each) + "\n" for each in lines).encode()


def edge(bead_id: str, target: str, kind: str = "blocks") -> dict[str, Any]:
    """A dependency as files have it."""
    return {
        "issue_id": bead_id,
        "depends_on_id": target,
        "type": kind,
        "created_at": "2026-01-01T00:00:00.123456789-08:00",
        "created_by": "ada",
        "metadata": "{}",
    }


def exported(session: Session, *, everything: bool = True) -> dict[str, dict[str, Any]]:
    """The beads of an export by id."""
    found = [json.loads(each) for each in beads.export_lines(session, everything=everything)]
    return {each["id"]: each for each in found if "_type" not in each}
