"""One reconciliation a period, whoever asks for it, and a quiet time after a gap."""

from datetime import datetime, timedelta

from sqlmodel import Session

from gastown import policy
from gastown.db import database_time, locks
from gastown.queue import Task
from gastown.town import pace

LEASE = f"tick.{Task.RECONCILE.value}"
_QUIET = "quiet.reconcile"
# The share of a period for which the lease keeps others out; the rest is the tolerance for who comes early.
_HELD = 0.5


def begin(session: Session, holder: str) -> bool:
    """Take this period; after a gap (our start, an outage, a suspended laptop) forbid takeovers for one TTL."""
    ttl_s = policy.load(session).number("lease.ttl_s")
    every_s = pace.look_s(ttl_s)
    leases, now = locks.look(session, LEASE)
    last = _began_at(leases.get(LEASE), every_s)
    if locks.try_acquire(session, LEASE, holder=holder, ttl_s=_HELD * every_s) is None:
        return False
    if last is None or abs(now - last) > pace.gap_after(ttl_s):
        locks.seize(session, _QUIET, holder=holder, ttl_s=ttl_s)
    return True


def _began_at(row: locks.Lease | None, every_s: float) -> datetime | None:
    if row is None or row.expires_at is None:
        return None
    return row.expires_at - timedelta(seconds=_HELD * every_s)


def is_overdue(session: Session) -> bool:
    """Whether it is time that a worker reconciles by itself: beat is down, or slower than the TTL asks for."""
    every_s = pace.look_s(policy.load(session).number("lease.ttl_s"))
    last = _began_at(session.get(locks.Lease, LEASE), every_s)
    # Beat's own tick comes first where it is meant to; where leases are shorter than for beat, nobody waits for it.
    patience = 1.2 if every_s >= pace.SLOWEST_LOOK_S else 0.8
    # Far ahead of now it was written before the clock was set back.
    return last is None or abs(database_time(session) - last) > timedelta(seconds=patience * every_s)


def may_take_over(session: Session) -> bool:
    """Whether what expired may be taken for lost: no gap was seen within the last TTL, and none is under way.

    The lease of a tick that was suspended in its middle ran out long ago: the next tick will see the gap.
    """
    ttl_s = policy.load(session).number("lease.ttl_s")
    every_s = pace.look_s(ttl_s)
    now = database_time(session)
    last = _began_at(session.get(locks.Lease, LEASE), every_s)
    return last is not None and now - last < timedelta(seconds=2 * every_s) and not _is_quiet(session, now, ttl_s)


def _is_quiet(session: Session, now: datetime, ttl_s: float) -> bool:
    row = session.get(locks.Lease, _QUIET)
    if row is None or row.expires_at is None:
        return False
    # One that ends further ahead dates from before the clock was set back, or the TTL was shortened.
    return now < row.expires_at <= now + timedelta(seconds=ttl_s) + pace.MOST_SKEW
