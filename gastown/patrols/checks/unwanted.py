"""No session works on at a bead that is closed."""

from collections.abc import Iterable
from datetime import timedelta

from sqlmodel import Session, col, select

from gastown import assignments
from gastown.assignments import OPEN_STATES, Assignment, AssignmentState, Desired
from gastown.beads import Bead, BeadStatus
from gastown.db import database_time
from gastown.patrols.findings import Category, Check, Fault, Hands, Here, Patrol, error, warning

# The close asks the holder to stop, which saves the work first.
_PATIENCE = timedelta(minutes=2)
_DONE = (BeadStatus.CLOSED.value, BeadStatus.TOMBSTONE.value)


def look(here: Here) -> Iterable[Fault]:
    """Open attempts at beads that have been closed for a while."""
    with here.read() as session:
        now = database_time(session)
        rows = session.exec(
            select(Assignment, Bead.closed_at)
            .join(Bead, col(Bead.id) == col(Assignment.bead_id))
            .where(col(Assignment.state).in_(OPEN_STATES), col(Bead.status).in_(_DONE))
        ).all()
    for row, closed_at in rows:
        if closed_at is not None and now - closed_at < _PATIENCE:
            continue
        if row.state is AssignmentState.RUNNING and row.desired is Desired.STOP:
            yield error(
                row.bead_id,
                f"is closed, and {row.polecat} was asked to stop but runs on",
                f"Its worker is {row.holder}: see its log, and the check `leases`.",
            )
        else:
            yield warning(row.bead_id, f"is closed, and its attempt is still {row.state}", "The witness calls it off.")


def mend(hands: Hands, fault: Fault) -> str:
    """Call the attempt off: its holder saves the work, then stops."""
    return hands.transact(lambda session: _call_off(session, hands.actor, fault.subject))


def _call_off(session: Session, actor: str, bead_id: str) -> str:
    row = assignments.find_open(session, bead_id, lock=True)
    status = session.exec(select(Bead.status).where(Bead.id == bead_id)).one_or_none()
    if row is None or status not in _DONE:
        return ""
    if row.state is AssignmentState.RUNNING and row.desired is Desired.STOP:
        return ""
    assignments.release(session, bead_id, actor=actor, why="the bead was closed")
    return "called its attempt off"


CHECK = Check(
    "unwanted",
    look,
    "no session works on a closed bead",
    category=Category.AGENTS,
    patrol=Patrol.WITNESS,
    mend=mend,
    is_automatic=True,
)
