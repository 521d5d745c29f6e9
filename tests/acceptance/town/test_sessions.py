"""What becomes of agents when their town goes down."""

import contextlib
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from gastown import assignments
from tests.support.towns import Town, wait_until

pytestmark = pytest.mark.acceptance

# Writes something that nobody committed, then works for as long as the test likes.
AGENT = "echo unsaved > draft.txt; exec sleep 3141"


def make_repository(folder: Path) -> None:
    settings = ("-c", "user.name=tester", "-c", "user.email=tester@localhost")
    folder.mkdir()
    for words in (("init", "-q", "-b", "main"), ("commit", "-q", "--allow-empty", "-m", "Begin")):
        subprocess.run(["git", *settings, *words], cwd=folder, check=True, timeout=30)


def agents(town: Town) -> set[int]:
    """The process ids of agents at work."""
    found = set()
    for pid in town.processes():
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended since they were listed
            if psutil.Process(pid).cmdline() == ["sleep", "3141"]:
                found.add(pid)
    return found


def at_work(town: Town) -> list[dict[str, Any]]:
    """The polecats that have a bead."""
    return [row for row in town.gt_json("status")["rigs"][0]["polecats"] if row["bead"]]


def holder_pid(town: Town) -> int:
    """The process that holds the one running attempt."""
    with town.read() as session:
        (row,) = assignments.list_running(session)
    return int(str(row.holder).split(":")[1])


def test_agents_go_on_through_down_and_end_at_shutdown(town: Town) -> None:
    make_repository(town.home / "repo")
    town.gt("config", "set", "agents.sleeper.shell", AGENT)
    town.gt("rig", "add", "app", str(town.home / "repo"), "--no-gates", "--agent", "sleeper")
    bead = str(town.bd_json("create", "Work for long", "--rig", "app")["id"])
    town.gt("sling", bead, "app")

    # Up: what was slung before begins.
    town.gt("up")
    (agent,) = wait_until(lambda: agents(town), "the agent works")
    first = at_work(town)

    # Down: the agent goes on, and the person is told.
    said = town.gt_json("down")
    assert (said["stopped"], said["agents_left"], said["beads"]) == (True, 1, [bead])
    assert said["grace_s"] > 0
    assert agents(town) == {agent}

    # Up: the same attempt goes on under the new worker.
    town.gt("up")
    again = at_work(town)
    assert [(row["bead"], row["attempt"]) for row in again] == [(row["bead"], row["attempt"]) for row in first]

    worker = town.services()["sessions"]
    wait_until(lambda: holder_pid(town) == worker, "the new worker adopts the session", within_s=40, pause_s=0.2)
    assert agents(town) == {agent}

    # Shutdown: it ends, its work is safe, and its bead waits.
    assert town.gt_json("shutdown")["agents_left"] == 0
    assert town.processes() == []
    story = town.gt_json("log", bead)
    assert story["status"] == "hooked"
    saved = subprocess.run(
        ["git", "log", "--all", "--name-only", "--format="],
        cwd=next((town.folder / "rigs").glob("*/work.git")),
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert "draft.txt" in saved.stdout.split()

    # Up: the next attempt begins without anybody's doing, on queues that are followed from the first moment.
    log = town.folder / "logs" / "sessions.log"
    known = log.stat().st_size
    town.gt("up")
    wait_until(lambda: agents(town), "an agent works again")
    assert "Started consuming from" not in log.read_text()[known:]
    assert at_work(town)[0]["attempt"] == first[0]["attempt"] + 1
