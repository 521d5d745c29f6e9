"""The one way in which a bead's row changes: set what differs, count the time, record the event with the new values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from gastown import clock
from gastown.beads.errors import BeadNotFound
from gastown.beads.models import Bead, BeadStatus
from gastown.beads.queries import chunks
from gastown.events import EventKind, record


@dataclass(frozen=True)
class Cause:
    """Who changed a bead, and for which attempt."""

    actor: str
    rig: str | None = None
    agent: str | None = None
    assignment_id: int | None = None
    fence: int | None = None


def lock(session: Session, bead_id: str) -> Bead:
    """The bead as it is now, held against other writers until the end of the transaction."""
    session.flush()
    bead = session.get(Bead, bead_id, with_for_update=True, populate_existing=True)
    if bead is None or bead.status == BeadStatus.TOMBSTONE:
        raise BeadNotFound(bead_id)
    return bead


def lock_many(session: Session, bead_ids: Sequence[str]) -> dict[str, Bead]:
    """`lock` of several beads, in the order of their ids."""
    session.flush()
    names, found = sorted(set(bead_ids)), dict[str, Bead]()
    for part in chunks(names):
        held = select(Bead).where(col(Bead.id).in_(part)).order_by(Bead.id).with_for_update()
        found.update((bead.id, bead) for bead in session.exec(held, execution_options={"populate_existing": True}))
    for name in names:
        if name not in found or found[name].status == BeadStatus.TOMBSTONE:
            raise BeadNotFound(name)
    return found


def as_json(value: Any) -> Any:
    """A column's value as the event's payload holds it."""
    return value.isoformat() if isinstance(value, datetime) else value


def note(session: Session, kind: EventKind, bead_id: str, cause: Cause, **values: Any) -> None:
    """Record one fact about a bead."""
    record(
        session,
        kind,
        actor=cause.actor,
        bead_id=bead_id,
        rig=cause.rig,
        agent=cause.agent,
        assignment_id=cause.assignment_id,
        fence=cause.fence,
        **values,
    )


def apply(
    session: Session, bead: Bead, kind: EventKind, values: Mapping[str, Any], *, cause: Cause, **facts: Any
) -> bool:
    """Set the `values` that differ and record them, with `facts`, as one event; False when nothing differs."""
    changed = {name: value for name, value in values.items() if getattr(bead, name) != value}
    if not changed:
        return False
    changed["updated_at"] = clock.now()
    for name, value in changed.items():
        setattr(bead, name, value)
    session.add(bead)
    note(session, kind, bead.id, cause, **{name: as_json(value) for name, value in changed.items()}, **facts)
    return True


def touch(session: Session, bead_id: str) -> dict[str, Any]:
    """Count a change to a bead's labels, edges or comments as a change of the bead; return what its event says of it.

    The caller's event carries the result: without it the log would not replay to the row.
    """
    bead = session.get(Bead, bead_id)
    if bead is None:
        return {}
    bead.updated_at = clock.now()
    session.add(bead)
    return {"updated_at": as_json(bead.updated_at)}
