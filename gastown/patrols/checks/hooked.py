"""Work on a hook is run at once, while there is room."""

from collections.abc import Iterable
from datetime import timedelta

from sqlmodel import Session

from gastown import assignments, policy, queue, rigs
from gastown.assignments import Assignment, AssignmentState
from gastown.db import database_time
from gastown.events import EventKind
from gastown.patrols.findings import Category, Check, Fault, Hands, Here, Patrol, error
from gastown.patrols.queries import last_told
from gastown.patrols.slots import free_slots
from gastown.queue import Doorbell

_BATCH = 500


def look(here: Here) -> Iterable[Fault]:
    """Attempts offered for longer than `witness.hooked_s` while slots are free."""
    with here.read() as session:
        rows = list(_overdue(session))
        limit = policy.load(session).number("witness.hooked_s")
    for row in rows:
        yield error(
            row.bead_id,
            f"hangs on a hook in {row.rig} for more than {limit:g} s, and slots are free",
            f"`gt status` shows whether a worker serves {row.rig}; its log says why it takes nothing.",
        )


def _overdue(session: Session) -> Iterable[Assignment]:
    now, settings = database_time(session), policy.load(session)
    before = now - timedelta(seconds=settings.number("witness.hooked_s"))
    rows = [row for row in assignments.list_unanswered(session, now, limit=_BATCH) if row.created_at < before]
    if not rows or rigs.find_town_pause(session) is not None or not sum(free_slots(session).values()):
        return
    offered = last_told(session, EventKind.ASSIGNMENT_OFFERED, rows)
    running, most = assignments.running_by_rig(session), settings.count("rig.max_polecats")
    for row in rows:
        if running.get(row.rig, 0) < most and offered.get(row.id or 0, row.created_at) < before:
            yield row


def mend(hands: Hands, fault: Fault) -> str:
    """Ring for it again."""

    def act(session: Session) -> list[Doorbell]:
        row = assignments.find_open(session, fault.subject, lock=True)
        if row is None or row.state is not AssignmentState.OFFERED:
            return []
        row.rung_at = database_time(session)
        return [assignments.doorbell(session, row)]

    bells = hands.transact(act)
    queue.ring_again(bells)
    return "rang for it again" if bells else ""


CHECK = Check(
    "hooked",
    look,
    "no bead hangs on a hook while there is room",
    category=Category.WORK,
    patrol=Patrol.WITNESS,
    mend=mend,
    is_automatic=True,
)
