"""Any event, line of the journal or commit that is lost, doubled or altered shows, unless nothing hangs on it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gastown import replay
from gastown.chaos import checker
from gastown.chaos.collect import read_tables
from gastown.chaos.evidence import Evidence, Note
from gastown.db import dispose, unit_of_work
from gastown.events import EventKind as K
from tests.integration.chaos.conftest import Lived
from tests.support.refinery_town import RIG

Whole = Callable[[], Evidence]

# Who is at work: no table is made of it that replays.
PRESENCE = frozenset({K.WORKER_STARTED, K.WORKER_STOPPED, K.WORKER_LOST})
# What they set is set anew by a later event of the same thing: without one of them, or with one more of the same, the
# log says the same of every row.
OVERTAKEN = frozenset(
    {K.ASSIGNMENT_NOTED, K.POLECAT_UPDATED, K.TARGET_MOVED, K.TARGET_GREEN, K.TARGET_FOUND, K.REQUEST_RETESTED}
)
HARMLESS = {"drop": PRESENCE | OVERTAKEN, "double": PRESENCE | OVERTAKEN | {K.SETTING_CHANGED}, "refence": frozenset()}

EVENTS = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)


@pytest.fixture(scope="session")
def whole(lived: Lived, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Evidence]:
    """The evidence of the healthy town; behind a function, since a failing test shows its arguments."""
    evidence = lived.evidence(tmp_path_factory.mktemp("whole") / "scratch")
    assert not any(checker.check(evidence).values())
    return lambda: evidence


def with_events_of(evidence: Evidence, path: Path) -> Evidence:
    """The evidence with the log, the tables and the replay of a spoilt database."""
    with unit_of_work.reading(f"sqlite:///{path}", frozen=True) as session:
        tables = read_tables(session.connection())
        differences = tuple(str(found) for found in replay.verify(session))
    dispose()
    return replace(evidence, events=tables.pop("events"), tables=tables, replay_differences=differences)


def spoil(lived: Lived, path: Path, act: str, number: int, by: int) -> Any:
    """Do `act` to the event at place `number`; its kind."""
    path.write_bytes((lived.folder / "gastown.db").read_bytes())
    with closing(sqlite3.connect(path)) as database, database:
        ids = [row[0] for row in database.execute("SELECT id FROM events ORDER BY id")]
        chosen = ids[number % len(ids)]
        (kind,) = database.execute("SELECT kind FROM events WHERE id = ?", (chosen,)).fetchone()
        columns = [row[1] for row in database.execute("PRAGMA table_info(events)") if row[1] != "id"]
        if act == "drop":
            database.execute("DELETE FROM events WHERE id = ?", (chosen,))
        elif act == "double":
            names = ", ".join(columns)
            database.execute(f"INSERT INTO events ({names}) SELECT {names} FROM events WHERE id = ?", (chosen,))
        else:
            database.execute("UPDATE events SET fence = fence + ? WHERE id = ?", (by, chosen))
    return K(kind)


@EVENTS
@given(act=st.sampled_from(["drop", "double", "refence"]), number=st.integers(0, 10_000), by=st.sampled_from([-1, 1]))
def test_spoilt_log_is_found(act: str, number: int, by: int, lived: Lived, whole: Whole, tmp_path: Path) -> None:
    path = tmp_path / "spoilt.db"
    kind = spoil(lived, path, act, number, by)
    evidence = with_events_of(whole(), path)
    found = {name for name, said in checker.check(evidence).items() if said}
    is_same = [one["fence"] for one in evidence.events] == [one["fence"] for one in whole().events]
    assert found or kind in HARMLESS[act] or (act == "refence" and is_same), f"{act} {kind}"


@EVENTS
@given(act=st.sampled_from(["fence", "bead", "whole"]), number=st.integers(0, 10_000))
def test_spoilt_journal_is_found(act: str, number: int, whole: Whole) -> None:
    """A single line may be missing, since its agent may be killed before it writes it; what it says must be true."""
    lines = list(whole().journal)
    place = number % len(lines)
    line = lines[place]
    if act == "whole":
        lines = [one for one in lines if (one.session, one.pid) != (line.session, line.pid)]
    else:
        lines[place] = replace(line, fence=line.fence + 7) if act == "fence" else replace(line, bead="app-none")
    found = checker.check(replace(whole(), journal=tuple(lines)))
    did_anything = any(one.note is Note.WORK for one in whole().journal if one.session == line.session)
    assert found["I5"] or (act == "whole" and not did_anything), f"{act} {line}"


@EVENTS
@given(act=st.sampled_from(["drop", "tree", "swap", "trailer", "parent"]), number=st.integers(0, 10_000))
def test_spoilt_line_of_the_target_is_found(act: str, number: int, whole: Whole) -> None:
    repository = whole().repositories[RIG]
    line = list(repository.first_parents)
    place = 1 + number % (len(line) - 1)
    other = 1 + (place % (len(line) - 1))
    if act == "drop":
        del line[place]
    elif act == "swap":
        line[place], line[other] = line[other], line[place]
    else:
        values: dict[str, Any] = {
            "tree": {"tree": "0" * 40},
            "trailer": {"trailers": {**line[place].trailers, "Bead": ("app-none",)}},
            "parent": {"parents": line[other].parents},
        }[act]
        line[place] = replace(line[place], **values)
    evidence = replace(whole(), repositories={RIG: replace(repository, first_parents=tuple(line))})
    assert any(checker.check(evidence).values())
