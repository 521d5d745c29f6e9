"""An emergency stop of a real town: agents stand still where they are, nothing moves, and all goes on from there."""

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from gastown import assignments
from gastown.assignments import AssignmentState
from gastown.db import locks
from tests.support.towns import wait_until
from tests.support.village import Village, git

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(420)]

# Hosts look every ten seconds, and sooner when Redis tells them.
WITHIN_S = 20


def agents_of(village: Village) -> dict[int, str]:
    """The states of the processes that agents started: their shells, by number."""
    found = {}
    for pid in village.town.processes():
        try:
            environ = Path(f"/proc/{pid}/environ").read_bytes()
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if b"GT_BEAD=" in environ and b"gastown" not in command.replace(b"gastown-", b""):
            found[pid] = state
    return found


def all_in(village: Village, states: str) -> bool:
    found = agents_of(village)
    return bool(found) and all(state in states for state in found.values())


def ticks(village: Village) -> int:
    """How often the town has looked for what to do."""
    with village.town.read() as session:
        return session.get_one(locks.Lease, "tick.town.reconcile").fence


def test_agents_stand_still_while_the_town_is_stopped_and_all_lands_afterwards(village: Village) -> None:
    go = village.town.home / "go"
    village.up(f"while ! test -e {go}; do sleep 0.2; done", **{"rig.max_polecats": 2})
    names = village.sling(3)
    wait_until(lambda: len(village.starts()) == 2, "two agents run")
    before = {pid for pid in agents_of(village)}
    held = {row.bead_id: row.fence for name in names for row in village.attempts(name) if row.holder}

    village.town.gt("estop", "--reason", "fire")
    wait_until(lambda: all_in(village, "T"), "every agent's process is stopped", within_s=WITHIN_S)
    assert "STOPPED: the town was stopped: fire" in village.town.gt("status")
    go.touch()  # they would go on now
    assert "goes on" in village.town.gt("sling", village.town.bd_json("create", "late", "--rig", "app")["id"], "app")
    at_rest = git(village.remote, "rev-parse", "main")
    seen = ticks(village)
    wait_until(lambda: ticks(village) >= seen + 2, "the town looks for work twice", within_s=120)
    assert all_in(village, "T")
    assert len(village.starts()) == 2
    assert village.submitted() == 0
    assert git(village.remote, "rev-parse", "main") == at_rest
    assert village.town.services(), "the town itself stays up"

    village.town.gt("down")
    assert "the town was stopped: fire" in village.town.run("gt", "up").stderr  # and stays so
    seen = ticks(village)
    wait_until(lambda: ticks(village) > seen, "the town looks for work", within_s=120)
    assert all_in(village, "T")

    village.town.gt("thaw")
    wait_until(lambda: not (before & {p for p, s in agents_of(village).items() if s == "T"}), "they go on", within_s=20)
    with village.town.read() as session:
        late = [row.bead_id for row in assignments.list_open(session) if row.bead_id not in names]
    village.await_landings([*names, *late], within_s=90)
    assert village.starts() == Counter([*names, *late])
    for name, fence in held.items():
        (row,) = village.attempts(name)
        assert (row.fence, row.runs, row.state) == (fence, 1, AssignmentState.SUBMITTED)


def test_a_stop_reaches_agents_while_redis_is_away_and_a_docked_rig_hands_over(village: Village) -> None:
    go = village.town.home / "go"
    village.up(f"while ! test -e {go}; do sleep 0.2; done")
    (name,) = village.sling(1)
    wait_until(village.starts, "the agent runs")
    redis = village.town.services()["redis"]
    os.kill(redis, signal.SIGSTOP)
    try:
        village.town.gt("estop", "--rig", "app", "--reason", "fire")
        wait_until(lambda: all_in(village, "T"), "the agent's process is stopped", within_s=60)
    finally:
        os.kill(redis, signal.SIGCONT)
    village.town.gt("thaw", "--rig", "app")
    wait_until(lambda: all_in(village, "SDR"), "the agent goes on", within_s=WITHIN_S)

    village.town.gt("rig", "dock", "app")
    wait_until(lambda: not village.running(), "it hands over", within_s=60)
    first, second = village.attempts(name)
    assert (first.outcome, second.state) == ("rig app was docked", AssignmentState.WAITING)
    assert "docked" in village.town.gt("status")
    go.touch()
    village.town.gt("rig", "undock", "app")
    village.await_landings([name], within_s=90)
    assert village.starts() == Counter({name: 2})
