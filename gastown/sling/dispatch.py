"""Letting waiting work go: what is ready and may start is offered, in fair order. Safe twice, late, or in parallel."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Session, col

from gastown import assignments, beads, policy, rigs
from gastown.assignments import Assignment, AssignmentState
from gastown.beads import BeadStatus
from gastown.db import database_time
from gastown.queue import Doorbell

# Rows looked at in one tick; the rest follow in the next.
BATCH = 500


@dataclass(frozen=True)
class DispatchResult:
    """What a dispatch did."""

    offered: int
    released: int


def is_due(row: Assignment, *, is_blocked: bool, is_parked: bool, now: datetime) -> bool:
    """Whether a waiting attempt may be offered now."""
    cooled = row.not_before is None or row.not_before <= now
    return cooled and not is_blocked and not is_parked


def dispatch(session: Session, *, actor: str) -> DispatchResult:
    """Offer every waiting attempt that may start; release those whose bead was closed meanwhile."""
    now = database_time(session)
    waiting = assignments.list_waiting(session)[:BATCH]
    found = beads.find_many(session, [row.bead_id for row in waiting])
    parked = {rig.name for rig in rigs.list_all(session) if rig.is_parked}
    offered = released = 0
    for row in waiting:
        bead = found[row.bead_id]
        if bead.status in (BeadStatus.CLOSED, BeadStatus.TOMBSTONE):
            assignments.release(session, row.bead_id, actor=actor, why=f"the bead was {bead.status}")
            released += 1
        elif is_due(row, is_blocked=bead.is_blocked, is_parked=row.rig in parked, now=now):
            assignments.offer(session, row, actor=actor)
            offered += 1
    return DispatchResult(offered, released)


def order_fairly(offered: Sequence[Assignment], running: Mapping[str, int]) -> list[Assignment]:
    """Offered attempts in the order in which slots should go to them: the rig with the fewest at work goes first.

    Inside a rig the order is kept (priority, then age).
    """
    by_rig: dict[str, list[Assignment]] = defaultdict(list)
    for row in offered:
        by_rig[row.rig].append(row)
    share = {rig: running.get(rig, 0) for rig in by_rig}
    ordered = []
    while by_rig:
        rig = min(by_rig, key=lambda name: (share[name], by_rig[name][0].priority, by_rig[name][0].id or 0))
        ordered.append(by_rig[rig].pop(0))
        share[rig] += 1
        if not by_rig[rig]:
            del by_rig[rig]
    return ordered


def list_stale_offers(session: Session, *, rung_before: timedelta | None = None, limit: int = BATCH) -> list[Doorbell]:
    """Doorbells for offered attempts that nobody claimed since they were last rung; marks them rung."""
    now = database_time(session)
    patience = (
        rung_before if rung_before is not None else timedelta(seconds=policy.load(session).number("doorbell.again_s"))
    )
    stale = [
        row for row in assignments.list_offered(session)[:BATCH] if row.rung_at is None or row.rung_at <= now - patience
    ]
    ordered = order_fairly(stale, assignments.running_by_rig(session))[:limit]
    if ordered:
        session.execute(
            update(Assignment)
            .where(
                col(Assignment.id).in_([row.id for row in ordered]), col(Assignment.state) == AssignmentState.OFFERED
            )
            .values(rung_at=now)
        )
    return [assignments.doorbell(session, row) for row in ordered]
