"""The periodic steps. Each is bounded, and harmless twice, late or in parallel: a lease row that is taken and left to
expire lets one of several beats through, and any worker may run a tick that is overdue."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

from sqlmodel import Session

from gastown import assignments, convoys, logs, patrols, policy, queue, refinery, sling
from gastown.assignments import AssignmentState
from gastown.config import Settings
from gastown.db import database_time, locks
from gastown.errors import GastownError, Unavailable
from gastown.events import outbox
from gastown.patrols import Patrol
from gastown.queue import Doorbell, Task
from gastown.town import presence

log = logs.get(__name__)
T = TypeVar("T")


class Transact(Protocol):
    """Runs a function in a unit of work, again when the database asks for that."""

    def __call__(self, act: Callable[[Session], T], /) -> T:
        """Run `act`."""


@dataclass(frozen=True)
class Caller:
    """The process that runs a tick: its ways to SQL and its name."""

    settings: Settings
    holder: str
    transact: Transact
    read: Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True)
class Tick:
    """One periodic step."""

    task: Task
    every_s: float
    why: str


TICKS: tuple[Tick, ...] = (
    Tick(Task.RECONCILE, 10, "expired leases, waiting work, offers nobody took, owed doorbells, merge queues"),
    Tick(Task.PATROL, 60, "the witness's and the deacon's checks"),
)
_QUIET = "quiet.reconcile"


def _may_run(session: Session, task: Task, every_s: float, holder: str) -> bool:
    """Let one caller a period through."""
    return locks.try_acquire(session, f"tick.{task.value}", holder=holder, ttl_s=every_s / 2) is not None


def _every(task: Task) -> float:
    return next(tick.every_s for tick in TICKS if tick.task is task)


def run_overdue(caller: Caller) -> int:
    """Run the ticks that nobody ran for three periods: beat is down. Return how many."""
    with caller.read() as session:
        late = _list_overdue(session)
    for task in late:
        log.warning("tick %s is overdue; running it here", task.value)
        {Task.RECONCILE: reconcile, Task.PATROL: patrol}[task](caller)
    return len(late)


def _list_overdue(session: Session) -> list[Task]:
    now = database_time(session)
    late = []
    for tick in TICKS:
        row = session.get(locks.Lease, f"tick.{tick.task.value}")
        last = row.expires_at if row is not None else None
        # Far ahead of now it was written before the clock was set back.
        if last is None or abs(now - last) > timedelta(seconds=2.5 * tick.every_s):
            late.append(tick.task)
    return late


def reconcile(caller: Caller) -> bool:
    """Bring what was left half-way on its way again; False when another caller did so this period."""
    if not caller.transact(lambda session: _begin(session, caller.holder)):
        return False
    steps = (
        take_over_expired,
        partial(_once, act=_dispatch),
        partial(_once, act=_land_convoys),
        partial(_once, act=presence.forget_silent),
        sweep_outbox,
        partial(_ring, find=list_offers),
        partial(_ring, find=refinery.tick_rigs),
    )
    for step in steps:
        _try(step, caller)
    return True


def _try(step: Callable[[Caller], object], caller: Caller) -> None:
    """One step's trouble is not another's: what it left is found again by the next tick."""
    try:
        step(caller)
    except Unavailable:
        raise
    except Exception:
        log.exception("a step of the tick failed; the others go on")


def _once(caller: Caller, act: Callable[[Session], object]) -> None:
    caller.transact(act)


def _ring(caller: Caller, find: Callable[[Session], list[Doorbell]]) -> None:
    queue.ring_again(caller.transact(find))


def _begin(session: Session, holder: str) -> bool:
    """Take this period; after a gap (our start, an outage, a suspended laptop) forbid takeovers for one TTL."""
    now = database_time(session)
    row = session.get(locks.Lease, f"tick.{Task.RECONCILE.value}")
    last = row.expires_at if row is not None else None
    every = _every(Task.RECONCILE)
    if not _may_run(session, Task.RECONCILE, every, holder):
        return False
    if last is None or last < now - timedelta(seconds=3 * every):
        ttl = policy.load(session).number("lease.ttl_s")
        locks.seize(session, _QUIET, holder=holder, ttl_s=ttl)
    return True


def take_over_expired(caller: Caller) -> int:
    """Give up attempts whose lease expired on hosts that nobody serves any more, and make them anew; return how many.

    Each in a transaction of its own, so that one that cannot be made anew holds up no other.
    """
    taken = 0
    for number in caller.transact(_list_lost):
        try:
            taken += caller.transact(partial(_give_up, number=number))
        except GastownError as error:
            if error.retryable:
                raise
            log.warning("attempt %d is left to the next tick: %s", number, error)
    return taken


def _list_lost(session: Session) -> list[int]:
    now = database_time(session)
    period = timedelta(seconds=_every(Task.RECONCILE) / 2)
    if _is_held(session, _QUIET, now) or not _is_held(session, f"tick.{Task.RECONCILE.value}", now - period):
        # The period of a tick that was suspended in its middle is over: the next one will see the gap.
        return []
    served = presence.hosts_at_work(session)
    # A worker of a served host adopts what expired there.
    return [row.id for row in assignments.list_expired(session, now) if row.host not in served and row.id is not None]


def _is_held(session: Session, name: str, now: datetime) -> bool:
    row = session.get(locks.Lease, name)
    return row is not None and row.expires_at is not None and row.expires_at > now


def _give_up(session: Session, number: int) -> bool:
    row = assignments.get(session, number, lock=True)
    is_expired = row.expires_at is not None and row.expires_at <= database_time(session)
    if row.state is not AssignmentState.RUNNING or not is_expired:
        return False  # renewed, adopted or ended since we looked
    log.warning("attempt %d at %s: host %s is gone", row.fence, row.bead_id, row.host)
    why = f"its lease expired and nobody serves host {row.host}"
    assignments.lose(session, number, row.fence, actor="town", outcome=why)
    return True


def _dispatch(session: Session) -> int:
    return sling.dispatch(session, actor="town").offered


def _land_convoys(session: Session) -> int:
    return len(convoys.check_all(session, actor="town"))


def list_offers(session: Session) -> list[Doorbell]:
    """Offers to be rung again: as many as could be taken now, so that queues that nobody reads do not grow."""
    return sling.list_stale_offers(session, limit=presence.count_free_slots(session))


def sweep_outbox(caller: Caller) -> int:
    """Ring doorbells that are owed; return how many went out."""
    with caller.read() as session:
        owed = outbox.list_owed(session)
    rung = [bell for bell in queue.ring_all(owed) if bell.event_id is not None]
    if rung:
        caller.transact(lambda session: outbox.mark_rung(session, [bell.event_id or 0 for bell in rung]))
    return len(rung)


def patrol(caller: Caller) -> bool:
    """Have the witness and the deacon walk through the town; False when another caller did so this period."""
    if not caller.transact(lambda session: _may_run(session, Task.PATROL, _every(Task.PATROL), caller.holder)):
        return False
    _walk_town(caller)
    return True


def patrol_host(caller: Caller) -> bool:
    """Have the patrols look at what only this host can see, and boot at the deacon; False when a neighbour did so.

    Boot is whoever runs this: when the deacon has not come round for too long, it walks in its stead.
    """
    host = caller.settings.host_id
    every = _every(Task.PATROL)
    if not caller.transact(lambda session: _may_walk(session, f"patrol.{host}", every, caller.holder)):
        return False
    for who in (Patrol.WITNESS, Patrol.DEACON):
        _try(partial(_walk, who=who, is_local=True), caller)
    if caller.transact(lambda session: _may_walk(session, "patrol.boot", every, caller.holder)):
        _try(partial(_walk, who=Patrol.BOOT), caller)
        with caller.read() as session:
            is_late = _is_deacon_late(session)
        if is_late:
            log.warning("the deacon has not walked for too long; walking here")
            _walk_town(caller)
    return True


def _may_walk(session: Session, name: str, every_s: float, holder: str) -> bool:
    return locks.try_acquire(session, name, holder=holder, ttl_s=every_s / 2) is not None


def _is_deacon_late(session: Session) -> bool:
    last = patrols.find_last_walk(session, Patrol.DEACON)
    patience = timedelta(seconds=policy.load(session).number("boot.deacon_late_s"))
    return last is None or database_time(session) - last > patience


def _walk_town(caller: Caller) -> None:
    for who in (Patrol.WITNESS, Patrol.DEACON):
        _try(partial(_walk, who=who), caller)


def _walk(caller: Caller, who: Patrol, *, is_local: bool = False) -> None:
    here = patrols.Here(caller.settings, caller.read)
    patrols.walk(patrols.Hands(here, caller.transact, who.value), who, is_local=is_local)
