"""What follows from a fact: event kind -> reactions. Each finds out by itself whether there is something to do."""

from collections.abc import Callable
from datetime import timedelta

from sqlmodel import Session

from gastown import assignments, beads, convoys, refinery, sling
from gastown.agents import WorktreeState
from gastown.beads import BeadStatus
from gastown.events import Event, EventKind

# One free slot wakes this many at the most: some of them may not be able to take it.
RUNG_AT_ONCE = 8

Reaction = Callable[[Session, Event, str], object]


def _let_waiting_go(session: Session, _event: Event, actor: str) -> None:
    sling.dispatch(session, actor=actor)


def _check_convoys(session: Session, event: Event, actor: str) -> None:
    convoys.check_landed(session, event.bead_id or "", actor=actor)


def _take_off_hook(session: Session, event: Event, actor: str) -> None:
    """A person closed or deleted the bead: whoever works on it stops, its request leaves the queue.

    Where the doorbell was late the bead may be open and slung again: that is none of this event's business.
    """
    bead_id = event.bead_id or ""
    bead = beads.find_many(session, [bead_id]).get(bead_id)  # a deleted one is not found
    if bead is not None and bead.status != BeadStatus.CLOSED:
        return
    assignments.release(session, bead_id, actor=actor, why="the bead was closed")
    refinery.cancel(session, bead_id, actor=actor, why="the bead was closed")


def _ring_offers(session: Session, event: Event, _actor: str) -> None:
    """A slot or a polecat is free: those who wait longest are rung again, in fair order."""
    if event.payload.get("worktree_state") == WorktreeState.BUSY:
        return
    bells = sling.list_stale_offers(session, rung_before=timedelta(0), limit=RUNG_AT_ONCE)
    session.info.setdefault("doorbells", []).extend(bells)


REACTIONS: dict[EventKind, tuple[Reaction, ...]] = {
    EventKind.BEAD_CLOSED: (_take_off_hook, _check_convoys, _let_waiting_go),
    EventKind.BEAD_DELETED: (_take_off_hook, _let_waiting_go),
    EventKind.BEAD_ESCALATED: (_check_convoys,),
    EventKind.DEPENDENCY_REMOVED: (_let_waiting_go,),
    EventKind.ASSIGNMENT_ENDED: (_ring_offers, _let_waiting_go),
    EventKind.ASSIGNMENT_SUBMITTED: (_ring_offers,),
    EventKind.POLECAT_UPDATED: (_ring_offers,),
    EventKind.RIG_UNPARKED: (_let_waiting_go, _ring_offers),
}


def react(session: Session, event_id: int, *, actor: str) -> None:
    """Run the reactions to one event; an event whose transaction never committed is nothing to do."""
    event = session.get(Event, event_id)
    if event is None:
        return
    for reaction in REACTIONS.get(event.kind, ()):
        reaction(session, event, actor)
