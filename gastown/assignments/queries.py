"""Reading attempts."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from gastown.assignments.models import OPEN_STATES, Assignment, AssignmentState
from gastown.errors import NotFound


class AssignmentNotFound(NotFound):
    """No attempt has this number."""


def get(session: Session, assignment_id: int, *, lock: bool = False) -> Assignment:
    """The attempt, or AssignmentNotFound; `lock` holds its row until the transaction ends."""
    query = select(Assignment).where(Assignment.id == assignment_id)
    row = session.exec(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise AssignmentNotFound(f"there is no attempt {assignment_id}")
    return row


def find_open(session: Session, bead_id: str, *, lock: bool = False) -> Assignment | None:
    """The bead's open attempt."""
    query = select(Assignment).where(Assignment.bead_id == bead_id, col(Assignment.state).in_(OPEN_STATES))
    return session.exec(query.with_for_update() if lock else query).one_or_none()


def history(session: Session, bead_id: str) -> Sequence[Assignment]:
    """Every attempt at the bead, oldest first."""
    return session.exec(select(Assignment).where(Assignment.bead_id == bead_id).order_by(col(Assignment.fence))).all()


def _list(session: Session, state: AssignmentState, rig: str | None = None) -> Sequence[Assignment]:
    query = select(Assignment).where(Assignment.state == state)
    if rig is not None:
        query = query.where(Assignment.rig == rig)
    return session.exec(query.order_by(col(Assignment.priority), col(Assignment.created_at), col(Assignment.id))).all()


def list_waiting(session: Session) -> Sequence[Assignment]:
    """Attempts that wait for blockers, cool-downs or room; best first."""
    return _list(session, AssignmentState.WAITING)


def list_offered(session: Session, rig: str | None = None) -> Sequence[Assignment]:
    """Attempts that a worker may claim; best first: priority, then age."""
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


def list_expired(session: Session, now: datetime) -> Sequence[Assignment]:
    """Running attempts whose lease may be taken."""
    return session.exec(
        select(Assignment).where(Assignment.state == AssignmentState.RUNNING, col(Assignment.expires_at) <= now)
    ).all()


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
