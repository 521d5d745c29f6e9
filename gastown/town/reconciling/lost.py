"""Attempts whose lease expired on hosts that nobody serves any more: given up, and made anew."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlmodel import Session

from gastown import assignments, logs, policy, sessions
from gastown.assignments import Assignment, AssignmentState
from gastown.config import Settings
from gastown.db import database_time
from gastown.town import pace, presence
from gastown.town.caller import Caller
from gastown.town.reconciling import periods
from gastown.town.reconciling.stepping import BATCH, each

log = logs.get(__name__)


def take_over_expired(caller: Caller) -> int:
    """Give up attempts of lost hosts, and make them anew; return how many."""
    return each(caller, partial(_list_lost, settings=caller.settings), _give_up, what="attempt")


def _list_lost(session: Session, *, settings: Settings) -> Sequence[int]:
    expired = assignments.list_expired(session, database_time(session), beyond=_farthest(session))
    if not expired or not periods.may_take_over(session):
        return ()
    served = presence.hosts_at_work(session)
    grace = timedelta(seconds=policy.load(session).number("lease.grace_s"))
    alive_since = database_time(session) - grace
    # A worker of a served host adopts what expired there.
    lost = [row for row in expired if row.host not in served and not _comes_back(row, settings, alive_since)]
    return [row.id for row in lost if row.id is not None][:BATCH]


def _comes_back(row: Assignment, settings: Settings, alive_since: datetime) -> bool:
    """Whether the holder is a process of this host that lives, though it was stopped or cut off for a while.

    Its agents work on meanwhile, for as long as their grace; to give their beads to others would be to do them twice.
    Where the agent is over there is nothing to wait for.
    """
    is_recent = row.expires_at is not None and row.expires_at > alive_since
    if row.host != settings.host_id or not row.holder or not is_recent:
        return False
    return not sessions.is_dead_here(row.holder, row.host) and not sessions.has_ended_unbooked(settings, row.id or 0)


def _farthest(session: Session) -> timedelta:
    """No holder sets an expiry further ahead; a later one dates from before the clock was set back."""
    values = policy.load(session)
    return timedelta(seconds=max(values.number("lease.ttl_s"), values.number("lease.grace_s"))) + pace.MOST_SKEW


def _give_up(session: Session, key: int) -> bool:
    row = assignments.get(session, key, lock=True)
    if row.state is not AssignmentState.RUNNING:
        return False  # adopted or ended since we looked
    now = database_time(session)
    if row.expires_at is not None and now < row.expires_at <= now + _farthest(session):
        return False  # renewed
    log.warning("attempt %d at %s: host %s is gone", row.fence, row.bead_id, row.host)
    why = f"its lease expired and nobody serves host {row.host}"
    assignments.lose(session, key, row.fence, actor="town", outcome=why)
    return True
