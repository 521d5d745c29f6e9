"""A worker of this host that only stands still is waited for: its agents work on, and must not be doubled."""

import os
from datetime import timedelta

import pytest
from sqlalchemy import update

from gastown import assignments, config, sessions, town
from gastown.assignments import Assignment, AssignmentState
from gastown.db import database_time, locks
from gastown.db.unit_of_work import reading, transact, unit_of_work
from tests.support.factories import make_bead, make_rig, make_running
from tests.support.here import here

TICK = "tick.town.reconcile"


@pytest.fixture
def caller(here: config.Settings) -> town.Caller:
    return town.Caller(here, "here:1:1:boot", transact, reading)


__all__ = ["here"]


def run_under(holder: str, *, host: str, expired_s: float) -> int:
    """An attempt whose lease ran out, under a holder of that name."""
    with unit_of_work() as session:
        make_rig(session)
        row = make_running(session, make_bead(session), host=host, holder=holder).assignment
        past = database_time(session) - timedelta(seconds=expired_s)
        session.execute(update(Assignment).values(expires_at=past))
        locks.try_acquire(session, TICK, holder="other", ttl_s=5)
        session.execute(update(locks.Lease).values(expires_at=database_time(session) - timedelta(seconds=5)))
        return row.id or 0


@pytest.mark.parametrize(
    ("alive", "host", "expired_s", "state"),
    [
        (True, "here", 120, AssignmentState.RUNNING),
        (True, "here", 700, AssignmentState.LOST),  # past the grace its keeper has ended the session
        (False, "here", 120, AssignmentState.LOST),
        (True, "far", 120, AssignmentState.LOST),  # of other hosts nothing but the lease tells
    ],
)
def test_who_is_waited_for(
    caller: town.Caller, alive: bool, host: str, expired_s: float, state: AssignmentState
) -> None:
    pid = os.getpid() if alive else 1
    holder = sessions.make_holder(caller.settings.host_id if host == "here" else host, pid)
    if not alive:
        holder = f"{caller.settings.host_id}:{2**22 + 1}:1:boot"
    number = run_under(holder, host=caller.settings.host_id if host == "here" else host, expired_s=expired_s)

    town.reconcile(caller)

    with reading() as session:
        assert assignments.get(session, number).state is state
