"""What a person does to a merge queue: pause it, let it go on, return a request, take one off."""

from sqlmodel import Session

from gastown import assignments, beads, rigs
from gastown.beads import BeadStatus
from gastown.errors import NotFound
from gastown.refinery import gate_runs, lifecycle, queries
from gastown.refinery.lifecycle import LandsNow
from gastown.refinery.models import MergeRequest, RequestState
from gastown.rigs import Rig

REJECTED = "rejected"
"""What the head of a request says that a person returned."""


class NotInQueue(NotFound):
    """The bead has no request that could be returned or taken off."""


def pause(session: Session, rig: str, *, actor: str, why: str) -> Rig:
    """Have the rig's queue board nothing, ask for no gate runs and push nothing, until `resume`.

    What was pushed before is settled still, gates that run come to their end, and agents go on and hand in.
    """
    row = rigs.pause_queue(session, rig, actor=actor, why=why)
    _ring(session, rig)
    return row


def resume(session: Session, rig: str, *, actor: str) -> Rig:
    """Let the rig's queue go on where it was."""
    row = rigs.resume_queue(session, rig, actor=actor)
    _ring(session, rig)
    return row


def _ring(session: Session, rig: str) -> None:
    session.info.setdefault("doorbells", []).append(gate_runs.refinery_bell(rig))


def reject(session: Session, bead_name: str, *, actor: str, why: str) -> tuple[MergeRequest, bool]:
    """Return the bead's request to its polecat as rework, with a person's reason; False: its reworks are spent.

    The gates said nothing against it: it loses no score and does not count as bad. Refuses one that lands just now,
    and one that was returned before.
    """
    request = _find(session, bead_name)
    if request.state is RequestState.RETURNED:
        raise NotInQueue(
            f"{request.bead_id} was returned before and is with its polecat",
            hint=f"`gt mq reject {request.bead_id} --cancel --reason TEXT` takes it off for good.",
        )
    summary = f"{actor} returned it: {why}"
    goes_on = lifecycle.send_back(
        session, request, kind=REJECTED, details={"summary": summary, "by": actor}, actor=actor, lease=None
    )
    _ring(session, request.rig)
    return queries.get_request(session, request.id or 0), goes_on


def withdraw(session: Session, bead_name: str, *, actor: str, why: str) -> MergeRequest:
    """Take the bead's request off the queue for good, and the bead off its hook: it is open again, its commits stay."""
    request = _find(session, bead_name)
    lifecycle.cancel(session, request.bead_id, actor=actor, why=why)
    if assignments.release(session, request.bead_id, actor=actor, why=why) is None:
        bead = beads.get(session, request.bead_id)
        if bead.status == BeadStatus.SUBMITTED:
            beads.set_status(session, bead.id, BeadStatus.OPEN, actor=actor, rig=request.rig, reason=why)
    _ring(session, request.rig)
    return queries.get_request(session, request.id or 0)


def _find(session: Session, bead_name: str) -> MergeRequest:
    bead = beads.find(session, bead_name)
    request = queries.find_open(session, bead.id, lock=True)
    if request is None:
        raise NotInQueue(f"{bead.id} has no open merge request", hint="`gt mq list` shows those that have one.")
    if request.state is RequestState.LANDING:
        raise LandsNow(f"{bead.id} is being landed just now", hint="Only the remote decides about it: look again soon.")
    return request
