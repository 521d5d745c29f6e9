"""Workers come and go while thirty agents work: no session ends, and no bead is worked on twice."""

import os
import signal
import time
from collections import Counter

import psutil
import pytest

from gastown import assignments, events
from gastown.events import EventKind
from tests.support.towns import wait_until
from tests.support.village import Village

pytestmark = pytest.mark.acceptance

SESSIONS = 30
RESTARTS = 10
ADOPTED_WITHIN_S = 10.0


def holders(village: Village) -> set[int]:
    """The worker processes that hold attempts."""
    with village.town.read() as session:
        return {int(str(row.holder).split(":")[1]) for row in assignments.list_running(session)}


def test_ten_restarts_of_the_worker_end_no_session_and_double_no_work(village: Village) -> None:
    go = village.town.home / "go"
    settings = {"rig.max_polecats": SESSIONS, "lease.heartbeat_s": 2, "lease.ttl_s": 30}
    village.up(f"while ! [ -e {go} ]; do sleep 0.5; done", **settings)
    names = village.sling(SESSIONS)
    wait_until(lambda: sum(village.starts().values()) == SESSIONS, "every agent runs", within_s=120, pause_s=0.2)
    took: list[float] = []
    worker = village.town.services()["sessions"]

    for number in range(RESTARTS):
        os.kill(worker, signal.SIGTERM if number % 2 else signal.SIGKILL)
        wait_until(lambda: not psutil.pid_exists(worker), "the worker is gone", within_s=60)  # noqa: B023
        worker = wait_until(lambda: village.town.services().get("sessions"), "the next worker is there", within_s=60)
        began = time.monotonic()
        wait_until(lambda: holders(village) == {worker}, "it has every session", within_s=60, pause_s=0.1)  # noqa: B023
        took.append(time.monotonic() - began)

    assert village.starts() == Counter(names)
    assert village.running() == SESSIONS
    go.touch()
    village.await_landings(names, within_s=240)
    assert village.starts() == Counter(names)
    assert [len(village.attempts(name)) for name in names] == [1] * SESSIONS
    with village.town.read() as session:
        kinds = Counter(event.kind for name in names for event in events.for_bead(session, name))
    assert kinds[EventKind.SESSION_STARTED] == kinds[EventKind.SESSION_ENDED] == SESSIONS
    assert kinds[EventKind.ASSIGNMENT_ADOPTED] == SESSIONS * RESTARTS
    print(f"adopted within {max(took):.1f} s at the most, {sum(took) / len(took):.1f} s on the average")
    assert max(took) < ADOPTED_WITHIN_S
