"""What the holder of a running attempt is asked to do with it: it reads this at every heartbeat."""

from sqlalchemy import true, update
from sqlmodel import Session, col

from gastown.assignments import queries
from gastown.assignments.facts import tell
from gastown.assignments.lifecycle import running
from gastown.assignments.models import Assignment, AssignmentState, Desired
from gastown.events import EventKind


def ask_to_restart(session: Session, assignment_id: int, fence: int, *, actor: str, why: str) -> bool:
    """Ask the holder to save the work, end the agent's process and run it again, telling it `why`.

    False when the holder was asked for something already, which comes first. Refuses an attempt that is over.
    """
    row = running(session, assignment_id, fence)
    if row.desired is not Desired.RUN:
        return False
    row.desired = Desired.RESTART
    row.restarts += 1
    row.outcome = why[:1000]
    tell(
        session,
        EventKind.ASSIGNMENT_RESTART_ASKED,
        row,
        actor=actor,
        why=row.outcome,
        restarts=row.restarts,
        desired=row.desired.value,
    )
    return True


def ask_to_give_up(session: Session, assignment_id: int, fence: int, *, actor: str, why: str) -> bool:
    """Ask the holder to save the work and to end the attempt as failed, for `why`; caps and cool-down decide the rest.

    False when the holder was asked to end it already. Refuses an attempt that is over.
    """
    row = running(session, assignment_id, fence)
    if row.desired not in (Desired.RUN, Desired.RESTART):
        return False
    row.desired = Desired.GIVE_UP
    row.outcome = why[:1000]
    tell(session, EventKind.ASSIGNMENT_STOP_ASKED, row, actor=actor, why=row.outcome, desired=row.desired.value)
    return True


def ask_to_hand_over(
    session: Session, *, actor: str, rig: str | None = None, why: str = "the town was shut down"
) -> list[Assignment]:
    """Ask every running attempt's holder, in the town or in one rig, to save, stop, and leave the bead slung.

    What was asked to stop already is asked nothing else. Returns all that are to end.
    """
    in_rig = col(Assignment.rig) == rig if rig is not None else true()
    changed = session.execute(
        update(Assignment)
        .where(
            col(Assignment.state) == AssignmentState.RUNNING,
            col(Assignment.desired).in_((Desired.RUN, Desired.RESTART)),
            in_rig,
        )
        .values(desired=Desired.HAND_OVER, outcome=why[:1000])
        .returning(col(Assignment.id)),
        execution_options={"synchronize_session": False},
    )
    asked = set(changed.scalars())
    session.expire_all()
    rows = list(queries.list_running(session, rig))
    for row in rows:
        if row.id not in asked:
            continue
        tell(session, EventKind.ASSIGNMENT_STOP_ASKED, row, actor=actor, why=why, desired=row.desired.value)
    return rows
