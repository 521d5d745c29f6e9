"""Queue rows that do not fit together: edited by hand, or half restored from a copy.

One such row must not hold the rig's queue up. What can be told from the other rows is put right; where it cannot, the
request leaves the queue and a person is asked about its bead. Nothing is decided here about what has landed.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col

from gastown import assignments, beads, clock, logs
from gastown.assignments import AssignmentState
from gastown.beads import BeadStatus
from gastown.events import EventKind, record, say_time
from gastown.refinery import queries
from gastown.refinery.lifecycle import NO_CANDIDATE
from gastown.refinery.models import IntentState, LandingIntent, MergeHead, MergeRequest, RequestState

log = logs.get(__name__)


def mend(session: Session, rig: str, *, actor: str) -> None:
    """Make the rig's rows fit together; costs three reads where they do."""
    _mend_intent(session, rig, actor=actor)
    requests = queries.list_in_queue(session, rig)
    if not requests:
        return
    intent = queries.find_open_intent(session, rig)
    landing = {row.id for row, _head in queries.list_riders(session, intent)} if intent else set()
    known, heads = queries.beads_of(session, requests), queries.heads_of(session, requests)
    for request in requests:
        if request.head_id not in heads and not _restore_head(session, request):
            _write_off(session, request, actor=actor, why="what was submitted is not in the books any more")
        elif request.state is RequestState.LANDING and request.id not in landing:
            _set(session, request, RequestState.QUEUED, NO_CANDIDATE)
            why = "its landing is not in the books any more"
            _tell(session, EventKind.REQUEST_REQUEUED, request, actor=actor, why=why)
        elif request.bead_id not in known and request.state is not RequestState.LANDING:
            _write_off(session, request, actor=actor, why="its bead is not in the books any more")


def _mend_intent(session: Session, rig: str, *, actor: str) -> None:
    """An open intent has a request that lands: only the remote says what became of it."""
    intent = queries.find_open_intent(session, rig)
    if intent is None:
        return
    request = session.get(MergeRequest, intent.request_id, populate_existing=True)
    if request is not None and request.state is RequestState.LANDING:
        return
    if request is None or request.state is RequestState.LANDED:
        log.warning("rig %s: the open landing %s has no request that waits for it", rig, intent.id)
        why, now = "its request is not in the books any more", clock.now()
        session.execute(
            update(LandingIntent)
            .where(col(LandingIntent.id) == intent.id, col(LandingIntent.state) == IntentState.OPEN)
            .values(state=IntentState.VOID, closed_at=now, why=why)
        )
        said: dict[str, Any] = {"intent": intent.id, "why": why, "refused": False, "closed_at": say_time(now)}
        record(session, EventKind.LANDING_VOIDED, actor=actor, rig=rig, **said)
        return
    log.warning("rig %s: request %s is being landed, and its row said %s", rig, request.id, request.state)
    values = {"base_oid": intent.base_oid, "candidate_oid": intent.new_oid, "tree_oid": intent.tree_oid}
    _set(session, request, RequestState.LANDING, {**values, "head_id": intent.head_id})


def _restore_head(session: Session, request: MergeRequest) -> bool:
    """Write the missing head again, as the attempt that submitted it has it."""
    history = assignments.history(session, request.bead_id)
    row = next((past for past in reversed(history) if past.state is AssignmentState.SUBMITTED and past.head_oid), None)
    is_landing = request.state is RequestState.LANDING
    if row is None and not is_landing:
        return False
    log.warning("request %s: its head is not in the books any more; it is written again", request.id)
    head = MergeHead(
        id=request.head_id,
        request_id=request.id or 0,
        assignment_id=row.id or 0 if row else 0,
        fence=row.fence if row else 0,
        polecat=(row.polecat or "") if row else "",
        head_oid=row.head_oid if row else request.candidate_oid,
        branch=row.branch if row else "",
        submitted_at=request.queued_at,
    )
    session.add(head)
    session.flush()
    if request.head_id != head.id:
        _set(session, request, request.state, {"head_id": head.id})
    return True


def _write_off(session: Session, request: MergeRequest, *, actor: str, why: str) -> None:
    log.warning("request %s of %s leaves the queue: %s", request.id, request.bead_id, why)
    _set(session, request, RequestState.CANCELLED, NO_CANDIDATE)
    _tell(session, EventKind.REQUEST_CANCELLED, request, actor=actor, why=why)
    bead = beads.find_many(session, [request.bead_id]).get(request.bead_id)
    if bead is not None and bead.status == BeadStatus.SUBMITTED:
        beads.set_status(session, bead.id, BeadStatus.ESCALATED, actor=actor, rig=request.rig, reason=why)
        text = f"Escalated: {why}.\nWhen it is settled: gt sling {bead.id} {request.rig}"
        beads.add_comment(session, bead.id, text, actor=actor)


def _set(session: Session, request: MergeRequest, state: RequestState, values: Mapping[str, object]) -> None:
    session.execute(update(MergeRequest).where(col(MergeRequest.id) == request.id).values(state=state, **values))
    session.refresh(request)


def _tell(session: Session, kind: EventKind, request: MergeRequest, *, actor: str, why: str) -> None:
    record(session, kind, actor=actor, bead_id=request.bead_id, rig=request.rig, request=request.id, why=why)
