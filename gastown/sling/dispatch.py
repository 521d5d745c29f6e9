"""Letting waiting work go: what is ready and may start is offered, in fair order. Safe twice, late, or in parallel."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy import update
from sqlmodel import Session, col

from gastown import assignments, logs, policy
from gastown.assignments import Assignment, AssignmentState
from gastown.db import database_time
from gastown.errors import Conflict, NotFound
from gastown.queue import Doorbell

log = logs.get(__name__)

# Rows changed in one tick; the rest follow in the next.
BATCH = 500


@dataclass(frozen=True)
class DispatchResult:
    """What a dispatch did."""

    offered: int
    released: int


def dispatch(session: Session, *, actor: str) -> DispatchResult:
    """Offer every waiting attempt that may start; call off those whose bead was closed or deleted meanwhile.

    The reaction to a close does the latter at once; this is for the one that was lost.
    """
    released = offered = 0
    for row in assignments.list_unwanted(session, limit=BATCH):
        bead_id = row.bead_id
        act = partial(assignments.release, session, bead_id, actor=actor, why="the bead was closed")
        released += _alone(session, bead_id, act)
    for row in assignments.list_due(session, database_time(session), limit=BATCH):
        offered += _alone(session, row.bead_id, partial(assignments.offer, session, row, actor=actor))
    return DispatchResult(offered, released)


def _alone(session: Session, bead_id: str, act: Callable[[], object]) -> bool:
    """Do it in a savepoint, so that a bead that others are changing just now holds up no other bead."""
    try:
        with session.begin_nested():
            return bool(act())
    except (Conflict, NotFound) as error:
        log.info("%s is left to the next dispatch: %s", bead_id, error)
        return False


def order_fairly(offered: Sequence[Assignment], running: Mapping[str, int]) -> list[Assignment]:
    """Offered attempts in the order in which slots should go to them: the rig with the fewest at work goes first.

    Inside a rig the order is kept: what was interrupted, then priority, then age.
    """
    by_rig: dict[str, list[Assignment]] = defaultdict(list)
    for row in offered:
        by_rig[row.rig].append(row)
    share = {rig: running.get(rig, 0) for rig in by_rig}
    ordered = []
    while by_rig:
        rig = min(by_rig, key=lambda name: (share[name], *_rank(by_rig[name][0])))
        ordered.append(by_rig[rig].pop(0))
        share[rig] += 1
        if not by_rig[rig]:
            del by_rig[rig]
    return ordered


def _rank(row: Assignment) -> tuple[bool, int, int]:
    return row.reason not in assignments.INTERRUPTED, row.priority, row.id or 0


def list_stale_offers(session: Session, *, rung_before: timedelta | None = None, limit: int = BATCH) -> list[Doorbell]:
    """Doorbells for offered attempts that nobody claimed since they were last rung; marks them rung."""
    now = database_time(session)
    patience = (
        rung_before if rung_before is not None else timedelta(seconds=policy.load(session).number("doorbell.again_s"))
    )
    stale = assignments.list_unanswered(session, now - patience, limit=BATCH)
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
