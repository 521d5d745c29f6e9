"""The periodic steps. Each is bounded, and harmless twice, late or in parallel: a lease row that is taken and left to
expire lets one of several beats through, and any worker may run a tick that is overdue."""

from datetime import timedelta
from functools import partial

from sqlmodel import Session

from gastown import clock, logs, patrols, policy
from gastown.db import database_time, hold_time, locks
from gastown.patrols import Patrol
from gastown.queue import Task
from gastown.schedule import TICKS
from gastown.town import reconciling
from gastown.town.caller import Caller, try_step

log = logs.get(__name__)


_PATROL_LEASE = f"tick.{Task.PATROL.value}"
# Between two walks through a town in which nothing is open.
AT_REST = timedelta(seconds=170)


def _may_run(session: Session, task: Task, every_s: float, holder: str) -> bool:
    """Let one caller a period through."""
    return locks.try_acquire(session, f"tick.{task.value}", holder=holder, ttl_s=every_s / 2) is not None


def _every(task: Task) -> float:
    return next(tick.every_s for tick in TICKS if tick.task is task)


def run_overdue(caller: Caller) -> int:
    """Run the ticks whose time has passed: beat is down, or leases are too short to wait for it. Return how many."""
    with caller.read() as session:
        since = clock.monotonic()
        # Kept while they are asked about.
        _leases, now = locks.look(session, reconciling.LEASE, _PATROL_LEASE)
        hold_time(session, now, since)
        is_late = reconciling.is_overdue(session)
        is_patrol_late = _is_patrol_late(session)
    if is_late:
        log.info("the reconciliation is overdue; running it here")
        reconciling.reconcile(caller)
    if is_patrol_late:
        log.warning("the patrols are overdue; running them here")
        patrol(caller)
    return is_late + is_patrol_late


def _is_patrol_late(session: Session) -> bool:
    row = session.get(locks.Lease, _PATROL_LEASE)
    last = row.expires_at if row is not None else None
    # Far ahead of now it was written before the clock was set back.
    return last is None or abs(database_time(session) - last) > timedelta(seconds=2.5 * _every(Task.PATROL))


def patrol(caller: Caller) -> bool:
    """Have the witness and the deacon walk through the town; False when another caller did so this period."""
    if not caller.transact(lambda session: _may_run(session, Task.PATROL, _every(Task.PATROL), caller.holder)):
        return False
    if not _may_rest(caller):
        _walk_town(caller)
    return True


def _may_rest(caller: Caller, host: str | None = None) -> bool:
    """Whether nothing in the town is open or was found, and the deacon came round lately enough for that."""
    with caller.read() as session:
        last = patrols.find_last_walk(session, Patrol.DEACON, host)
        late_s = policy.load(session).number("boot.deacon_late_s")
        rest = min(AT_REST, timedelta(seconds=late_s / 2))
        is_recent = last is not None and timedelta(0) <= database_time(session) - last < rest
        return is_recent and not reconciling.has_work(session) and not patrols.list_open(session)


def patrol_host(caller: Caller) -> bool:
    """Have the patrols look at what only this host can see, and boot at the deacon; False when a neighbour did so.

    Boot is whoever runs this: when the deacon has not come round for too long, it walks in its stead.
    """
    host = caller.settings.host_id
    every = _every(Task.PATROL)
    if not caller.transact(lambda session: _may_walk(session, f"patrol.{host}", every, caller.holder)):
        return False
    if not _may_rest(caller, host):
        for who in (Patrol.WITNESS, Patrol.DEACON):
            try_step(partial(_walk, who=who, is_local=True), caller)
    if caller.transact(lambda session: _may_walk(session, "patrol.boot", every, caller.holder)):
        try_step(partial(_walk, who=Patrol.BOOT), caller)
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
        try_step(partial(_walk, who=who), caller)


def _walk(caller: Caller, who: Patrol, *, is_local: bool = False) -> None:
    here = patrols.Here(caller.settings, caller.read)
    patrols.walk(patrols.Hands(here, caller.transact, who.value), who, is_local=is_local)
