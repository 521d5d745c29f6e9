"""Bringing on its way again what was left half-way: one step a file, each bounded and safe twice, late or in parallel.

What a step cannot do about one thing it leaves to the next tick, and goes on with the others. What a host alone can
see (its worktrees, refs, processes) its own workers look after: `gastown.town.reconciling.host` and
`gastown.sessions.leftovers`.
"""

from collections.abc import Callable
from functools import partial

from sqlmodel import Session

from gastown import convoys, refinery, sling
from gastown.db import locks
from gastown.town import presence
from gastown.town.caller import Caller, try_step
from gastown.town.reconciling import periods
from gastown.town.reconciling.adrift import take_up_adrift
from gastown.town.reconciling.broken import settle_broken
from gastown.town.reconciling.doorbells import list_offers, ring_offers, ring_refineries, sweep_outbox
from gastown.town.reconciling.host import tidy_host
from gastown.town.reconciling.lost import take_over_expired
from gastown.town.reconciling.periods import is_overdue

__all__ = ["is_overdue", "list_offers", "reconcile", "sweep_outbox", "take_over_expired", "tidy_host"]

# What only a hand or a bug can have brought about, or a doorbell that was lost twice, waits for the next full minute.
RARELY_S = 60.0
_RARE = "tick.town.reconcile.rare"


def reconcile(caller: Caller) -> bool:
    """Make every step; False when another caller did so this period."""
    if not caller.transact(lambda session: periods.begin(session, caller.holder)):
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
    is_full = caller.transact(lambda session: _take_minute(session, caller.holder))
    for step in (*steps, *(rare if is_full else ())):
        try_step(step, caller)
    return True


def _take_minute(session: Session, holder: str) -> bool:
    return locks.try_acquire(session, _RARE, holder=holder, ttl_s=RARELY_S) is not None


def _once(caller: Caller, act: Callable[[Session], object]) -> None:
    caller.transact(act)


def _dispatch(session: Session) -> int:
    return sling.dispatch(session, actor="town").offered


def _land_convoys(session: Session) -> int:
    return len(convoys.check_all(session, actor="town"))


def _call_off_runs(session: Session) -> int:
    return refinery.call_off_unwanted(session, actor="town")
