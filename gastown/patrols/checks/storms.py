"""No bead is started again and again."""

from collections.abc import Iterable
from datetime import timedelta

from sqlmodel import col, func, select

from gastown import clock
from gastown.assignments import OPEN_STATES, Assignment, Reason
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, error

WINDOW = timedelta(minutes=10)
RESPAWNS = 3
# An agent's own handoff and a return from the merge queue bring the work on.
_RESPAWN = (Reason.RETRY, Reason.TAKEOVER)


def look(here: Here) -> Iterable[Fault]:
    """Beads with three new attempts in ten minutes; the caps of failures and losses end it, with one escalation."""
    with here.read() as session:
        # What has come to its end does not go on; the fence counts the attempts.
        going_on = select(Assignment.bead_id).where(
            col(Assignment.state).in_(OPEN_STATES), col(Assignment.fence) > RESPAWNS
        )
        rows = session.exec(
            select(Assignment.bead_id, func.count())
            .where(
                col(Assignment.bead_id).in_(going_on),
                col(Assignment.created_at) > clock.now() - WINDOW,
                col(Assignment.reason).in_(_RESPAWN),
            )
            .group_by(Assignment.bead_id)
            .having(func.count() >= RESPAWNS)
        ).all()
    for bead_id, count in rows:
        yield error(
            bead_id,
            f"SPAWN_STORM: it was started again {count} times within {WINDOW.seconds // 60} minutes",
            f"`gt log {bead_id}` tells why; `gt unsling {bead_id}` takes it off its hook.",
        )


CHECK = Check("storms", look, "no bead is started again and again", category=Category.WORK, patrol=Patrol.WITNESS)
