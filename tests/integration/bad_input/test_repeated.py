"""A command whose transaction met another one's is run once more, unless something of it would then happen twice."""

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from gastown import policy
from gastown.cli import database
from gastown.cli.context import Context
from gastown.db import get_engine
from gastown.db.engine import DatabaseAway
from gastown.errors import GastownError

from .conftest import Town

MEET_WITHIN_S = 20


class Serialisation(Exception):
    """What the database's driver raises."""

    sqlstate = "40001"


class Meeting:
    """Makes the first units of work of a command fail as when others stand in their way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, failures: int, after: int = 0) -> None:
        self.begun = 0
        genuine = database.writing

        @contextmanager
        def writing(settings: Any) -> Iterator[Any]:
            self.begun += 1
            with genuine(settings) as session:
                yield session
                if after < self.begun <= after + failures:
                    raise DatabaseAway("serialisation") from OperationalError("", {}, Serialisation())

        monkeypatch.setattr(database, "writing", writing)


def titles(town: Town) -> list[str]:
    return [bead["title"] for bead in town.ok("bd", "list", "--all", "--json").json]


def test_bead_is_filed_once_when_its_transaction_fails_twice(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = Meeting(monkeypatch, failures=2)
    said = town.ok("bd", "create", "twice tried", "--rig", "app", "--json")
    assert meeting.begun == 3
    assert said.json["title"] == "twice tried"
    assert titles(town).count("twice tried") == 1


def test_command_gives_up_with_one_line_when_the_database_never_lets_it(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gastown.cli.app._AGAIN_WITHIN_S", 0.3)
    meeting = Meeting(monkeypatch, failures=10_000)
    said = town.run("gt", "config", "set", "cap.reworks", "7")
    assert said.code == 6
    assert said.err.startswith("Error: ")
    assert said.err.count("\n") == 1
    assert meeting.begun > 1


def test_nothing_is_repeated_when_standard_input_was_read(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = Meeting(monkeypatch, failures=1)
    said = town.run("bd", "import", "-", stdin='{"id":"app-zzz1","title":"piped"}\n')
    assert said.code == 1
    assert meeting.begun == 1
    assert "piped" not in titles(town)


def test_nothing_is_repeated_when_an_earlier_part_was_committed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = Meeting(monkeypatch, failures=1, after=1)
    context = Context("gt", io.StringIO(), io.StringIO(), io.StringIO(), is_terminal=False, actor_given="pat")
    with context.write() as session:
        policy.set_value(session, "cap.reworks", "7", actor="pat")
    with pytest.raises(GastownError), context.write() as session:
        policy.set_value(session, "cap.reworks", "8", actor="pat")
    assert meeting.begun == 2
    assert not context.may_repeat


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_both_commands_succeed_when_the_database_ends_a_deadlock(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two commands lock two rows the other way round; PostgreSQL ends one, which then runs again."""
    engine = get_engine(town.settings.database)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE pair (name text PRIMARY KEY)"))
        connection.execute(text("INSERT INTO pair VALUES ('cap.reworks'), ('cap.handoffs')"))
    both = threading.Barrier(2)
    tries: list[str] = []
    genuine = policy.set_value

    def set_value(session: Any, name: str, value: str, *, actor: str) -> Any:
        tries.append(name)
        other = {"cap.reworks": "cap.handoffs", "cap.handoffs": "cap.reworks"}[name]
        lock = text("SELECT name FROM pair WHERE name = :name FOR UPDATE")
        session.execute(lock, {"name": name})
        if len(tries) <= 2:
            both.wait(MEET_WITHIN_S)
        session.execute(lock, {"name": other})
        return genuine(session, name, value, actor=actor)

    monkeypatch.setattr(policy, "set_value", set_value)
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda name: town.run("gt", "config", "set", name, "9"), ("cap.reworks", "cap.handoffs")))
    assert [one.code for one in said] == [0, 0], [one.err for one in said]
    assert len(tries) == 3
