"""Forgetting old events: only what a snapshot stands in for, and never what beads are remembered by.

`bd history` and `--as-of` tell a bead's whole life, so that the events of beads stay for good.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, or_, select
from sqlmodel import Session

from gastown.beads import history
from gastown.errors import Refused
from gastown.events import EventKind, Fact, record
from gastown.replay import snapshots
from gastown.replay.reading import events_table, read_events

_KEPT = frozenset({*history.BEAD_KINDS, EventKind.BEAD_AUDITED, EventKind.STORE_CONFIGURED, EventKind.LOG_PRUNED})


class NoSnapshot(Refused):
    """Nothing stands in for the events that were to go."""


class Pruned(Refused):
    """The log does not reach back so far."""


@dataclass(frozen=True)
class Pruning:
    """What went."""

    events: int
    snapshot: int
    """The number of the snapshot that stands in for it."""


def prune(session: Session, before: datetime, *, actor: str) -> Pruning:
    """Delete events that are older than the newest snapshot that was taken by `before`.

    The log replays from that snapshot on. Doorbells that are still owed stay. Refuses where there is no such snapshot.
    """
    found = snapshots.find(session, before)
    if found is None:
        raise NoSnapshot(
            f"no snapshot was taken before {before.isoformat(timespec='seconds')}",
            hint="`gt events snapshot` takes one; what is older than it may go from then on.",
        )
    log = events_table()
    gone = session.execute(
        delete(log).where(
            log.columns["id"] < found.first,
            log.columns["kind"].not_in(_KEPT),
            or_(log.columns["task"].is_(None), log.columns["rung_at"].is_not(None)),
        )
    )
    count = int(gone.rowcount)  # type: ignore[attr-defined]
    if count:
        record(session, EventKind.LOG_PRUNED, actor=actor, snapshot=found.number, events=count)
    return Pruning(count, found.number)


def check_reaches(session: Session, moment: datetime | int) -> None:
    """Refuse a moment before the snapshot at which the log starts."""
    log = events_table()
    start = 0
    for _, found in read_events(session, log.columns["kind"] == EventKind.LOG_PRUNED):
        said = found.payload.get("snapshot") if isinstance(found, Fact) else None
        start = max(start, said if isinstance(said, int) else 0)
    if not start:
        return
    began = session.execute(select(func.max(log.columns["at"])).where(log.columns["id"] == start)).scalar()
    is_before = moment < start if isinstance(moment, int) else began is not None and moment < began
    if is_before:
        raise Pruned(
            f"the log was pruned: it reaches back to event {start}"
            + (f" of {began.isoformat(timespec='seconds')}" if began else ""),
            hint="`bd history BEAD` tells what became of a bead before.",
        )
