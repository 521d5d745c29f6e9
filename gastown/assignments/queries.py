"""Reading attempts."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, func, or_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from gastown import rigs
from gastown.assignments.models import OPEN_STATES, Assignment, AssignmentState, Desired, Reason
from gastown.beads import Bead, BeadStatus
from gastown.errors import NotFound
from gastown.events import Event
from gastown.rigs import Rig

# Beads in these are nobody's work any more.
DONE = (BeadStatus.CLOSED.value, BeadStatus.TOMBSTONE.value)
# From these an attempt may start; a person who blocks, pins or defers a slung bead holds it up.
_STARTABLE = (BeadStatus.OPEN.value, BeadStatus.HOOKED.value, BeadStatus.IN_PROGRESS.value)
# What lost its place with its host, or gave it up for a while, had its turn already: it goes on before anything begins.
INTERRUPTED = (Reason.TAKEOVER, Reason.RESUME, Reason.HANDOFF)
# Of one priority, what was begun is finished before anything new is begun: its agent failed, or it came back from the
# merge queue, and others may wait for it.
_BEST_FIRST = (
    col(Assignment.reason).not_in(INTERRUPTED),
    col(Assignment.priority),
    (col(Assignment.fence) <= 1),
    col(Assignment.created_at),
    col(Assignment.id),
)


class AssignmentNotFound(NotFound):
    """No attempt has this number."""


def get(session: Session, assignment_id: int, *, lock: bool = False) -> Assignment:
    """The attempt, or AssignmentNotFound; `lock` reads it anew and holds its row until the transaction ends."""
    query = select(Assignment).where(Assignment.id == assignment_id)
    row = session.exec(_held(query) if lock else query).one_or_none()
    if row is None:
        raise AssignmentNotFound(f"there is no attempt {assignment_id}")
    return row


def find_open(session: Session, bead_id: str, *, lock: bool = False) -> Assignment | None:
    """The bead's open attempt; `lock` as for `get`."""
    query = select(Assignment).where(Assignment.bead_id == bead_id, col(Assignment.state).in_(OPEN_STATES))
    return session.exec(_held(query) if lock else query).one_or_none()


def _held(query: SelectOfScalar[Assignment]) -> SelectOfScalar[Assignment]:
    """What the session read of the row before it was ours to write may be stale."""
    return query.with_for_update().execution_options(populate_existing=True)


def history(session: Session, bead_id: str) -> Sequence[Assignment]:
    """Every attempt at the bead, oldest first."""
    return session.exec(select(Assignment).where(Assignment.bead_id == bead_id).order_by(col(Assignment.fence))).all()


def any_open() -> ColumnElement[bool]:
    """Whether any attempt has not ended, for a statement that asks a town at rest."""
    return exists().where(col(Assignment.state).in_(OPEN_STATES))


def _list(session: Session, state: AssignmentState, rig: str | None = None) -> Sequence[Assignment]:
    query = select(Assignment).where(Assignment.state == state)
    if rig is not None:
        query = query.where(Assignment.rig == rig)
    return session.exec(query.order_by(*_BEST_FIRST)).all()


def list_waiting(session: Session) -> Sequence[Assignment]:
    """Attempts that wait for blockers, cool-downs or room; best first."""
    return _list(session, AssignmentState.WAITING)


def list_due(session: Session, now: datetime, *, limit: int) -> Sequence[Assignment]:
    """Waiting attempts that may start: cooled down, nothing halted, bead ready; best first."""
    if rigs.find_town_pause(session) is not None:
        return ()
    undeferred = (col(Bead.status) == BeadStatus.DEFERRED.value) & (col(Bead.defer_until) <= now)
    return session.exec(
        select(Assignment)
        .join(Bead, col(Bead.id) == col(Assignment.bead_id))
        .join(Rig, col(Rig.name) == col(Assignment.rig))
        .where(
            Assignment.state == AssignmentState.WAITING,
            or_(col(Assignment.not_before).is_(None), col(Assignment.not_before) <= now),
            col(Bead.is_blocked).is_(False),
            or_(col(Bead.status).in_(_STARTABLE), undeferred),
            rigs.takes_work(),
        )
        .order_by(*_BEST_FIRST)
        .limit(limit)
    ).all()


def list_unwanted(session: Session, *, limit: int) -> Sequence[Assignment]:
    """Open attempts at beads that are closed or deleted, and that nobody has been asked to stop yet."""
    return session.exec(
        select(Assignment)
        .join(Bead, col(Bead.id) == col(Assignment.bead_id))
        .where(
            col(Assignment.state).in_(OPEN_STATES),
            or_(col(Assignment.state) != AssignmentState.RUNNING, col(Assignment.desired) != Desired.STOP),
            col(Bead.status).in_(DONE),
        )
        .order_by(col(Assignment.id))
        .limit(limit)
    ).all()


def list_unanswered(session: Session, rung_before: datetime, *, limit: int) -> Sequence[Assignment]:
    """Offered attempts where nothing is halted, whose doorbell was last rung before then; best first."""
    if rigs.find_town_pause(session) is not None:
        return ()
    return session.exec(
        select(Assignment)
        .join(Rig, col(Rig.name) == col(Assignment.rig))
        .where(
            Assignment.state == AssignmentState.OFFERED,
            or_(col(Assignment.rung_at).is_(None), col(Assignment.rung_at) <= rung_before),
            rigs.takes_work(),
        )
        .order_by(*_BEST_FIRST)
        .limit(limit)
    ).all()


def list_offered(session: Session, rig: str | None = None) -> Sequence[Assignment]:
    """Attempts that a worker may claim; best first: the interrupted, then by priority, what was begun, and age."""
    return _list(session, AssignmentState.OFFERED, rig)


def list_running(session: Session, rig: str | None = None) -> Sequence[Assignment]:
    """Attempts that are leased."""
    return _list(session, AssignmentState.RUNNING, rig)


def list_open(session: Session) -> Sequence[Assignment]:
    """Every attempt that has not ended."""
    return session.exec(
        select(Assignment).where(col(Assignment.state).in_(OPEN_STATES)).order_by(col(Assignment.id))
    ).all()


def list_running_on(session: Session, host: str) -> Sequence[Assignment]:
    """Attempts leased to workers of `host`."""
    return session.exec(
        select(Assignment).where(Assignment.state == AssignmentState.RUNNING, Assignment.host == host)
    ).all()


def list_expired(session: Session, now: datetime, *, beyond: timedelta | None = None) -> Sequence[Assignment]:
    """Running attempts whose lease may be taken: it ran out, it is missing, or it ends further ahead than `beyond`."""
    expires_at = col(Assignment.expires_at)
    has_ended = or_(expires_at <= now, expires_at.is_(None))
    if beyond is not None:
        has_ended = or_(has_ended, expires_at > now + beyond)
    query = select(Assignment).where(Assignment.state == AssignmentState.RUNNING, has_ended)
    return session.exec(query.order_by(col(Assignment.id))).all()


def running_by_rig(session: Session) -> dict[str, int]:
    """How many attempts run in each rig."""
    rows = session.exec(
        select(Assignment.rig, func.count()).where(Assignment.state == AssignmentState.RUNNING).group_by(Assignment.rig)
    ).all()
    return dict(rows)


def running_by_host(session: Session) -> dict[str, int]:
    """How many attempts run on each host."""
    rows = session.exec(
        select(Assignment.host, func.count())
        .where(Assignment.state == AssignmentState.RUNNING)
        .group_by(col(Assignment.host))
    ).all()
    return {str(host): count for host, count in rows}


def of_polecat(session: Session, address: str) -> Sequence[Assignment]:
    """Every attempt of one polecat, oldest first."""
    return session.exec(select(Assignment).where(Assignment.polecat == address).order_by(col(Assignment.id))).all()


def newest_fence(session: Session, bead_id: str) -> int:
    """The highest fence that was ever given out for the bead: also that of an attempt whose row somebody removed."""
    rows = select(func.max(Assignment.fence)).where(Assignment.bead_id == bead_id)
    told = select(func.max(Event.fence)).where(Event.bead_id == bead_id)
    return max(session.exec(rows).one() or 0, session.exec(told).one() or 0)
