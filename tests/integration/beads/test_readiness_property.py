"""The stored `is_blocked` against a recomputation from nothing, over random graphs and random edits."""

import json
import os
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, select

from gastown import beads, clock
from gastown.beads import Bead, Dependency
from gastown.beads.models import Label
from gastown.errors import GastownError
from tests.support.factories_beads import PERSON, make_bead

BEADS = 7
STRANGERS = 3
BEAD = st.integers(0, BEADS - 1)
KINDS = st.sampled_from(
    ["blocks", "blocks", "parent-child", "parent-child", "conditional-blocks", "merge-blocks", "related"]
)
REASONS = st.sampled_from(["done", "failed", "Merged in 0123456789ab", "it was REJECTED", "wontfix"])
CAPABILITIES = ("login", "search")
CAPABILITY = st.sampled_from(CAPABILITIES)
STATUSES = st.sampled_from(["open", "in_progress", "blocked", "deferred", "pinned", "closed", "tombstone"])
STEPS = st.one_of(
    st.tuples(st.just("link"), BEAD, BEAD, KINDS),
    st.tuples(st.just("link"), BEAD, BEAD, KINDS),
    st.tuples(st.just("wait"), BEAD, BEAD, st.booleans()),
    st.tuples(st.just("unlink"), BEAD, BEAD),
    st.tuples(st.just("close"), BEAD, REASONS),
    st.tuples(st.just("close two"), BEAD, BEAD, REASONS),
    st.tuples(st.just("reopen"), BEAD),
    st.tuples(st.just("pin"), BEAD),
    st.tuples(st.just("open"), BEAD),
    st.tuples(st.just("delete"), BEAD),
    st.tuples(st.just("child"), BEAD),
    st.tuples(st.just("move"), BEAD, st.none() | BEAD),
    st.tuples(st.just("need"), BEAD, CAPABILITY),
    st.tuples(st.just("provide"), BEAD, CAPABILITY),
    st.tuples(st.just("withdraw"), BEAD, CAPABILITY),
    st.tuples(st.just("create"), BEAD, BEAD, KINDS, st.none() | BEAD),
    st.tuples(st.just("create before"), BEAD),
    st.tuples(st.just("defer"), BEAD),
    st.tuples(st.just("undefer"), BEAD),
    st.tuples(st.just("claim"), BEAD),
    st.tuples(st.just("import"), BEAD, STATUSES, st.lists(st.tuples(BEAD, KINDS), max_size=3)),
    st.tuples(
        st.just("import"),
        st.integers(BEADS, BEADS + STRANGERS - 1),
        STATUSES,
        st.lists(st.tuples(BEAD, KINDS), max_size=3),
    ),
)
FAILURES = (
    *("failed", "rejected", "wontfix", "won't fix", "canceled", "cancelled", "abandoned", "blocked", "error"),
    *("timeout", "aborted"),
)


BLOCKING = ("blocks", "conditional-blocks", "merge-blocks")


def is_unmet(kind: str, reason: str) -> bool:
    """Whether a close for this reason leaves who waited for something else waiting."""
    if kind == "conditional-blocks":
        return not any(word in reason.lower() for word in FAILURES)
    return kind == "merge-blocks" and not reason.startswith("Merged in ")


def naive(session: Session) -> dict[str, bool]:
    """What readiness.py says in prose, as a loop to a least fixpoint."""
    rows = {bead.id: bead for bead in session.exec(select(Bead))}
    edges = session.exec(select(Dependency)).all()
    settled = {"closed", "pinned", "tombstone"}
    labels = {(label.bead_id, label.label) for label in session.exec(select(Label))}
    shipped = {
        f"external:app:{label.removeprefix('provides:')}" for name, label in labels if rows[name].status == "closed"
    }
    children = {
        parent: [rows[e.issue_id] for e in edges if e.type == "parent-child" and e.depends_on_id == parent]
        for parent in rows
    }

    def holds(edge: Dependency) -> bool:
        if edge.depends_on_id.startswith("external:"):
            return edge.type in BLOCKING and edge.depends_on_id not in shipped
        target = rows.get(edge.depends_on_id)
        if target is None:
            return False
        if edge.type == "waits-for":
            around = [child for child in children[target.id] if child.status != "tombstone"]
            done = [child for child in around if child.status == "closed"]
            return bool(around) and (not done if edge.any_child else len(done) < len(around))
        if edge.type not in BLOCKING:
            return False
        return target.status not in settled or (target.status == "closed" and is_unmet(edge.type, target.close_reason))

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
    elif verb == "move":
        beads.set_parent(session, one, "" if step[2] is None else names[step[2]], actor=PERSON)
    elif verb == "need":
        beads.add_dependency(session, one, f"external:app:{step[2]}", actor=PERSON)
    elif verb == "provide":
        beads.add_label(session, one, f"provides:{step[2]}", actor=PERSON)
    elif verb == "withdraw":
        beads.remove_label(session, one, f"provides:{step[2]}", actor=PERSON)
    elif verb == "create":
        parent = "" if step[4] is None else names[step[4]]
        make_bead(session, deps=(f"{step[3]}:{names[step[2]]}", f"waits-for:{one}"), parent=parent)
    elif verb == "create before":
        make_bead(session, deps=(f"blocks:{one}", f"external:app:{CAPABILITIES[0]}"))
    else:
        settle(session, names, step)


def settle(session: Session, names: list[str], step: tuple) -> None:  # type: ignore[type-arg]
    verb, one = step[0], names[step[1]]
    if verb == "close":
        beads.close(session, [one], actor=PERSON, reason=step[2], force=True)
    elif verb == "close two":
        beads.close(session, [one, names[step[2]]], actor=PERSON, reason=step[3])
    elif verb == "reopen":
        beads.reopen(session, one, actor=PERSON)
    elif verb == "delete":
        beads.delete(session, [one], actor=PERSON, orphan=True)
    elif verb == "child":
        make_bead(session, parent=one)
    elif verb == "defer":
        beads.defer(session, one, None, actor=PERSON)
    elif verb == "undefer":
        beads.undefer(session, one, actor=PERSON)
    elif verb == "claim":
        beads.claim(session, one, actor=PERSON)
    elif verb == "import":
        bring_in(session, names, step)
    else:
        beads.update(session, one, {"status": "pinned" if verb == "pin" else "open"}, actor=PERSON)


def bring_in(session: Session, names: list[str], step: tuple) -> None:  # type: ignore[type-arg]
    """A line of an exchange file, newer than what is stored: circles, dangling edges and all."""
    one, later = names[step[1]], (clock.now() + timedelta(minutes=1)).isoformat()
    line: dict[str, Any] = {"id": one, "title": "imported", "status": step[2], "created_at": later, "updated_at": later}
    line["dependencies"] = [
        {"issue_id": one, "depends_on_id": names[target], "type": kind, "created_at": later}
        for target, kind in step[3]
        if names[target] != one
    ]
    if step[2] == "closed":
        line |= {"closed_at": later, "close_reason": "failed to do it"}
    beads.import_lines(session, json.dumps(line).encode(), actor=PERSON)


# A longer run is asked for by this number.
EXAMPLES = int(os.environ.get("READINESS_EXAMPLES", "40"))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STEPS, min_size=5, max_size=40))
def test_the_stored_column_is_what_a_recomputation_says(shared_engine: Engine, steps: list[tuple]) -> None:  # type: ignore[type-arg]
    with shared_engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            names = [make_bead(session, str(number)).id for number in range(BEADS)]
            names += [f"app-new{number}" for number in range(STRANGERS)]  # only imports know them
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
