"""Beads that are under way and that nobody has: no open attempt, and nothing in a merge queue."""

from collections.abc import Sequence

from sqlalchemy import exists
from sqlmodel import Session, col, select

from gastown import assignments, beads, events, logs, refinery
from gastown.assignments import OPEN_STATES, Assignment, AssignmentState
from gastown.beads import Bead, BeadStatus
from gastown.events import EventKind
from gastown.refinery import MergeRequest, RequestState
from gastown.town.caller import Caller
from gastown.town.reconciling.stepping import BATCH, each

log = logs.get(__name__)

_UNDER_WAY = (BeadStatus.HOOKED, BeadStatus.IN_PROGRESS, BeadStatus.SUBMITTED)
# In these states the merge queue has something to do with a request.
_IN_QUEUE = (RequestState.QUEUED, RequestState.TESTING, RequestState.LANDING)


def take_up_adrift(caller: Caller) -> int:
    """Bring each of them on its way again, or ask a person; return how many."""
    return each(caller, _list_adrift, _take_up, what="bead")


def _list_adrift(session: Session) -> Sequence[str]:
    """Those that were ever slung: what people and agents outside of the town take on is their own business."""
    attempt = exists().where(col(Assignment.bead_id) == col(Bead.id), col(Assignment.state).in_(OPEN_STATES))
    request = exists().where(col(MergeRequest.bead_id) == col(Bead.id), col(MergeRequest.state).in_(_IN_QUEUE))
    return session.exec(
        select(Bead.id)
        .where(col(Bead.status).in_(_UNDER_WAY), col(Bead.is_code).is_not(None), ~attempt, ~request)
        .order_by(col(Bead.id))
        .limit(BATCH)
    ).all()


def _take_up(session: Session, key: str) -> bool:
    bead = session.get(Bead, key, with_for_update=True, populate_existing=True)
    if bead is None or bead.status not in _UNDER_WAY or assignments.find_open(session, key) is not None:
        return False
    request = refinery.find_open(session, key, lock=True)
    if request is not None and request.state in _IN_QUEUE:
        return False
    history = assignments.history(session, key)
    if request is not None and history:
        why = f"request {request.id} was returned and nobody reworks it"
        log.warning("bead %s: %s; an attempt is made", key, why)
        assignments.rework(session, key, details={"kind": "found", "request": request.id, "summary": why}, actor="town")
        return True
    if bead.status == BeadStatus.SUBMITTED:
        return _take_up_submitted(session, bead, history)
    if not _is_town_doing(session, key):
        return False
    _ask_person(session, bead, "its attempt is not in the books any more, and what it left must be looked at")
    return True


def _take_up_submitted(session: Session, bead: Bead, history: Sequence[Assignment]) -> bool:
    last = next((row for row in reversed(history) if row.state is AssignmentState.SUBMITTED), None)
    landed = [row for row in refinery.list_for_bead(session, bead.id) if row.state is RequestState.LANDED]
    if last is None or not last.head_oid or not last.branch or landed:
        why = f"it landed as {landed[-1].landed_oid[:10]} and was submitted again" if landed else "its request is gone"
        _ask_person(session, bead, f"it is submitted, and {why}")
        return True
    log.warning("bead %s: its request is not in the books any more; its commit is queued anew", bead.id)
    refinery.submit(
        session,
        assignment_id=last.id or 0,
        bead_id=bead.id,
        rig=last.rig,
        fence=last.fence,
        polecat=last.polecat or "",
        head_oid=last.head_oid,
        branch=last.branch,
        priority=last.priority,
        actor="town",
    )
    return True


def _is_town_doing(session: Session, bead_id: str) -> bool:
    """Whether the status is one that an attempt brought, and not one that a person gave the bead by hand."""
    brought = (EventKind.BEAD_STATUS_CHANGED, EventKind.BEAD_UPDATED, EventKind.BEAD_CLAIMED, EventKind.BEAD_REOPENED)
    told = [event for event in events.for_bead(session, bead_id) if event.kind in brought and "status" in event.payload]
    return bool(told) and told[-1].assignment_id is not None


def _ask_person(session: Session, bead: Bead, why: str) -> None:
    log.warning("bead %s: %s; a person is asked", bead.id, why)
    beads.set_status(session, bead.id, BeadStatus.ESCALATED, actor="town", reason=why)
    text = f"Escalated: {why}.\nWhen it is settled: gt sling {bead.id} RIG"
    beads.add_comment(session, bead.id, text, actor="town")
