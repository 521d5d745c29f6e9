"""The log replays to the rows, after any sequence of writes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from gastown import beads, clock, events
from gastown.beads import Bead, BeadStatus, Comment, Dependency, NewBead, Seed, SeedEdge
from gastown.beads.history.lineage import list_events
from gastown.beads.history.replay import NOT_REPLAYED, State, replay, replay_all
from gastown.beads.models import Label
from gastown.beads.upkeep.removal import purge_rows
from gastown.errors import GastownError
from gastown.events import Event
from tests.support.factories_beads import AGENT, PERSON, make_bead

BEADS = 5
BEAD = st.integers(0, BEADS - 1)
WORD = st.sampled_from(["", "x", "a longer text\nof two lines", "ünï", "Merged in 0123456789ab", "failed"])
LABEL = st.sampled_from(["red", "provides:tea", "Blue"])
KIND = st.sampled_from(["blocks", "parent-child", "related", "waits-for", "conditional-blocks"])
FIELDS = st.sampled_from(
    [
        {"title": "another"},
        {"description": "words", "notes": "n"},
        {"append_notes": "more"},
        {"priority": 0, "issue_type": "bug"},
        {"status": "in_progress"},
        {"status": "pinned"},
        {"status": "open"},
        {"status": "closed"},
        {"merge_metadata": {"a": 1.5, "b": [None, {"c": "d"}]}},
        {"unset_metadata": ["a"]},
        {"due_at": datetime(2027, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)},
        {"defer_until": datetime(2200, 1, 1, tzinfo=UTC)},
        {"defer_until": None, "external_ref": "gh-1", "estimated_minutes": 30},
    ]
)
STEPS = st.one_of(
    st.tuples(st.just("create"), BEAD, LABEL, KIND),
    st.tuples(st.just("link"), BEAD, BEAD, KIND),
    st.tuples(st.just("link"), BEAD, BEAD, KIND),
    st.tuples(st.just("wait"), BEAD, BEAD, st.sampled_from(['{"gate": "any-children"}', '{"x": 1}'])),
    st.tuples(st.just("external"), BEAD),
    st.tuples(st.just("unlink"), BEAD, BEAD),
    st.tuples(st.just("parent"), BEAD, BEAD),
    st.tuples(st.just("label"), BEAD, LABEL),
    st.tuples(st.just("unlabel"), BEAD, LABEL),
    st.tuples(st.just("labels"), BEAD, st.lists(LABEL, max_size=2)),
    st.tuples(st.just("comment"), BEAD, WORD),
    st.tuples(st.just("update"), BEAD, FIELDS),
    st.tuples(st.just("update"), BEAD, FIELDS),
    st.tuples(st.just("claim"), BEAD),
    st.tuples(st.just("close"), BEAD, WORD),
    st.tuples(st.just("reopen"), BEAD),
    st.tuples(st.just("defer"), BEAD),
    st.tuples(st.just("undefer"), BEAD),
    st.tuples(st.just("delete"), BEAD),
    st.tuples(st.just("sling"), BEAD, st.booleans()),
    st.tuples(st.just("land"), BEAD),
    st.tuples(st.just("import"), BEAD, BEAD, WORD, KIND),
    st.tuples(st.just("compact"), BEAD),
    st.tuples(st.just("restore"), BEAD),
    st.tuples(st.just("wisp"), BEAD),
    st.tuples(st.just("promote"), BEAD),
    st.tuples(st.just("uproot"), BEAD),
    st.tuples(st.just("purge"), BEAD),
    st.tuples(st.just("rename"), BEAD, st.integers(0, 2)),
    st.tuples(st.just("plant"), BEAD, KIND),
)


def stored(session: Session) -> dict[str, dict[str, Any]]:
    """Every bead as the tables hold it, without the columns that do not replay."""
    session.flush()
    session.expire_all()
    found = {
        bead.id: {
            "fields": {name: value for name, value in bead.model_dump().items() if name not in {"id", *NOT_REPLAYED}},
            "labels": set(session.exec(select(Label.label).where(Label.bead_id == bead.id))),
            "edges": {},
            "comments": {},
        }
        for bead in session.exec(select(Bead))
    }
    for edge in session.exec(select(Dependency)):
        own = {"issue_id", "depends_on_id", "type", *NOT_REPLAYED}
        values = {name: value for name, value in edge.model_dump().items() if name not in own}
        found[edge.issue_id]["edges"][(edge.depends_on_id, edge.type)] = values
    for comment in session.exec(select(Comment)):
        values = comment.model_dump(exclude={"bead_id", "id"})
        found[comment.bead_id]["comments"][comment.id] = values
    return found


def told(state: State | None) -> dict[str, Any] | None:
    if state is None:
        return None
    return {"fields": state.fields, "labels": state.labels, "edges": state.edges, "comments": state.comments}


def line(name: str, other: str, word: str, kind: str) -> bytes:
    moment = clock.now() + timedelta(seconds=len(word))
    said = {
        "id": name,
        "title": "imported " + word,
        "status": "closed" if word == "failed" else "open",
        "priority": len(word) % 5,
        "notes": word,
        "created_at": "2026-01-02T03:04:05.123456789+02:00",
        "updated_at": moment.isoformat(),
        "wisp": False,
        "strange": [word],
        "labels": ["red", word or "none"],
        "dependencies": [
            {"issue_id": name, "depends_on_id": other, "type": kind, "created_at": "2026-01-02T03:04:05.1234567Z"},
            {"issue_id": name, "depends_on_id": "gone-1", "type": "blocks", "metadata": {"a": 1}, "thread_id": word},
        ],
        "comments": [{"id": len(word), "author": "bob", "text": word, "created_at": "2026-01-02T03:04:05Z"}],
    }
    return json.dumps(said).encode()


def act(session: Session, names: list[str], step: tuple[Any, ...]) -> None:
    verb, one, more = step[0], names[step[1]], step[2:]
    acts: dict[str, Any] = {
        "create": lambda: beads.create(
            session,
            NewBead(
                "new", prefix="app", parent=one, labels=(more[0],), deps=(f"{more[1]}:{names[0]}",), metadata={"k": 1}
            ),
            actor=PERSON,
        ),
        "link": lambda: beads.add_dependency(session, one, names[more[0]], actor=PERSON, type=more[1]),
        "wait": lambda: beads.add_dependency(
            session, one, names[more[0]], actor=PERSON, type="waits-for", metadata=more[1]
        ),
        "external": lambda: beads.add_dependency(session, one, "external:app:tea", actor=PERSON),
        "unlink": lambda: beads.remove_dependency(session, one, names[more[0]], actor=PERSON),
        "parent": lambda: beads.set_parent(session, one, names[more[0]], actor=PERSON),
        "label": lambda: beads.add_label(session, one, more[0], actor=PERSON),
        "unlabel": lambda: beads.remove_label(session, one, more[0], actor=PERSON),
        "labels": lambda: beads.set_labels(session, one, more[0], actor=PERSON),
        "comment": lambda: beads.add_comment(session, one, more[0], actor=PERSON),
        "update": lambda: beads.update(session, one, more[0], actor=PERSON),
        "claim": lambda: beads.claim(session, one, actor=PERSON),
        "close": lambda: beads.close(session, [one], actor=PERSON, reason=more[0], force=True, no_code=True),
        "reopen": lambda: beads.reopen(session, one, actor=PERSON),
        "defer": lambda: beads.defer(session, one, datetime(2200, 1, 1, tzinfo=UTC), actor=PERSON),
        "undefer": lambda: beads.undefer(session, one, actor=PERSON),
        "delete": lambda: beads.delete(session, [one], actor=PERSON, orphan=True),
        "sling": lambda: sling(session, one, more[0]),
        "land": lambda: beads.close_landed(
            session, one, actor="town", sha="a" * 40, target="main", fence=1, assignment_id=1, rig="app"
        ),
        "import": lambda: beads.import_lines(session, line(one, names[more[0]], *more[1:]), actor=PERSON),
        "compact": lambda: beads.compact(session, one, "s", actor=PERSON, force=True),
        "restore": lambda: beads.restore(session, one, actor=PERSON),
        "wisp": lambda: beads.update(session, one, {"ephemeral": True}, actor=PERSON),
        "promote": lambda: beads.promote(session, one, actor=PERSON, reason="why"),
        "uproot": lambda: beads.uproot(session, [one], actor=PERSON, reason="burnt"),
        "purge": lambda: purge_rows(session, [one], actor=PERSON, reason="old"),
        "rename": lambda: rename(session, names, step[1], f"app-name{more[0]}"),
        "plant": lambda: beads.plant(
            session,
            [Seed("a", NewBead("root", prefix="app")), Seed("b", NewBead("step", labels=("red",)), under="a")],
            [SeedEdge("b", one, more[0]), SeedEdge(one, "a", more[0])],
            actor=PERSON,
        ),
    }
    acts[verb]()


def rename(session: Session, names: list[str], place: int, new: str) -> None:
    beads.rename(session, names[place], new, actor=PERSON)
    names[place] = new


def sling(session: Session, name: str, is_code: bool) -> None:
    beads.mark_slung(session, name, is_code=is_code, actor=PERSON)
    beads.set_status(session, name, BeadStatus.HOOKED, actor="town", rig="app", assignee=AGENT)
    beads.set_status(session, name, BeadStatus.IN_PROGRESS, actor=AGENT)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(STEPS, min_size=3, max_size=25), st.integers(0, 24))
def test_the_log_replays_to_the_rows_of_now_and_of_then(
    shared_engine: Engine, steps: list[tuple[Any, ...]], stop: int
) -> None:
    with shared_engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            names = [make_bead(session, str(number)).id for number in range(BEADS)]
            then, last = stored(session), events.latest_id(session)
            for number, step in enumerate(steps):
                try:
                    with session.begin_nested():
                        act(session, names, step)
                except GastownError:
                    session.expire_all()  # what cannot be is refused, and changes nothing
                if number == stop:
                    then, last = stored(session), events.latest_id(session)
            now = stored(session)
            for name, row in now.items():
                assert told(replay(list_events(session, name))) == row, name
            for rows, until in ((now, events.latest_id(session)), (then, last)):
                story = session.exec(select(Event).where(col(Event.id) <= until).order_by(col(Event.id))).all()
                assert {state.id: told(state) for state in replay_all(story)} == rows
        transaction.rollback()


@pytest.mark.usefixtures("session")
def test_the_comparison_sees_a_write_without_an_event(session: Session) -> None:
    bead = make_bead(session)
    session.exec(select(Bead).where(col(Bead.id) == bead.id)).one().notes = "unsaid"
    assert told(replay(list_events(session, bead.id))) != stored(session)[bead.id]
