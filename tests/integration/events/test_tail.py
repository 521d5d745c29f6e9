"""Following the feed shows each event once, also those that become visible late."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from gastown.db import is_sqlite
from gastown.db.engine import make_engine
from gastown.events import Event, EventKind, Tail, record


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = make_engine(database_url)
    yield made
    made.dispose()


def happen(session: Session, rig: str) -> Event:
    event = record(session, EventKind.RIG_PARKED, actor="pat", rig=rig)
    session.flush()
    return event


def seen(tail: Tail, engine: Engine) -> list[str]:
    with Session(engine) as session:
        return [str(event.rig) for event in tail.read(session)]


def start(engine: Engine, rig: str | None = None) -> Tail:
    with Session(engine) as session:
        return Tail(session, rig=rig)


def test_tail_shows_what_happens_after_its_start_and_once(engine: Engine) -> None:
    with Session(engine) as session:
        happen(session, "before")
        session.commit()
    tail = start(engine)
    assert seen(tail, engine) == []
    with Session(engine) as session:
        happen(session, "one")
        happen(session, "two")
        session.commit()
    assert seen(tail, engine) == ["one", "two"]
    assert seen(tail, engine) == []


def test_tail_of_one_rig_leaves_others_out(engine: Engine) -> None:
    tail = start(engine, rig="mine")
    with Session(engine) as session:
        for rig in ("other", "mine", "other"):
            happen(session, rig)
        session.commit()
    assert seen(tail, engine) == ["mine"]
    assert seen(tail, engine) == []


def test_tail_shows_an_event_that_was_committed_after_a_later_one(engine: Engine) -> None:
    tail = start(engine)
    with Session(engine) as slow:
        if is_sqlite(slow):
            return  # there one transaction writes at a time, so that numbers and commits have one order
        first = happen(slow, "slow")
        with Session(engine) as quick:
            second = happen(quick, "quick")
            assert (first.id or 0) < (second.id or 0)
            quick.commit()
        assert seen(tail, engine) == ["quick"]
        slow.commit()
    assert seen(tail, engine) == ["slow"]
    assert seen(tail, engine) == []
