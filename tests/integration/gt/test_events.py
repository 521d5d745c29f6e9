"""`gt events`: the log verified, the past shown, a snapshot taken, old events forgotten."""

import pytest
from sqlalchemy import text

from gastown import assignments, replay
from tests.support.lives import Life

from .conftest import Town


@pytest.fixture
def lived(town: Town) -> Town:
    with town.write() as session:
        life = Life(session)
        for name in ("configure", "setting", "convoy", "fresh", "site", "run", "submit", "board", "fresh"):
            life.step(name)
    return town


def edit(town: Town, words: str) -> None:
    with town.write() as session:
        session.execute(text(words))


def test_a_log_that_says_what_the_tables_hold_is_verified(lived: Town) -> None:
    said = lived.ok("events", "verify", "--json").json
    assert said["equal"] is True
    assert said["differences"] == []
    assert said["events"] > 20
    assert "says what the tables hold" in lived.ok("events", "verify").out


def test_an_edited_row_is_named_with_both_values_and_exit_status_1(lived: Town) -> None:
    edit(lived, "UPDATE rigs SET branch = 'trunk' WHERE name = 'app'")
    said = lived.gt("events", "verify")
    assert said.code == 1
    assert said.out == 'rigs app, branch: the log says "main", the row says "trunk"\n'
    found = lived.gt("events", "verify", "--json")
    assert found.code == 1
    assert found.json["differences"] == [
        {
            "flaw": "value",
            "table": "rigs",
            "row": "app",
            "column": "branch",
            "said": "main",
            "held": "trunk",
            "message": 'rigs app, branch: the log says "main", the row says "trunk"',
        }
    ]


@pytest.mark.parametrize("payload", ["{", "[]", "null", '"x"', ""])
def test_an_event_of_nonsense_is_named(lived: Town, payload: str) -> None:
    edit(lived, f"UPDATE events SET payload = '{payload}' WHERE kind = 'rig.added'")
    said = lived.gt("events", "verify")
    assert said.code == 1
    assert "event 1 says nothing that can be read" in said.out
    assert "Traceback" not in said.err


def test_the_town_is_shown_as_it_was(lived: Town) -> None:
    with lived.read() as session:
        number = session.execute(text("SELECT min(id) FROM events WHERE kind = 'assignment.claimed'")).scalar()
        row = assignments.list_running(session)[0]
    then = lived.ok("events", "at", f"#{number}", "--json").json
    assert [attempt["state"] for attempt in then["running"]] == ["running"]
    assert then["requests"] == []
    now = lived.ok("events", "at", "now", "--json").json
    assert now["statuses"]["in_progress"] == 1
    assert [request["state"] for request in now["requests"]] == ["testing"]
    one = lived.ok("events", "at", "0s ago", "--bead", row.bead_id, "--json").json
    assert [bead["id"] for bead in one["beads"]] == [row.bead_id]
    shown = lived.ok("events", "at", "now", "--rig", "app").out
    assert "MERGE REQUESTS" in shown
    assert row.bead_id in shown
    assert lived.ok("events", "at", "1h ago").out.startswith("After event 0. Beads: none.")


@pytest.mark.parametrize(
    "words", [("soon",), ("+2d",), ("now", "--rig", "moon"), ("now", "--bead", "app-none"), ("#x",)]
)
def test_what_was_never_there_is_refused_in_words(lived: Town, words: tuple[str, ...]) -> None:
    said = lived.gt("events", "at", *words)
    assert said.code != 0
    assert "Traceback" not in said.err
    assert said.err.count("\n") <= 3


def test_replay_starts_at_the_snapshot_and_what_is_older_may_go(lived: Town) -> None:
    refused = lived.gt("events", "prune", "--before", "now")
    assert refused.code != 0
    assert "gt events snapshot" in refused.err
    taken = lived.ok("events", "snapshot", "--json").json
    assert taken["rows"] > 10
    assert "snapshot.rows" not in lived.ok("feed").out
    edit(lived, "UPDATE events SET rung_at = at")
    assert lived.ok("events", "prune", "--before", "now", "--json").json["snapshot"] == taken["event"]
    assert "since the snapshot" in lived.ok("events", "verify").out
    with lived.read() as session:
        assert replay.verify(session) == []
    assert "pruned" in lived.gt("events", "at", "#3").err
