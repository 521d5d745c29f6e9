"""The refineries at work: who serves each rig's merge queue, and who holds its lease."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from gastown import queue, refinery
from gastown.db import database_time
from gastown.db.locks import Lease
from gastown.refinery import RigStatus
from gastown.town import presence
from gastown.town.models import Worker


@dataclass(frozen=True)
class Line:
    """One rig's refinery."""

    queue: RigStatus
    workers: Sequence[Worker]
    """Those that are heard and serve its queue."""
    holder: str | None
    """Who makes a step of it at this moment; None: nobody, which is usual."""
    expires_at: datetime | None
    fence: int | None


def status(session: Session, rig: str | None = None) -> list[Line]:
    """Every rig's refinery, or one rig's."""
    rows = refinery.status(session, rig)
    names = [refinery.lease_name(row.rig.name) for row in rows]
    leases = {row.name: row for row in session.exec(select(Lease).where(col(Lease.name).in_(names))).all()}
    now, workers = database_time(session), presence.list_heard(session)
    lines = []
    for row in rows:
        lease = leases.get(refinery.lease_name(row.rig.name))
        is_held = lease is not None and lease.expires_at is not None and lease.expires_at > now
        serving = [worker for worker in workers if queue.refinery_queue(row.rig.name) in worker.queues]
        held = lease if is_held else None
        lines.append(
            Line(
                queue=row,
                workers=serving,
                holder=held.holder if held else None,
                expires_at=held.expires_at if held else None,
                fence=lease.fence if lease else None,
            )
        )
    return lines
