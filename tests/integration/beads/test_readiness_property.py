"""The stored `is_blocked` against a recomputation from nothing, over random graphs and random edits."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, select

from gastown import beads
from gastown.beads import Bead, Dependency
from gastown.errors import GastownError
from tests.support.factories_beads import PERSON, make_bead

BEADS = 7
BEAD = st.integers(0, BEADS - 1)
KINDS = st.sampled_from(
    ["blocks", "blocks", "parent-child", "parent-child", "conditional-blocks", "merge-blocks", "related"]
)
STEPS = st.one_of(
    st.tuples(st.just("link"), BEAD, BEAD, KINDS),
    st.tuples(st.just("link"), BEAD, BEAD, KINDS),
    st.tuples(st.just("wait"), BEAD, BEAD, st.booleans()),
    st.tuples(st.just("unlink"), BEAD, BEAD),
    st.tuples(st.just("close"), BEAD, st.sampled_from(["done", "failed", "Merged in 0123456789ab"])),
    st.tuples(st.just("reopen"), BEAD),
    st.tuples(st.just("pin"), BEAD),
    st.tuples(st.just("open"), BEAD),
    st.tuples(st.just("delete"), BEAD),
    st.tuples(st.just("child"), BEAD),
)


def naive(session: Session) -> dict[str, bool]:
    """What readiness.py says in prose, as a loop to a least fixpoint."""
    rows = {bead.id: bead for bead in session.exec(select(Bead))}
    edges = session.exec(select(Dependency)).all()
    settled = {"closed", "pinned", "tombstone"}
    children = {
        parent: [rows[e.issue_id] for e in edges if e.type == "parent-child" and e.depends_on_id == parent]
        for parent in rows
    }

    def holds(edge: Dependency) -> bool:
        target = rows.get(edge.depends_on_id)
        if target is None:
            return False
        if edge.type == "waits-for":
            around = [child for child in children[target.id] if child.status != "tombstone"]
            done = [child for child in around if child.status == "closed"]
            return bool(around) and (not done if edge.any_child else len(done) < len(around))
        if edge.type not in ("blocks", "conditional-blocks", "merge-blocks"):
            return False
        if target.status not in settled:
            return True
        if target.status != "closed":
            return False
        if edge.type == "conditional-blocks":
            return "failed" not in target.close_reason
        return edge.type == "merge-blocks" and not target.close_reason.startswith("Merged in ")

    blocked = {e.issue_id for e in edges if rows[e.issue_id].status not in settled and holds(e)}
    while True:
        more = {
            e.issue_id
            for e in edges
            if e.type == "parent-child" and e.depends_on_id in blocked and rows[e.issue_id].status not in settled
        } - blocked
        if not more:
            return {name: name in blocked for name in rows}
        blocked |= more


def act(session: Session, names: list[str], step: tuple) -> None:  # type: ignore[type-arg]
    verb, one = step[0], names[step[1]]
    if verb == "link":
        beads.add_dependency(session, one, names[step[2]], actor=PERSON, type=step[3])
    elif verb == "wait":
        metadata = '{"gate": "any-children"}' if step[3] else ""
        beads.add_dependency(session, one, names[step[2]], actor=PERSON, type="waits-for", metadata=metadata)
    elif verb == "unlink":
        beads.remove_dependency(session, one, names[step[2]], actor=PERSON)
    elif verb == "close":
        beads.close(session, [one], actor=PERSON, reason=step[2], force=True)
    elif verb == "reopen":
        beads.reopen(session, one, actor=PERSON)
    elif verb == "delete":
        beads.delete(session, [one], actor=PERSON, orphan=True)
    elif verb == "child":
        make_bead(session, parent=one)
    else:
        beads.update(session, one, {"status": "pinned" if verb == "pin" else "open"}, actor=PERSON)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=5, max_size=40))
def test_the_stored_column_is_what_a_recomputation_says(shared_engine: Engine, steps: list[tuple]) -> None:  # type: ignore[type-arg]
    with shared_engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            names = [make_bead(session, str(number)).id for number in range(BEADS)]
            for step in steps:
                try:
                    with session.begin_nested():
                        act(session, names, step)
                except GastownError:
                    continue  # what cannot be is refused, and changes nothing
                session.flush()
                session.expire_all()
                stored = {bead.id: bead.is_blocked for bead in session.exec(select(Bead))}
                assert stored == naive(session), step
        transaction.rollback()


@pytest.mark.usefixtures("session")
def test_the_naive_rule_sees_a_wrong_column(session: Session) -> None:
    blocker = make_bead(session)
    bead = make_bead(session, deps=(blocker.id,))
    assert naive(session)[bead.id]
    assert not naive(session)[blocker.id]
