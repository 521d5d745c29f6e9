"""No slot stays free beside work that could take it."""

from collections.abc import Iterable
from datetime import timedelta

from sqlmodel import Session

from gastown import assignments, policy, queue, sling
from gastown.assignments import Assignment
from gastown.db import database_time
from gastown.patrols.findings import Category, Check, Fault, Hands, Here, Patrol, warning
from gastown.patrols.slots import free_slots
from gastown.queue import Doorbell

_BATCH = 100


def look(here: Here) -> Iterable[Fault]:
    """Free slots while work that may start has waited for `witness.idle_s`."""
    with here.read() as session:
        free = sum(free_slots(session).values())
        waiting = _waiting(session) if free else []
        limit = policy.load(session).number("witness.idle_s")
    if waiting:
        yield warning(
            "",
            f"{free} slots are free while {len(waiting)} attempts that may start have waited for {limit:g} s, "
            f"the first at {waiting[0].bead_id}",
            "`gt status` shows who serves which rig; the workers' logs say why they take nothing.",
        )


def _waiting(session: Session) -> list[Assignment]:
    """What could have started long ago: due or offered, in a rig with room for another polecat."""
    now, settings = database_time(session), policy.load(session)
    patience = timedelta(seconds=settings.number("witness.idle_s"))
    running, most = assignments.running_by_rig(session), settings.count("rig.max_polecats")
    due = assignments.list_due(session, now - patience, limit=_BATCH)
    offered = assignments.list_unanswered(session, now, limit=_BATCH)
    return [
        row
        for row in (*offered, *due)
        if running.get(row.rig, 0) < most and now - max(row.created_at, row.not_before or row.created_at) > patience
    ]


def mend(hands: Hands, _fault: Fault) -> str:
    """Dispatch what may start, and ring for all that is offered."""

    def act(session: Session) -> list[Doorbell]:
        if not free_slots(session) or not _waiting(session):
            return []
        sling.dispatch(session, actor=hands.actor)
        session.flush()
        return sling.list_stale_offers(session, rung_before=timedelta(0))

    bells = hands.transact(act)
    queue.ring_again(bells)
    return f"rang again for {len(bells)} offers" if bells else ""


CHECK = Check(
    "idle",
    look,
    "no slot stays free beside work that waits",
    category=Category.WORK,
    patrol=Patrol.WITNESS,
    mend=mend,
    is_automatic=True,
)
