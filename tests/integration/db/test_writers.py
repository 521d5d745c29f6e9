"""Many processes write to one SQLite file: each gets its turn soon, and nobody is told that it is locked."""

import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from gastown.db import dispose, engine
from gastown.db.engine import DatabaseAway
from gastown.db.unit_of_work import reading, unit_of_work
from tests.support.processes import run_at_once

WRITERS = 20
FOR_S = 6.0
# SQLite's own waiting left a fifth of the writers without any turn for this long.
LONGEST_WAIT_S = 3.0
PRELOAD = ["gastown.db", "gastown.queue", "sqlalchemy", "tests.integration.db.test_writers"]
TOGETHER = "INSERT INTO turns (writer) VALUES (:writer)"


def make_file(folder: Path) -> str:
    url = f"sqlite:///{folder}/turns.db"
    with unit_of_work(url) as session:
        session.execute(text("CREATE TABLE turns (writer INTEGER)"))
    dispose()
    return url


def write_often(writer: int, url: str) -> tuple[int, float]:
    """Write as often as it goes; how often that was, and how long the longest wait."""
    engine.BUSY_TIMEOUT_S = engine.WRITER_PATIENCE_S = LONGEST_WAIT_S  # type: ignore[assignment]
    ends, turns, longest = time.monotonic() + FOR_S, 0, 0.0
    while (began := time.monotonic()) < ends:
        with unit_of_work(url) as session:
            session.execute(text(TOGETHER), {"writer": writer})
            longest = max(longest, time.monotonic() - began)
        turns += 1
    return turns, longest


def test_each_of_many_writers_gets_its_turn(tmp_path: Path) -> None:
    url = make_file(tmp_path)

    done = run_at_once(write_often, [(n, url) for n in range(WRITERS)], within_s=60, preload=PRELOAD)

    assert max(longest for _, longest in done) < LONGEST_WAIT_S, done
    with reading(url) as session:
        assert session.execute(text("SELECT count(*) FROM turns")).scalar_one() == sum(turns for turns, _ in done)
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
