"""What a town survives: its Redis wiped or gone, a worker stopped beyond its lease or killed, no beat."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlmodel import col, select

from gastown import assignments, clock
from gastown.db import database_time, locks
from gastown.refinery import GateRun, RunState
from gastown.town import supervision
from tests.support.databases import PostgresServer
from tests.support.towns import wait_until
from tests.support.village import Village

pytestmark = pytest.mark.acceptance


def test_everything_lands_once_when_redis_is_wiped_while_work_is_slung_and_running(village: Village) -> None:
    village.up("sleep 1", **{"doorbell.again_s": 3})
    names = village.sling(3)
    village.wipe_redis()
    names += village.sling(3)
    wait_until(village.running, "agents run")
    village.wipe_redis()
    for number in range(1, len(names)):
        wait_until(lambda number=number: village.submitted() >= number, "agents hand in")  # type: ignore[misc]
        village.wipe_redis()

    village.await_landings(names, within_s=90)

    assert village.starts() == Counter(names)


def look_for_expired(village: Village) -> bool:
    with village.town.read() as session:
        rows = assignments.list_running(session)
        return bool(rows) and len(assignments.list_expired(session, database_time(session))) == len(rows)


def last_tick(village: Village) -> datetime:
    with village.town.read() as session:
        return session.get_one(locks.Lease, "tick.town.reconcile").expires_at or datetime.min.replace(tzinfo=UTC)


def test_everything_lands_once_when_the_sessions_worker_is_stopped_beyond_its_leases(village: Village) -> None:
    go = village.town.home / "go"
    village.up(f"while ! [ -e {go} ]; do sleep 0.2; done", **{"lease.heartbeat_s": 1, "lease.ttl_s": 5})
    worker = village.town.services()["sessions"]
    names = village.sling(3)
    wait_until(lambda: len(village.starts()) == len(names), "every agent runs")

    os.kill(worker, signal.SIGSTOP)
    try:
        go.touch()  # they hand in while nobody answers
        wait_until(lambda: look_for_expired(village), "every lease has expired", within_s=20)
        expired_at = clock.now()
        wait_until(lambda: last_tick(village) > expired_at, "the town looks for expired leases", within_s=25)
    finally:
        os.kill(worker, signal.SIGCONT)

    village.await_landings(names, within_s=60)
    assert village.starts() == Counter(names)
    assert [len(village.attempts(name)) for name in names] == [1, 1, 1]


def test_everything_lands_once_when_every_worker_is_killed(village: Village) -> None:
    village.up("sleep 3", **{"doorbell.again_s": 3, "lease.heartbeat_s": 1, "lease.ttl_s": 5})
    workers = village.town.services()
    names = village.sling(4)
    wait_until(village.running, "agents run")
    for role in ("sessions", "town"):
        os.kill(workers[role], signal.SIGKILL)
    wait_until(village.submitted, "an agent hands in")
    for role in ("refinery", "gates"):
        os.kill(workers[role], signal.SIGKILL)

    village.await_landings(names, within_s=90)

    assert village.starts() == Counter(names)


def test_a_gate_run_begins_anew_before_its_lease_ends_when_its_worker_is_killed(village: Village) -> None:
    village.up("printf 'sleep 4\\necho 1 passed\\n' > check.sh")
    workers = village.town.services()
    names = village.sling(1)
    wait_until(lambda: gated(village), "the change is tested", within_s=60)

    for role in ("refinery", "gates"):
        os.kill(workers[role], signal.SIGKILL)

    village.await_landings(names, within_s=30)  # a lease lasts twice that
    assert village.starts() == Counter(names)


def gated(village: Village) -> bool:
    """Whether a request's gates run."""
    with village.town.read() as session:
        query = select(GateRun).where(GateRun.state == RunState.RUNNING, col(GateRun.request_id).is_not(None))
        return session.exec(query).first() is not None


def test_waiting_work_is_dispatched_when_there_is_no_beat(village: Village) -> None:
    """The second retry waits for its cool-down, and nothing but a tick ends that."""
    third_time = f'[ "$(wc -l < {village.journal})" -ge 3 ] || exit 1'
    village.up(third_time, "--only", "sessions,refinery,gates,town", cooldown_s=1)
    assert "beat" not in village.town.services()
    names = village.sling(1)

    village.await_landings(names, within_s=90)

    assert len(village.attempts(names[0])) == 3


def test_everything_lands_once_when_the_database_was_away(
    make_village: Callable[..., Village], postgres_server: PostgresServer
) -> None:
    """Agents go on meanwhile, and what they hand in waits for it."""
    village = make_village(database=postgres_server.create_database(empty=True))
    village.up("sleep 2", **{"doorbell.again_s": 3})
    names = village.sling(3)
    wait_until(lambda: len(village.starts()) >= 2, "agents run")

    postgres_server.halt()
    back_at = time.monotonic() + 15
    wait_until(lambda: time.monotonic() >= back_at, "the outage is over")
    postgres_server.restart()

    village.await_landings(names, within_s=90)
    assert village.starts() == Counter(names)


def test_work_slung_before_and_after_lands_when_redis_is_stopped(village: Village) -> None:
    village.up("sleep 1")
    names = village.sling(1)
    wait_until(village.running, "an agent runs")

    supervision.ask_to_stop(village.town.settings, "redis")
    wait_until(lambda: "redis" not in village.town.services(), "Redis is stopped")
    names += village.sling(1)

    village.await_landings(names, within_s=150)
    assert village.starts() == Counter(names)


def test_a_session_is_adopted_when_its_worker_is_killed_while_redis_is_away(village: Village) -> None:
    village.up("sleep 8")
    worker = village.town.services()["sessions"]
    names = village.sling(1)
    wait_until(lambda: len(village.starts()) == 1, "the agent runs")

    supervision.ask_to_stop(village.town.settings, "redis")
    os.kill(worker, signal.SIGKILL)

    village.await_landings(names, within_s=100)
    assert village.starts() == Counter(names)
    assert len(village.attempts(names[0])) == 1
