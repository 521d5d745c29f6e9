"""Writing facts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, SQLModel

from gastown import clock
from gastown.errors import Bug
from gastown.events.kinds import REACTED, EventKind
from gastown.events.models import Event
from gastown.queue import TOWN_QUEUE, Doorbell, Task, is_answered

# The table and not its model: nobody reads these rows again here, and a claim is to cost no more than it must.
_EVENTS = SQLModel.metadata.tables["events"]
_INSERT_ONE = insert(_EVENTS).inline()


def record(  # noqa: PLR0913 - a fact has this many sides; all but two are keywords
    session: Session,
    kind: EventKind,
    *,
    actor: str,
    bead_id: str | None = None,
    rig: str | None = None,
    agent: str | None = None,
    assignment_id: int | None = None,
    fence: int | None = None,
    ring: Doorbell | None = None,
    **values: Any,
) -> Event:
    """Add one fact to this transaction, with its new `values`; `ring` is rung after the commit, swept if that fails.

    Without `ring`, kinds that something follows from (`REACTED`) ring for their reaction.
    """
    event = Event(
        at=clock.now(),
        kind=kind,
        actor=actor,
        bead_id=bead_id,
        rig=rig,
        agent=agent,
        assignment_id=assignment_id,
        fence=fence,
        payload=values,
        task=ring.task.value if ring else None,
        queue=ring.queue if ring else None,
        args=list(ring.args) if ring else None,
    )
    session.add(event)
    if ring is None and kind in REACTED and is_answered():
        session.flush()
        ring = Doorbell(Task.REACT, TOWN_QUEUE, (event.id,))
        event.task, event.queue, event.args = ring.task.value, ring.queue, list(ring.args)
    if ring is not None:
        session.flush()
        session.info.setdefault("doorbells", []).append(replace(ring, event_id=event.id))
    return event


def record_many(session: Session, facts: Sequence[tuple[EventKind, str, Mapping[str, Any]]], *, actor: str) -> None:
    """Add many facts about beads (kind, bead and new values) in one statement; of kinds from which nothing follows."""
    answered = {kind for kind, _, _ in facts} & REACTED
    if answered:
        raise Bug(f"{min(answered)} is answered: record it by itself")
    session.flush()  # what was recorded before has a lower number
    now = clock.now()
    rows = [
        {"at": now, "kind": kind, "actor": actor, "bead_id": bead, "payload": values} for kind, bead, values in facts
    ]
    if len(rows) == 1:  # not as a list: psycopg opens a pipeline for those, which takes longer than the row
        session.connection().execute(_INSERT_ONE, rows[0])
    elif rows:
        session.execute(insert(_EVENTS), rows)
