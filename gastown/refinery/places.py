"""The place of every open request in its rig's queue, from the few columns that decide about it.

Who is shown and who is not is cut after this: the first of a queue may be the youngest of thousands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import select
from sqlmodel import Session, col

from gastown import clock
from gastown.refinery import ordering
from gastown.refinery.desk import ConvoySince
from gastown.refinery.models import MergeRequest, RequestState
from gastown.refinery.ordering import After, Waiting

T = TypeVar("T")
# Values that one statement names: SQLite takes no more than some 32,000.
AT_ONCE = 1000
_FIRST = {RequestState.LANDING: 0, RequestState.TESTING: 1, RequestState.QUEUED: 2, RequestState.RETURNED: 3}


@dataclass(frozen=True)
class Place:
    """Where one open request stands."""

    rig: str
    position: int  # 1 is the next of its rig; 0 for a returned one, which is not in the queue
    waiting: Waiting

    @property
    def number(self) -> int:
        """The request's."""
        return self.waiting.request_id


@dataclass(frozen=True)
class _Open:
    rig: str
    state: RequestState
    seat: int
    waiting: Waiting


def find_places(session: Session, rig: str | None, convoy_since: ConvoySince, after: After) -> list[Place]:
    """All open requests of a rig, or of all rigs, by rig and position; the returned ones last."""
    rows = _read(session, rig, convoy_since)
    order = ordering.order([row.waiting for row in rows], clock.now(), after)
    turn = {waiting.request_id: number for number, waiting in enumerate(order)}
    rows.sort(key=lambda row: (row.rig, _FIRST[row.state], row.seat, turn[row.waiting.request_id]))
    places, taken = [], dict.fromkeys((row.rig for row in rows), 0)
    for row in rows:
        is_in_queue = row.state is not RequestState.RETURNED
        taken[row.rig] += is_in_queue
        places.append(Place(row.rig, taken[row.rig] if is_in_queue else 0, row.waiting))
    return places


def _read(session: Session, rig: str | None, convoy_since: ConvoySince) -> list[_Open]:
    names = ("id", "bead_id", "rig", "state", "seat", "priority", "retries", "created_at", "queued_at")
    query = select(*(getattr(MergeRequest, name) for name in names)).where(col(MergeRequest.state).in_(_FIRST))
    rows = session.execute(query.where(col(MergeRequest.rig) == rig) if rig else query).all()
    since: dict[str, datetime] = {}
    for some in batches([row.bead_id for row in rows]):
        since |= convoy_since(session, some)
    return [
        _Open(
            row.rig,
            row.state,
            row.seat or 0,
            Waiting(row.id, row.priority, row.retries, row.created_at, row.queued_at, since.get(row.bead_id)),
        )
        for row in rows
    ]


def batches(values: Sequence[T]) -> list[Sequence[T]]:
    """The same in parts that one statement may name."""
    return [values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE)]
