"""Doorbells that are owed, and offers that nobody answered."""

from collections.abc import Callable

from sqlmodel import Session, select

from gastown import logs, queue, refinery, sling
from gastown.assignments import Assignment, AssignmentState
from gastown.events import outbox
from gastown.queue import Doorbell
from gastown.town import presence
from gastown.town.caller import Caller

log = logs.get(__name__)


def sweep_outbox(caller: Caller) -> int:
    """Ring doorbells that are owed; return how many went out."""
    with caller.read() as session:
        owed = outbox.list_owed(session)
    if owed.unfit:
        log.warning("%d doorbells cannot be read, the first of event %d: see `gt doctor`", *_told(owed.unfit))
    rung = [bell for bell in queue.ring_all(owed.bells) if bell.event_id is not None]
    if rung:
        caller.transact(lambda session: outbox.mark_rung(session, [bell.event_id or 0 for bell in rung]))
    return len(rung)


def _told(unfit: list[int]) -> tuple[int, int]:
    return len(unfit), unfit[0]


def list_offers(session: Session) -> list[Doorbell]:
    """Offers to be rung again: as many as could be taken now, so that queues that nobody reads do not grow."""
    waiting = select(Assignment.id).where(Assignment.state == AssignmentState.OFFERED).limit(1)
    if session.exec(waiting).first() is None:
        return []
    return sling.list_stale_offers(session, limit=presence.count_free_slots(session))


def ring_offers(caller: Caller) -> None:
    """Ring again for offered work."""
    _ring(caller, list_offers)


def ring_refineries(caller: Caller) -> None:
    """Ring for merge queues that should move, and for gate runs that nobody came for."""
    _ring(caller, refinery.tick_rigs)


def _ring(caller: Caller, find: Callable[[Session], list[Doorbell]]) -> None:
    queue.ring_again(caller.transact(find))
