"""Workers come and go while thirty agents work: no session ends, and no bead is worked on twice."""

import os
import signal
import time
from collections import Counter

import psutil
import pytest

from gastown import assignments, beads, config, events, town
from gastown.beads import NewBead
from gastown.db.unit_of_work import unit_of_work
from gastown.events import EventKind
from tests.support.towns import wait_until
from tests.support.village import Village

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(420)]

SESSIONS = 30
RESTARTS = 10
ADOPTED_WITHIN_S = 10.0


def make_beads(village: Village) -> list[str]:
    """Beads in the rig, made by one transaction: thirty commands would take longer than all the rest."""
    with unit_of_work(village.town.settings.database) as session:
        return [beads.create(session, NewBead(f"bead {n}", prefix="app"), actor="me").id for n in range(SESSIONS)]


def holders(village: Village) -> set[int]:
    """The worker processes that hold attempts."""
    with village.town.read() as session:
        return {int(str(row.holder).split(":")[1]) for row in assignments.list_running(session)}


def find_worker(village: Village, *, but: int = 0) -> int:
    """The sessions worker that said hello and lives; 0 while there is none."""
    with village.town.read() as session:
        pids = [row.pid for row in town.list_workers(session) if row.role == "sessions" and row.pid != but]
    return next((pid for pid in pids if psutil.pid_exists(pid)), 0)


def test_ten_restarts_of_the_worker_end_no_session_and_double_no_work(village: Village) -> None:
    go = village.town.home / "go"
    with (village.town.folder / config.TOWN_FILE).open("a") as file:
        file.write(f"\nslots = {SESSIONS}\n")
    settings = {"rig.max_polecats": SESSIONS, "lease.heartbeat_s": 2, "lease.ttl_s": 30, "disk.floor_mb": 0}
    village.up(f"while ! [ -e {go} ]; do sleep 2; done", "--only", "sessions,town", **settings)
    names = make_beads(village)
    village.town.gt("sling", *names, "app")
    wait_until(lambda: sum(village.starts().values()) == SESSIONS, "every agent runs", within_s=180, pause_s=0.2)
    took: list[float] = []
    worker = wait_until(lambda: find_worker(village), "the worker says hello")

    for number in range(RESTARTS):
        before = worker
        os.kill(before, signal.SIGTERM if number % 2 else signal.SIGKILL)
        worker = wait_until(lambda: find_worker(village, but=before), "the next worker is there", within_s=90)  # noqa: B023
        began = time.monotonic()
        wait_until(lambda: holders(village) == {worker}, "it has every session", within_s=60, pause_s=0.1)  # noqa: B023
        took.append(time.monotonic() - began)
        assert village.running() == SESSIONS

    assert village.starts() == Counter(names)
    go.touch()
    wait_until(lambda: village.submitted() == SESSIONS, "every agent hands in", within_s=150, pause_s=0.2)
    assert village.starts() == Counter(names)
    assert [len(village.attempts(name)) for name in names] == [1] * SESSIONS
    with village.town.read() as session:
        kinds = Counter(event.kind for name in names for event in events.for_bead(session, name))
    assert kinds[EventKind.SESSION_STARTED] == SESSIONS
    assert kinds[EventKind.ASSIGNMENT_ADOPTED] == SESSIONS * RESTARTS
    print(f"adopted within {max(took):.1f} s at the most, {sum(took) / len(took):.1f} s on the average")
    assert max(took) < ADOPTED_WITHIN_S
