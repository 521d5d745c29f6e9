"""Bringing on its way again what was left half-way: one step a file, each bounded and safe twice, late or in parallel.

What a step cannot do about one thing it leaves to the next tick, and goes on with the others. What a host alone can
see (its worktrees, refs, processes) its own workers look after: `gastown.town.reconciling.host` and
`gastown.sessions.leftovers`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import or_, select
from sqlmodel import Session

from gastown import assignments, clock, convoys, refinery, sling
from gastown.db import database_time, hold_time, locks
from gastown.events import outbox
from gastown.town import presence
from gastown.town.caller import Caller, try_step
from gastown.town.reconciling import periods
from gastown.town.reconciling.adrift import take_up_adrift
from gastown.town.reconciling.broken import settle_broken
from gastown.town.reconciling.doorbells import list_offers, ring_offers, ring_refineries, sweep_outbox
from gastown.town.reconciling.host import tidy_host
from gastown.town.reconciling.lost import take_over_expired
from gastown.town.reconciling.periods import LEASE, is_overdue

__all__ = [
    "LEASE",
    "has_work",
    "is_overdue",
    "list_offers",
    "reconcile",
    "sweep_outbox",
    "take_over_expired",
    "tidy_host",
]

# What only a hand or a bug can have brought about, or a doorbell that was lost twice, waits for the next full minute.
RARELY_S = 60.0
_RARE = "tick.town.reconcile.rare"


@dataclass(frozen=True)
class _Begun:
    """A period that this caller has."""

    is_full: bool
    has_work: bool
    """Whether anything is open: a town at rest is asked that alone, but for one tick a minute."""


def reconcile(caller: Caller) -> bool:
    """Make every step; False when another caller did so this period."""
    begun = caller.transact(lambda session: _begin(session, caller.holder))
    if begun is None:
        return False
    steps: tuple[Callable[[Caller], object], ...] = (
        take_over_expired,
        partial(_once, act=_dispatch),
        sweep_outbox,
        ring_offers,
        ring_refineries,
    )
    rare: tuple[Callable[[Caller], object], ...] = (
        settle_broken,
        take_up_adrift,
        partial(_once, act=_land_convoys),
        partial(_once, act=_call_off_runs),
        partial(_once, act=presence.forget_silent),
    )
    for step in (*(steps if begun.has_work else ()), *(rare if begun.is_full else ())):
        try_step(step, caller)
    return True


def _begin(session: Session, holder: str) -> _Begun | None:
    since = clock.monotonic()
    hold_time(session, database_time(session), since)
    if not periods.begin(session, holder):
        return None
    is_full = locks.try_acquire(session, _RARE, holder=holder, ttl_s=RARELY_S) is not None
    return _Begun(is_full, is_full or has_work(session))


def has_work(session: Session) -> bool:
    """Whether anything in the town is open: an attempt, a doorbell that is owed, a merge queue."""
    return bool(session.scalar(select(or_(assignments.any_open(), outbox.any_owed(), refinery.any_work()))))


def _once(caller: Caller, act: Callable[[Session], object]) -> None:
    caller.transact(act)


def _dispatch(session: Session) -> int:
    return sling.dispatch(session, actor="town").offered


def _land_convoys(session: Session) -> int:
    return len(convoys.check_all(session, actor="town"))


def _call_off_runs(session: Session) -> int:
    return refinery.call_off_unwanted(session, actor="town")
