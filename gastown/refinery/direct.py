"""Landing at once: a request goes before all that waits, and its person is told how it fares.

It is tested like any other: nothing reaches a target that its gates have not passed. What is spared it is the waiting.
"""

from dataclasses import dataclass

from sqlalchemy import update
from sqlmodel import Session, col

from gastown import rigs
from gastown.errors import Conflict
from gastown.events import EventKind
from gastown.refinery import gate_runs, overview, queries
from gastown.refinery.lifecycle import record_about
from gastown.refinery.models import MergeRequest, RequestState
from gastown.refinery.ordering import HOTFIX
from gastown.rigs import TargetState


class NotAtOnce(Conflict):
    """Nothing can land in the rig as it is."""


@dataclass(frozen=True)
class Standing:
    """How a request fares."""

    state: RequestState
    landed_oid: str
    words: str
    """What it waits for, or what became of it."""

    @property
    def is_over(self) -> bool:
        """Whether the queue has done with it, for now at least."""
        return self.state in (RequestState.LANDED, RequestState.RETURNED, RequestState.CANCELLED)


def check_at_once(session: Session, rig_name: str) -> None:
    """Refuse where the queue would not take anything up now: it is stopped or paused, or its target is not green."""
    rig = rigs.get(session, rig_name)
    halted = rigs.find_freeze(session, rig) or rigs.find_queue_pause(rig)
    if halted:
        raise NotAtOnce(f"nothing lands in {rig.name}: {halted}")
    if not rig.no_gates and rig.target_state is not TargetState.GREEN:
        (stands,) = overview.status(session, rig.name)
        why = f": {stands.waits_for}" if stands.waits_for else ""
        raise NotAtOnce(
            f"{rig.branch} of {rig.name} is {rig.target_state.value}{why}",
            hint=f"`gt mq status {rig.name}` shows it. Without --direct the work waits until it is green.",
        )


def hurry(session: Session, request_id: int, *, actor: str) -> MergeRequest:
    """Put a waiting request into the hotfix lane. One that is tested or lands already stays where it is."""
    request = queries.get_request(session, request_id)
    moved = session.execute(
        update(MergeRequest)
        .where(
            col(MergeRequest.id) == request_id,
            col(MergeRequest.state) == RequestState.QUEUED,
            col(MergeRequest.priority) != HOTFIX,
        )
        .values(priority=HOTFIX)
    )
    if moved.rowcount:  # type: ignore[attr-defined]
        head = queries.get_head(session, request.head_id)
        bell = gate_runs.refinery_bell(request.rig)
        record_about(session, EventKind.REQUEST_HURRIED, request, head, actor=actor, ring=bell, priority=HOTFIX)
    return queries.get_request(session, request_id)


def stand(session: Session, request_id: int) -> Standing:
    """How a request fares now."""
    request = queries.get_request(session, request_id)
    if request.state is RequestState.LANDED:
        return Standing(request.state, request.landed_oid, f"landed as {request.landed_oid[:12]}")
    if request.state is RequestState.CANCELLED:
        return Standing(request.state, "", "was taken off the queue")
    items = overview.list_queue(session, request.rig)
    item = next((item for item in items if item.request.id == request_id), None)
    if item is None:  # it has ended between two looks
        return Standing(request.state, "", "")
    place = f"{item.position} in line, waits for " if request.state is RequestState.QUEUED else ""
    return Standing(request.state, "", f"{place}{item.waits_for}")
