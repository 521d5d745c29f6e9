"""No slot stays free beside work that could take it."""

from collections.abc import Iterable
from datetime import timedelta

from sqlmodel import Session

from gastown import assignments, policy, queue, rigs, sling
from gastown.assignments import Assignment
from gastown.db import database_time
from gastown.events import EventKind
from gastown.patrols.findings import Category, Check, Fault, Hands, Here, Patrol, warning
from gastown.patrols.queries import last_told
from gastown.patrols.slots import free_slots
from gastown.queue import Doorbell

_BATCH = 100


def look(here: Here) -> Iterable[Fault]:
    """Free slots while work has been offered for `witness.idle_s`."""
    with here.read() as session:
        free = sum(free_slots(session).values())
        waiting = _waiting(session) if free else []
        limit = policy.load(session).number("witness.idle_s")
    if waiting:
        yield warning(
            "",
            f"{free} slots are free while {len(waiting)} offers have waited for {limit:g} s, "
            f"the first at {waiting[0].bead_id}",
            "`gt status` shows who serves which rig; the workers' logs say why they take nothing.",
        )


def _waiting(session: Session) -> list[Assignment]:
    """What was offered long ago in a rig with room for another polecat; nothing while the town is halted."""
    if rigs.find_town_pause(session) is not None:
        return []
    now, settings = database_time(session), policy.load(session)
    before = now - timedelta(seconds=settings.number("witness.idle_s"))
    rows = [row for row in assignments.list_unanswered(session, now, limit=_BATCH) if row.created_at < before]
    offered = last_told(session, EventKind.ASSIGNMENT_OFFERED, rows)
    running, most = assignments.running_by_rig(session), settings.count("rig.max_polecats")
    return [row for row in rows if running.get(row.rig, 0) < most and offered.get(row.id or 0, row.created_at) < before]


def mend(hands: Hands, _fault: Fault) -> str:
    """Ring for all that is offered."""

    def act(session: Session) -> list[Doorbell]:
        if not free_slots(session) or not _waiting(session):
            return []
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
