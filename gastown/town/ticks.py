"""The periodic steps. Each is bounded, and harmless twice, late or in parallel: a lease row that is taken and left to
expire lets one of several beats through, and any worker may run a tick that is overdue."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, TypeVar

from sqlmodel import Session

from gastown import assignments, logs, patrols, policy, queue, refinery, sling
from gastown.config import Settings
from gastown.db import database_time, locks
from gastown.events import outbox
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
        if last is None or last < now - timedelta(seconds=2.5 * tick.every_s):
            late.append(tick.task)
    return late


def reconcile(caller: Caller) -> bool:
    """Bring what was left half-way on its way again; False when another caller did so this period."""
    if not caller.transact(lambda session: _begin(session, caller.holder)):
        return False
    for step in (_take_over_expired, _dispatch, presence.forget_silent):
        caller.transact(step)
    sweep_outbox(caller)
    queue.ring_all(caller.transact(_list_bells))
    return True


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
        locks.try_acquire(session, _QUIET, holder=holder, ttl_s=ttl)
    return True


def _take_over_expired(session: Session) -> int:
    """Attempts whose lease expired on hosts that nobody serves any more are given up and made anew."""
    now = database_time(session)
    quiet = session.get(locks.Lease, _QUIET)
    if quiet is not None and quiet.expires_at is not None and quiet.expires_at > now:
        return 0
    served = presence.hosts_at_work(session)
    taken = 0
    for row in assignments.list_expired(session, now):
        if row.host in served or row.id is None:
            continue  # a worker of that host adopts it
        log.warning("attempt %d at %s: host %s is gone", row.fence, row.bead_id, row.host)
        assignments.lose(
            session, row.id, row.fence, actor="town", outcome=f"its lease expired and nobody serves host {row.host}"
        )
        taken += 1
    return taken


def _dispatch(session: Session) -> int:
    return sling.dispatch(session, actor="town").offered


def _list_bells(session: Session) -> list[Doorbell]:
    return [*sling.list_stale_offers(session), *refinery.tick_rigs(session)]


def sweep_outbox(caller: Caller) -> int:
    """Ring doorbells that are owed; return how many went out."""
    with caller.read() as session:
        owed = outbox.list_owed(session)
    rung = [bell for bell in queue.ring_all(owed) if bell.event_id is not None]
    if rung:
        caller.transact(lambda session: outbox.mark_rung(session, [bell.event_id or 0 for bell in rung]))
    return len(rung)


def patrol(caller: Caller) -> Sequence[patrols.Finding]:
    """Run the patrols' quick checks; what they find is logged, and shown by `gt doctor`."""
    if not caller.transact(lambda session: _may_run(session, Task.PATROL, _every(Task.PATROL), caller.holder)):
        return ()
    here = patrols.Here(caller.settings, caller.read)
    found = [item for item in patrols.run(here, patrols.QUICK) if item.level is not patrols.Level.OK]
    for item in found:
        log.warning("patrol: %s %s: %s", item.check, item.subject, item.message)
    return found
