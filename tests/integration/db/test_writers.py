"""Many processes write to one SQLite file: each gets its turn soon, and nobody is told that it is locked."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from gastown.db import dispose, engine, stopped
from gastown.db.engine import DatabaseAway
from gastown.db.unit_of_work import reading, unit_of_work
from tests.support.processes import run_at_once

WRITERS = 20
# In turns and not in seconds: how long a turn takes is the disk's affair and the machine's.
ALL_TURNS = 2000
# A waiter's chance is about one in forty at each turn: the longest of all waits is 300 to 500 turns. SQLite's own
# waiting left a fifth of the writers without any but their first.
LONGEST_WAIT = 1000
WITHIN_S = 90.0
PRELOAD = ["gastown.db", "gastown.queue", "sqlalchemy", "tests.integration.db.test_writers"]
TOGETHER = "INSERT INTO turns (writer) VALUES (:writer) RETURNING rowid"


def make_file(folder: Path) -> str:
    url = f"sqlite:///{folder}/turns.db"
    with unit_of_work(url) as session:
        session.execute(text("CREATE TABLE turns (writer INTEGER)"))
    dispose()
    return url


def write_often(writer: int, url: str) -> tuple[int, int]:
    """Write until all turns are taken; how many were mine, and how many others' passed in the longest wait for one."""
    ends, mine, longest = time.monotonic() + WITHIN_S, 0, 0
    with reading(url) as session:
        last = session.execute(text("SELECT coalesce(max(rowid), 0) FROM turns")).scalar_one()
    while last < ALL_TURNS:
        assert time.monotonic() < ends, f"{last} turns in {WITHIN_S:g} s"
        with unit_of_work(url) as session:
            turn = session.execute(text(TOGETHER), {"writer": writer}).scalar_one()
        mine, longest, last = mine + 1, max(longest, turn - last), turn
    return mine, longest


def test_each_of_many_writers_gets_its_turn(tmp_path: Path) -> None:
    url = make_file(tmp_path)

    done = run_at_once(write_often, [(n, url) for n in range(WRITERS)], within_s=WITHIN_S + 10, preload=PRELOAD)

    assert max(longest for _, longest in done) < LONGEST_WAIT, done
    with reading(url) as session:
        assert session.execute(text("SELECT count(*) FROM turns")).scalar_one() == sum(mine for mine, _ in done)
    dispose()


def open_new(number: int, url: str) -> int:
    with unit_of_work(url) as session:
        session.execute(text("CREATE TABLE IF NOT EXISTS turns (writer INTEGER)"))
        session.execute(text(TOGETHER), {"writer": number})
    return number


def test_many_can_be_the_first_to_open_a_file(tmp_path: Path) -> None:
    for attempt in range(3):
        url = f"sqlite:///{tmp_path}/new{attempt}.db"

        done = run_at_once(open_new, [(n, url) for n in range(12)], within_s=60, preload=PRELOAD)

        assert done == list(range(12))


def test_a_writer_that_waited_in_vain_says_so_and_can_write_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "WRITER_PATIENCE_S", 0.1)
    url = make_file(tmp_path)
    with closing(engine.sqlite_module().connect(tmp_path / "turns.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseAway, match="database is locked"), unit_of_work(url) as session:
            session.execute(text(TOGETHER), {"writer": 1})
        other.execute("ROLLBACK")

    with unit_of_work(url) as session:
        session.execute(text(TOGETHER), {"writer": 1})
        waits = session.execute(text("PRAGMA busy_timeout")).scalar_one()
    assert waits == engine.BUSY_TIMEOUT_S * 1000
    dispose()


# Begins a write and says so; ends it when it hears a line, or when it is woken.
HOLDER = """
import signal, sys
from gastown.db.engine import sqlite_module
signal.signal(signal.SIGCONT, lambda *_: print("woken", flush=True))
connection = sqlite_module().connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("holds", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


@contextmanager
def holder(path: Path) -> "Iterator[subprocess.Popen[str]]":
    """A process in the middle of a write."""
    words = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "holds\n"
            yield process
        finally:
            process.kill()


def test_a_writer_that_was_stopped_in_its_write_is_woken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_WAKE_AFTER_S", 0.1)
    monkeypatch.setattr(engine, "WRITER_PATIENCE_S", 30.0)
    url = make_file(tmp_path)
    with holder(tmp_path / "turns.db") as process:
        assert process.stdin is not None
        os.kill(process.pid, signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        process.stdin.write("end\n")  # to be read when it goes on
        process.stdin.flush()

        with unit_of_work(url) as session:
            session.execute(text(TOGETHER), {"writer": 1})

        assert process.wait(10) == 0
    dispose()


def test_a_writer_that_takes_its_time_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_WAKE_AFTER_S", 0.05)
    monkeypatch.setattr(engine, "WRITER_PATIENCE_S", 0.5)
    url = make_file(tmp_path)
    with holder(tmp_path / "turns.db") as process:
        with pytest.raises(DatabaseAway, match="database is locked"), unit_of_work(url) as session:
            session.execute(text(TOGETHER), {"writer": 1})

        said, _ = process.communicate("end\n", timeout=10)

    assert said == ""
    dispose()


def test_nobody_is_woken_where_nobody_writes(tmp_path: Path) -> None:
    make_file(tmp_path)
    with closing(engine.sqlite_module().connect(tmp_path / "turns.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM turns").fetchall()

        assert stopped.wake_holder(tmp_path / "turns.db") is None

    assert stopped.wake_holder(tmp_path / "no-such.db") is None
