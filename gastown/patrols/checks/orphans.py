"""Every bead that is being worked on is in somebody's hands."""

from collections.abc import Iterable
from datetime import timedelta

from sqlmodel import col, exists, select

from gastown.assignments import OPEN_STATES, Assignment
from gastown.beads import Bead, BeadStatus
from gastown.db import database_time
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, error
from gastown.refinery import MergeRequest, RequestState

_BATCH = 200
# The reconciler finds them within seconds and makes their next attempt, queues their commit again, or asks a person.
_PATIENCE = timedelta(minutes=2)
_IN_HANDS = (BeadStatus.HOOKED.value, BeadStatus.IN_PROGRESS.value, BeadStatus.SUBMITTED.value)
# A returned request is with an agent, if any has the bead.
_WITH_QUEUE = (RequestState.QUEUED, RequestState.TESTING, RequestState.LANDING)
_POLECAT = "/polecats/"


def look(here: Here) -> Iterable[Fault]:
    """Beads that were slung and are hooked, in progress or submitted without an open attempt or request."""
    query = select(Bead).where(
        col(Bead.status).in_(_IN_HANDS),
        col(Bead.is_code).is_not(None),
        ~exists().where(col(Assignment.bead_id) == Bead.id, col(Assignment.state).in_(OPEN_STATES)),
        ~exists().where(col(MergeRequest.bead_id) == Bead.id, col(MergeRequest.state).in_(_WITH_QUEUE)),
    )
    with here.read() as session:
        before = database_time(session) - _PATIENCE
        found = session.exec(query.order_by(col(Bead.id)).limit(_BATCH)).all()
    for bead in found:
        # What a person or a crew member claims is theirs.
        is_claimed = bead.status == BeadStatus.IN_PROGRESS and _POLECAT not in (bead.assignee or "")
        if bead.updated_at < before and not is_claimed:
            yield error(
                bead.id,
                f"is {bead.status}, and nobody has it: its attempt or its merge request is gone",
                "A town worker takes it up again within seconds: see the checks `workers` and `ticks`.",
            )


CHECK = Check(
    "orphans",
    look,
    "every bead that is worked on is in somebody's hands",
    category=Category.WORK,
    patrol=Patrol.WITNESS,
)
