"""Which workers are there."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Session, col, select

from gastown import __version__, assignments, policy
from gastown.config import Settings
from gastown.db import database_time, time_in_sql
from gastown.events import EventKind, record
from gastown.town import pace
from gastown.town.models import Worker


def ttl_s(session: Session) -> float:
    """The TTL of leases, by which workers say hello and are missed."""
    return policy.load(session).number("lease.ttl_s")


def note_worker(session: Session, settings: Settings, worker_id: str, *, role: str, queues: Sequence[str]) -> float:
    """Note that a worker is there and what it serves; returns the TTL of leases, by which it is to say so again."""
    heard = session.execute(
        update(Worker)
        .where(col(Worker.id) == worker_id)
        .values(queues=list(queues), seen_at=time_in_sql(session), slots=settings.slots)
    )
    if heard.rowcount != 1:  # type: ignore[attr-defined]
        now = database_time(session)
        pid = int(worker_id.split(":")[1])
        row = Worker(
            id=worker_id,
            host=settings.host_id,
            role=role,
            pid=pid,
            slots=settings.slots,
            version=__version__,
            started_at=now,
            seen_at=now,
            queues=list(queues),
        )
        session.add(row)
        record(session, EventKind.WORKER_STARTED, actor=worker_id, host=settings.host_id, role=role, pid=pid)
    return ttl_s(session)


def forget_worker(session: Session, worker_id: str) -> None:
    """A worker says goodbye."""
    row = session.get(Worker, worker_id)
    if row is not None:
        session.delete(row)
        record(session, EventKind.WORKER_STOPPED, actor=worker_id, host=row.host, role=row.role)


def list_workers(session: Session) -> Sequence[Worker]:
    """Every worker that has not said goodbye."""
    return session.exec(select(Worker).order_by(col(Worker.host), col(Worker.role))).all()


def list_heard(session: Session) -> list[Worker]:
    """The workers that were heard lately."""
    now, silent = database_time(session), pace.silent_after(ttl_s(session))
    return [row for row in list_workers(session) if is_heard(row, now, silent)]


def is_heard(worker: Worker, now: datetime, silent: timedelta) -> bool:
    """Whether a worker was heard within `silent`. One from the future spoke before the clock was set back."""
    return now - silent < worker.seen_at <= now + pace.MOST_SKEW


def list_present(session: Session, host: str) -> list[Worker]:
    """The workers of a host that were heard lately."""
    return [row for row in list_heard(session) if row.host == host]


def hosts_at_work(session: Session) -> frozenset[str]:
    """Hosts with a worker that supervises sessions and was heard lately."""
    return frozenset(row.host for row in list_heard(session) if row.role in ("sessions", "all"))


def count_free_slots(session: Session) -> int:
    """How many more sessions the workers that were heard lately have room for."""
    slots: dict[str, int] = {}
    for row in list_heard(session):
        if row.role in ("sessions", "all"):
            slots[row.host] = max(slots.get(row.host, 0), row.slots)
    running = assignments.running_by_host(session)
    return sum(max(0, count - running.get(host, 0)) for host, count in slots.items())


def forget_silent(session: Session) -> int:
    """Take workers off the list that were not heard for long; return how many."""
    now, silent = database_time(session), pace.forgotten_after(ttl_s(session))
    gone = [row for row in list_workers(session) if not is_heard(row, now, silent)]
    for row in gone:
        session.delete(row)
        record(session, EventKind.WORKER_LOST, actor="town", worker=row.id, host=row.host, role=row.role)
    return len(gone)
