"""The fault that the demo itself brings about: the worker that supervises the agents is killed while they work."""

import contextlib
import os
import signal

from sqlmodel import Session, col, select

from gastown.sessions import make_holder
from gastown.town.models import Worker

ROLE = "sessions"
# So many agents at work that it matters; after a while one is enough, so that it happens at all.
WANTED_AT_WORK = 3
PATIENCE_S = 8.0


def is_time(*, at_work: int, landed: int, since_landing_s: float) -> bool:
    """Whether to kill now: something has landed, and enough agents work. Pure."""
    return landed > 0 and at_work >= (WANTED_AT_WORK if since_landing_s < PATIENCE_S else 1)


def kill_worker(session: Session, host: str) -> int | None:
    """Kill the worker of `host` that supervises sessions with SIGKILL; None where there is none.

    Only the very process that announced itself: a number that was given to another one since is left alone.
    """
    rows = session.exec(
        select(Worker).where(Worker.role == ROLE, Worker.host == host).order_by(col(Worker.started_at).desc())
    ).all()
    for row in rows:
        if make_holder(host, row.pid) == row.id:
            with contextlib.suppress(ProcessLookupError):
                os.kill(row.pid, signal.SIGKILL)
                return row.pid
    return None
