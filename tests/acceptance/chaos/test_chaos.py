"""`gt chaos` as a person would run it to trust an installation: nothing is lost whatever dies."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gastown.chaos.checker import INVARIANTS
from tests.support.stragglers import processes_of

pytestmark = pytest.mark.timeout(600)

_PATIENCE_S = 540
_GIVEN_UP_S = 400


def _chaos(folder: Path, *words: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [str(Path(sys.executable).with_name("gt")), "chaos", "--dir", str(folder), *words],
        cwd=folder.parent,
        env={**os.environ, "GASTOWN_REDIS_URL": "redis://127.0.0.1:1"},  # somebody's own town, none of the run's
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
    )
    assert done.returncode == status, f"{done.stdout}\n{done.stderr}"[-6000:]
    return done


def _survived(folder: Path, *words: str) -> dict[str, Any]:
    """What a run printed in which every bead came to its end, once, and nothing was left."""
    shown: dict[str, Any] = json.loads(_chaos(folder, *words, "--json", "--timeout", str(_GIVEN_UP_S)).stdout)
    assert shown["invariants"] == {invariant.name: "held" for invariant in INVARIANTS}
    assert len(INVARIANTS) == 23
    assert shown["landed"] + shown["escalated"] == shown["beads"]
    for key in ("lost", "double_landed", "red_commits", "wrong_ejections", "held_up"):
        assert shown[key] == 0, key
    assert shown["replay_equal"] is True
    assert processes_of(folder) == []
    return shown


def test_nothing_is_lost_when_thirty_processes_are_killed_and_redis_is_wiped_twice(tmp_path: Path) -> None:
    words = ("--beads", "200", "--rigs", "4", "--kills", "30", "--flushes", "2", "--stops", "1", "--seed", "7")

    shown = _survived(tmp_path / "town", *words, "--hopeless", "2", "--disk-floors", "0")

    assert (shown["beads"], shown["kills"], shown["faults"]["flush"], shown["escalated"]) == (200, 30, 2, 2)
    assert shown["faults"]["restart.redis"] == 1
    assert shown["recovery_s"]["p99"] is not None


def test_nothing_is_lost_when_every_doorbell_is(tmp_path: Path) -> None:
    faults = ("--kills", "2", "--flushes", "0", "--stops", "0", "--redis-restarts", "0", "--disk-floors", "0")

    shown = _survived(tmp_path / "town", "--beads", "10", "--rigs", "2", *faults, "--drop-doorbells", "--hopeless", "0")

    assert shown["faults"]["doorbell.lost"] > shown["beads"]
    assert shown["landed"] == 10


def test_nothing_is_lost_when_postgresql_restarts_under_two_hosts(tmp_path: Path) -> None:
    faults = ("--kills", "5", "--flushes", "1", "--stops", "1", "--database-restarts", "1", "--disk-floors", "1")
    place = ("--database", "postgresql", "--hosts", "2", "--beats", "3", "--skew", "3600", "--slots", "3")

    shown = _survived(tmp_path / "town", "--beads", "12", "--rigs", "2", *faults, *place, "--hopeless", "0")

    assert (shown["faults"]["restart.database"], shown["faults"]["disk.floor"]) == (1, 1)
    assert shown["hosts"] == 2


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()

    done = _chaos(tmp_path / "taken", status=5)

    assert done.stderr.startswith("Error: ")
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["file"]


def test_a_database_that_holds_something_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE things (name TEXT)")

    done = _chaos(tmp_path / "town", "--database", f"sqlite:///{file}", status=3)

    assert "not empty" in done.stderr
    assert processes_of(tmp_path / "town") == []
