"""Which workers are there."""

from collections.abc import Sequence
from datetime import timedelta

from sqlmodel import Session, col, select

from gastown import __version__, assignments
from gastown.config import Settings
from gastown.db import database_time
from gastown.events import EventKind, record
from gastown.town.models import Worker

# A worker says hello every 20 s; one that was not heard for this long is not counted on.
SILENT_AFTER = timedelta(seconds=60)


def note_worker(session: Session, settings: Settings, worker_id: str, *, role: str, queues: Sequence[str]) -> None:
    """Note that a worker is there and what it serves."""
    now = database_time(session)
    row = session.get(Worker, worker_id)
    if row is None:
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
        )
        session.add(row)
        record(session, EventKind.WORKER_STARTED, actor=worker_id, host=settings.host_id, role=role, pid=pid)
    row.queues = list(queues)
    row.seen_at = now


def forget_worker(session: Session, worker_id: str) -> None:
    """A worker says goodbye."""
    row = session.get(Worker, worker_id)
    if row is not None:
        session.delete(row)
        record(session, EventKind.WORKER_STOPPED, actor=worker_id, host=row.host, role=row.role)


def list_workers(session: Session) -> Sequence[Worker]:
    """Every worker that has not said goodbye."""
    return session.exec(select(Worker).order_by(col(Worker.host), col(Worker.role))).all()


def list_present(session: Session, host: str) -> list[Worker]:
    """The workers of a host that were heard lately."""
    now = database_time(session)
    return [row for row in list_workers(session) if row.host == host and row.seen_at > now - SILENT_AFTER]


def hosts_at_work(session: Session) -> frozenset[str]:
    """Hosts with a worker that supervises sessions and was heard lately."""
    now = database_time(session)
    rows = list_workers(session)
    return frozenset(row.host for row in rows if row.role in ("sessions", "all") and row.seen_at > now - SILENT_AFTER)


def count_free_slots(session: Session) -> int:
    """How many more sessions the workers that were heard lately have room for."""
    heard = database_time(session) - SILENT_AFTER
    slots: dict[str, int] = {}
    for row in list_workers(session):
        if row.role in ("sessions", "all") and row.seen_at > heard:
            slots[row.host] = max(slots.get(row.host, 0), row.slots)
    running = assignments.running_by_host(session)
    return sum(max(0, count - running.get(host, 0)) for host, count in slots.items())


def forget_silent(session: Session) -> int:
    """Take workers off the list that were not heard for long; return how many."""
    now = database_time(session)
    silent = [row for row in list_workers(session) if row.seen_at < now - 3 * SILENT_AFTER]
    for row in silent:
        session.delete(row)
        record(session, EventKind.WORKER_LOST, actor="town", worker=row.id, host=row.host, role=row.role)
    return len(silent)
