"""Events that came with a file may say anything: what became of a bead is told all the same."""

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session

from gastown import beads, clock
from gastown.beads import Bead
from gastown.beads.history.replay import BEAD_KINDS
from gastown.errors import GastownError
from gastown.events import Event, EventKind
from tests.support.factories_beads import PERSON, make_bead

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab:-01", max_size=4) | st.just("2026-01-02T03:04:05"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["bead", "title"]), inner, max_size=2),
    max_leaves=4,
)
WORDS = (
    *("bead", "labels", "dependencies", "comments", "label", "id", "text", "was", "targets", "parent", "type"),
    *("depends_on_id", "created_at", "updated_at", "title", "meta", "priority", "status", "waiters", "is_code"),
    *("replaced", "interaction", "reason", "metadata", "due_at"),
)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([*sorted(BEAD_KINDS), EventKind.BEAD_AUDITED]),
        st.dictionaries(st.sampled_from(WORDS), JSON, max_size=4),
    ),
    max_size=6,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(EVENTS)
def test_no_event_stops_the_telling(shared_engine: Engine, said: list[tuple[EventKind, dict[str, object]]]) -> None:
    with shared_engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            bead = make_bead(session, "good")
            for kind, payload in said:
                session.add(Event(at=clock.now(), kind=kind, actor="mallory", bead_id=bead.id, payload=payload))
            session.flush()
            beads.list_history(session, bead.id)
            beads.list_interactions(session)
            with beads.past(session, clock.now()) as (then, _):
                beads.list_(then, beads.Filters(any_status=True))
            with beads.past(session, clock.now(), around=[bead.id]) as (then, _):
                then.get(Bead, bead.id)
            with contextlib.suppress(GastownError):  # nothing to restore
                beads.restore(session, bead.id, actor=PERSON)
        transaction.rollback()


def test_a_bad_event_leaves_the_bead_as_it_was(session: Session) -> None:
    bead = make_bead(session, "good")
    for payload in ({"title": 7}, {"due_at": "2026-01-02T03:04:05"}, {"updated_at": None}, {"meta": "x"}):
        event = Event(at=clock.now(), kind=EventKind.BEAD_UPDATED, actor="mallory", bead_id=bead.id, payload=payload)
        session.add(event)
    session.flush()
    with beads.past(session, clock.now(), around=[bead.id]) as (then, _):
        found = then.get_one(Bead, bead.id)
        assert (found.title, found.due_at, found.meta) == ("good", None, {})


@pytest.mark.usefixtures("session")
def test_a_rename_that_does_not_say_from_what_is_no_arrival(session: Session) -> None:
    bead = make_bead(session, "good")
    session.add(Event(at=clock.now(), kind=EventKind.BEAD_RENAMED, actor="m", bead_id=bead.id, payload={"was": 7}))
    session.flush()
    assert beads.list_history(session, bead.id)[-1].new["title"] == "good"
