"""The kept count of a prefix says the same length of ids as a fresh one, and is rarely taken."""

from bisect import bisect_right
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, col, func, select

from gastown.beads import Bead, counts
from gastown.beads.words.rules import load_rules_and_count
from gastown.events import EventKind, record
from tests.support.factories_beads import PERSON, make_bead

STEPS = (5, 9, 30)


def length(number: int) -> int:
    return 3 + bisect_right(STEPS, number)


def exact(session: Session) -> int:
    top = select(func.count()).where(Bead.prefix == "app", col(Bead.is_top).is_(True))
    return length(session.exec(top).one())


def remove_one(session: Session) -> None:
    bead = session.exec(select(Bead).where(Bead.prefix == "app").limit(1)).first()
    if bead is not None:
        record(session, EventKind.BEAD_UPDATED, actor=PERSON, bead_id=bead.id)
        session.delete(bead)


@pytest.fixture(autouse=True)
def _small_counts_are_kept_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "_FEW", 0)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.sampled_from(["add", "add", "add", "other", "remove"]), max_size=45))
def test_the_length_is_that_of_a_fresh_count(shared_engine: Engine, steps: list[str]) -> None:
    with shared_engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            for step in steps:
                if step == "remove":
                    remove_one(session)
                else:
                    make_bead(session, prefix="app" if step == "add" else "lib")
                session.flush()
                assert counts.length_for(session, "app", load_rules_and_count(session, "app")[1], length) == exact(
                    session
                )
        transaction.rollback()


def test_a_kept_count_is_not_taken_again_while_it_is_far_from_a_border(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(12):
        make_bead(session)
    taken: list[Any] = []
    count = counts._count
    monkeypatch.setattr(counts, "_count", lambda *words: (taken.append(words), count(*words))[1])
    for _ in range(5):
        make_bead(session)
        counts.length_for(session, "app", load_rules_and_count(session, "app")[1], lambda number: 4)
    assert taken == []
