"""What a tick does for the queues: doorbells for whatever should move and has not been looked at for a while."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, func, or_
from sqlmodel import Session, col, select

from gastown import clock, policy, rigs
from gastown.db import database_time, locks
from gastown.queue import Doorbell
from gastown.refinery import gate_runs, pull_records, queries
from gastown.refinery.desk import is_in_question
from gastown.refinery.models import (
    GateRun,
    IntentState,
    LandingIntent,
    MergeRequest,
    Refinery,
    RequestState,
    RunState,
)
from gastown.refinery.step import lease_name
from gastown.rigs import Rig, TargetState

# A rig with work is looked at this often whatever happens: the target may have moved, the remote may be back.
LOOK_EVERY = timedelta(seconds=30)
# What should be dealt with in a moment and was not: its doorbell was lost.
OVERDUE_AFTER = timedelta(seconds=5)
# Both are shorter where leases are, as shares of their TTL.
_LOOK_SHARE, _OVERDUE_SHARE = 0.5, 0.1


def any_work() -> ColumnElement[bool]:
    """Whether a queue has anything before it, for a statement that asks a town at rest: a request that waits, a gate
    run or a landing that is open, a pull request to be closed, a lease that is held or was left behind, a target in
    question.
    """
    before, after = lease_name(""), lease_name("\x7f")
    name = col(locks.Lease.name)
    in_question = or_(
        col(Rig.target_state).in_((TargetState.RED, TargetState.BROKEN)),
        (col(Rig.target_state) == TargetState.UNKNOWN) & col(Rig.no_gates).is_(False),
    )
    return or_(
        exists().where(col(MergeRequest.state).in_(queries.IN_QUEUE)),
        exists().where(col(GateRun.state).in_((RunState.REQUESTED, RunState.RUNNING))),
        exists().where(col(LandingIntent.state) == IntentState.OPEN),
        pull_records.any_left(),
        exists().where(name > before, name < after, col(locks.Lease.expires_at).is_not(None)),
        exists().where(col(Rig.removed_at).is_(None), in_question),
    )


def tick_rigs(session: Session) -> list[Doorbell]:
    """Doorbells for rigs whose queue should move and for gate runs that nobody came for; frees runs of dead runners."""
    now = clock.now()
    gate_runs.expire(session, actor="town")
    values = policy.load(session)
    again, ttl = (timedelta(seconds=values.number(name)) for name in ("doorbell.again_s", "lease.ttl_s"))
    bells = gate_runs.ring_again(session, now - again)
    seen = queries.refineries(session)
    busy = _busy(session)
    overdue = _overdue(session, now - min(OVERDUE_AFTER, _OVERDUE_SHARE * ttl))
    every = min(LOOK_EVERY, _LOOK_SHARE * ttl)
    for rig in rigs.list_all(session):
        due = _is_due(rig, seen.get(rig.name), every, is_busy=rig.name in busy)
        if due or rig.name in overdue:
            bells.append(gate_runs.refinery_bell(rig.name))
    return bells


def ring_all(session: Session) -> list[Doorbell]:
    """Doorbells for every queue with something to do and every gate run that waits: what held them up is over."""
    bells = gate_runs.ring_again(session, clock.now())
    busy = _busy(session)
    found = [rig for rig in rigs.list_all(session) if rig.name in busy or is_in_question(rig)]
    return bells + [gate_runs.refinery_bell(rig.name) for rig in found]


def _busy(session: Session) -> set[str]:
    """Rigs whose queue has requests before it, or pull requests of such as were called off to close."""
    return {request.rig for request in queries.list_in_queue(session)} | pull_records.rigs_with_left(session)


def _is_due(rig: Rig, seen: Refinery | None, every: timedelta, *, is_busy: bool) -> bool:
    looked_at = seen.looked_at if seen else None
    # One from the future was written before a clock was set back.
    is_old = looked_at is None or abs(clock.now() - looked_at) >= every
    return (is_busy or is_in_question(rig)) and is_old


def _overdue(session: Session, before: datetime) -> set[str]:
    """Rigs with an open intent, a request whose gate run has ended, or a lease left behind, that nobody dealt with."""
    ended = (
        select(MergeRequest.rig)
        .join(GateRun, col(GateRun.id) == col(MergeRequest.gate_run_id))
        .where(
            MergeRequest.state == RequestState.TESTING,
            col(GateRun.state).in_((RunState.FINISHED, RunState.CANCELLED)),
            col(GateRun.finished_at) < before,
        )
    )
    landing = select(LandingIntent.rig).where(
        LandingIntent.state == IntentState.OPEN, col(LandingIntent.created_at) < before
    )
    return {*session.exec(ended).all(), *session.exec(landing).all(), *_left_by_the_dead(session)}


def _left_by_the_dead(session: Session) -> set[str]:
    """Rigs whose lease ended without being let go: its holder was killed; doorbells that found it held were lost."""
    now = database_time(session)
    return {rig for rig, lease in _held(session).items() if lease.expires_at is not None and lease.expires_at <= now}


def _held_by(session: Session, is_dead: Callable[[str], bool]) -> set[str]:
    """Rigs whose lease is that of a dead process, whether it has ended or not."""
    return {rig for rig, lease in _held(session).items() if is_dead(lease.holder)}


def _held(session: Session) -> dict[str, locks.Lease]:
    """The leases of refineries that were not let go, by rig."""
    before, after = lease_name(""), lease_name("\x7f")
    name = col(locks.Lease.name)
    query = select(locks.Lease).where(name > before, name < after, col(locks.Lease.expires_at).is_not(None))
    return {lease.name.removeprefix(before): lease for lease in session.exec(query).all()}


def list_unseen(session: Session, *, is_dead: Callable[[str], bool]) -> list[str]:
    """Rigs whose queue should move, and at which nobody looked for two of the periods in which ticks ring for them; or
    at once where the last one to look is known to be dead.
    """
    if not session.scalar(select(any_work())):
        return []
    ttl = timedelta(seconds=policy.load(session).number("lease.ttl_s"))
    seen = queries.refineries(session)
    busy = _busy(session)
    every = 2 * min(LOOK_EVERY, _LOOK_SHARE * ttl)
    overdue = _overdue(session, clock.now() - 2 * min(OVERDUE_AFTER, _OVERDUE_SHARE * ttl)) if busy else set()
    overdue |= _held_by(session, is_dead)
    return [
        rig.name
        for rig in rigs.list_all(session)
        if rig.name in overdue or _is_due(rig, seen.get(rig.name), every, is_busy=rig.name in busy)
    ]


def count_running(session: Session, holder: str) -> int:
    """Gate runs that this worker is at."""
    query = select(func.count()).select_from(GateRun)
    return session.exec(query.where(GateRun.state == RunState.RUNNING, GateRun.holder == holder)).one()


def list_requested(session: Session) -> list[int]:
    """Gate runs that wait for a runner, oldest first: for workers that Redis cannot ring."""
    rows = session.exec(select(GateRun.id).where(GateRun.state == RunState.REQUESTED).order_by(col(GateRun.id))).all()
    return [number for number in rows if number is not None]
