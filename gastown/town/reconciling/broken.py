"""Attempts that cannot go on: what they need is not in the books any more. Hand-edited rows, mostly."""

from collections.abc import Sequence

from sqlalchemy import or_
from sqlmodel import Session, col, select

from gastown import assignments, beads, logs
from gastown.agents import Polecat
from gastown.assignments import OPEN_STATES, Assignment, AssignmentState
from gastown.beads import Bead
from gastown.rigs import Rig
from gastown.town.caller import Caller
from gastown.town.reconciling.stepping import BATCH, each

log = logs.get(__name__)


def settle_broken(caller: Caller) -> int:
    """End attempts without a bead, a rig, or, while they run, a polecat, a host or a holder; return how many."""
    return each(caller, _list_broken, _settle, what="attempt")


def _list_broken(session: Session) -> Sequence[int]:
    is_homeless = or_(col(Polecat.address).is_(None), col(Assignment.host).is_(None), col(Assignment.holder).is_(None))
    is_removed = or_(col(Rig.name).is_(None), col(Rig.removed_at).is_not(None))
    rows = session.exec(
        select(Assignment.id)
        .outerjoin(Bead, col(Bead.id) == col(Assignment.bead_id))
        .outerjoin(Rig, col(Rig.name) == col(Assignment.rig))
        .outerjoin(Polecat, col(Polecat.address) == col(Assignment.polecat))
        .where(
            col(Assignment.state).in_(OPEN_STATES),
            or_(
                col(Bead.id).is_(None),
                is_removed,
                (col(Assignment.state) == AssignmentState.RUNNING) & is_homeless,
            ),
        )
        .order_by(col(Assignment.id))
        .limit(BATCH)
    ).all()
    return [number for number in rows if number is not None]


def _settle(session: Session, key: int) -> bool:
    row = assignments.get(session, key, lock=True)
    if row.state not in OPEN_STATES:
        return False
    if not beads.find_many(session, [row.bead_id]):
        why = "its bead is not in the books any more"
        if row.state is AssignmentState.RUNNING and row.desired is assignments.Desired.STOP:
            return False  # its holder has been asked
        log.warning("attempt %d: %s; it is called off", key, why)
        assignments.release(session, row.bead_id, actor="town", why=why)
        return True
    rig = session.get(Rig, row.rig)
    if rig is None or rig.removed_at is not None:
        why = f"rig {row.rig} is not in the books any more"
        log.warning("attempt %d at %s: %s; a person is asked", row.fence, row.bead_id, why)
        assignments.escalate(session, key, row.fence, actor="town", why=why)
        return True
    if row.state is AssignmentState.RUNNING and not _has_home(session, row):
        why = "its row does not say any more who runs it where"
        log.warning("attempt %d at %s: %s; it is made anew", row.fence, row.bead_id, why)
        assignments.lose(session, key, row.fence, actor="town", outcome=why)
        return True
    return False


def _has_home(session: Session, row: Assignment) -> bool:
    return bool(row.host and row.holder and row.polecat) and session.get(Polecat, row.polecat) is not None
