import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from gastown import beads, clock
from gastown.beads import Bead, Filters
from gastown.beads.errors import BadField
from gastown.beads.views.query_language import COMPARISON_LIMIT, DEPTH_LIMIT, parse_query
from tests.support.factories_beads import PERSON, make_bead


def titles(session: Session, query: str) -> str:
    found = beads.compile_query(session, query)
    return "".join(
        sorted(bead.title for bead in beads.list_(session, Filters(any_status=True, also=(found.condition,))))
    )


@pytest.fixture
def store(session: Session) -> Session:
    make_bead(session, "a", priority=0, labels=("x", "50%_'\"off"), issue_type="bug", assignee="bob")
    top = make_bead(session, "b", issue_type="epic", metadata={"team": "core", "size": 5, "ok": True, "a.b": "x y"})
    make_bead(session, "c", parent=top.id, priority=4, due_at=clock.now() + timedelta(days=2))
    done = make_bead(session, "d", description="needle 100%", notes='say "hi"')
    beads.close(session, [done.id], actor=PERSON)
    session.flush()
    return session


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=open", "abc"),
        ("status!=open", "d"),
        ("NOT status=closed AND priority<=1", "a"),
        ("status=closed OR priority=0 AND type=bug", "ad"),
        ("(status=closed OR priority=0) and type=task", "d"),
        ("priority>1", "bcd"),
        ("priority=P4", "c"),
        ("label=x", "a"),
        ("label!=x", "bcd"),
        ("label=none", "bcd"),
        ("""label="50%_'\\"off\"""", "a"),
        ("assignee=none", "bcd"),
        ("assignee=bob", "a"),
        ("assignee=b*", "a"),
        ("description=NEEDLE", "d"),
        ("description='100%'", "d"),
        ("title=%", ""),
        ("notes='\"hi\"'", "d"),
        ("parent!=none", "c"),
        ("metadata.team=core", "b"),
        ("metadata.size=5", "b"),
        ("metadata.ok=true", "b"),
        ("metadata.a.b='x y'", "b"),
        ("metadata.team!=core", "acd"),
        ("has_metadata_key=size", "b"),
        ("created>1d", "abcd"),
        ("created<1d", ""),
        ("closed=none", "abc"),
        ("NOT closed>1d", "abc"),
        ("due<+3d", "c"),
        ("NOT due<+3d", "abd"),
        ("started!=2020-01-01", "abcd"),
        ("pinned=false", "abcd"),
        ("id=app-*", "abcd"),
        ("type=feat OR type=bug", "a"),
        ("not not not status=open", "d"),
    ],
)
def test_a_query_finds(store: Session, query: str, expected: str) -> None:
    assert titles(store, query) == expected


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "query expression is required"),
        ("   ", "query expression is required"),
        ("status", "expected an operator after 'status' (= != > >= < <=) at position 7"),
        ("status=", "expected a value after status= at position 8"),
        ("status=open priority=1", "unexpected 'priority' at position 13"),
        ("(status=open", "this bracket is not closed at position 1"),
        ("status=open)", "unexpected ')' at position 12"),
        ("mood=bad", "unknown field 'mood' at position 1"),
        ("status=open AND", "expected a field at position 16"),
        ("status>open", "status has no order"),
        ("priority=9", "invalid priority '9' at position 1"),
        ("priority=²", "invalid priority"),
        ("created>mars", "invalid created format"),
        ("pinned=maybe", "pinned is true or false"),
        ('title="open', "unexpected '\"' at position 7"),
        ("status=bogus", "invalid status 'bogus'"),
        ("type=bogus", "invalid issue type 'bogus'"),
        ("metadata.=x", "invalid metadata key ''"),
        ("has_metadata_key='a\"b'", "invalid metadata key"),
        ("(" * (DEPTH_LIMIT + 1) + "status=open", "nested more than"),
        ("not " * (DEPTH_LIMIT + 1) + "status=open", "nested more than"),
        (" or ".join(["pinned=true"] * (COMPARISON_LIMIT + 1)), "more than"),
        ("x" * 5000, "longer than"),
    ],
)
def test_what_is_no_query_is_refused_with_its_position(session: Session, query: str, words: str) -> None:
    with pytest.raises(BadField) as refused:
        beads.compile_query(session, query)
    assert words in refused.value.message


def test_the_deepest_and_the_longest_query_run(session: Session) -> None:
    deepest = "(" * (DEPTH_LIMIT - 1) + "status=open" + ")" * (DEPTH_LIMIT - 1)
    longest = " or ".join(["label=x"] * COMPARISON_LIMIT)
    for query in (deepest, longest, "not " * (DEPTH_LIMIT - 1) + "status=open"):
        found = beads.compile_query(session, query)
        session.exec(select(col(Bead.id)).where(found.condition)).all()


@given(st.text("()=!<>~\"'\\ abAND OR NOT status priority open 1", max_size=40) | st.text(max_size=40))
def test_any_text_is_a_query_or_refused(text: str) -> None:
    with contextlib.suppress(BadField):
        parse_query(text, clock.now())
