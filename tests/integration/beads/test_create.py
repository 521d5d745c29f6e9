from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session

from gastown import beads, clock, events, ids
from gastown.beads import BadField, BeadExists, BeadNotFound, NewBead, ParentNotFound
from tests.support.factories_beads import PERSON, make_bead, make_closed


def kinds(session: Session, bead_id: str) -> list[str]:
    return [event.kind.value for event in events.for_bead(session, bead_id)]


@pytest.mark.parametrize(
    ("length", "expected"),
    [(3, "vju"), (4, "8d8e"), (5, "bi3tk"), (6, "8bi3tk"), (7, "r5sr6bm"), (8, "8r5sr6bm")],
)
def test_ids_follow_the_published_algorithm(length: int, expected: str) -> None:
    moment = beads.jsonl.unix_ns(datetime(2024, 1, 2, 3, 4, 5, 6000, tzinfo=UTC))
    assert ids.hash_part(f"Fix login|Details|jira-import|{moment}|0", length) == expected


def test_a_new_bead_is_open_and_ready_and_recorded(session: Session) -> None:
    bead = make_bead(session, "Fix the login", description="It fails", labels=("ui", "ui", " web "), priority=0)
    assert (bead.status, bead.priority, bead.issue_type, bead.created_by) == ("open", 0, "task", PERSON)
    assert bead.id.startswith("app-")
    assert beads.load_relations(session, [bead.id]).labels[bead.id] == ["ui", "web"]
    assert bead.id in [each.id for each in beads.list_ready(session)]
    [event] = events.for_bead(session, bead.id)
    assert event.kind.value == "bead.created"
    assert event.payload["bead"]["title"] == "Fix the login"


def test_another_id_is_given_when_the_first_is_taken(session: Session) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    clock.set_source(lambda: moment)
    try:
        made = [make_bead(session, "the same").id for _ in range(12)]
    finally:
        clock.set_source(None)
    assert len(set(made)) == 12
    assert sorted({len(name) for name in made}) == [len("app-1234"), len("app-12345")]


def test_ids_grow_with_the_number_of_beads(session: Session) -> None:
    lines = "".join(
        f'{{"id":"big-{n}","title":"t","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}}\n'
        for n in range(1000)
    )
    beads.import_lines(session, lines.encode(), actor=PERSON)
    assert len(make_bead(session, prefix="big").id) == len("big-12345")


def test_children_are_numbered_under_their_parent(session: Session) -> None:
    parent = make_bead(session, "parent", labels=("ui",))
    first, second = make_bead(session, "one", parent=parent.id), make_bead(session, "two", parent=parent.id)
    assert [first.id, second.id] == [f"{parent.id}.1", f"{parent.id}.2"]
    assert beads.load_relations(session, [first.id]).labels[first.id] == ["ui"]
    assert [child.id for child in beads.list_children(session, parent.id)] == [first.id, second.id]


def test_a_child_gets_the_next_free_number_when_imported_ones_exist(session: Session) -> None:
    parent = make_bead(session, "parent")
    line = f'{{"id":"{parent.id}.7","title":"t","created_at":"2026-01-01T00:00:00Z"}}'
    beads.import_lines(session, line.encode(), actor=PERSON)
    assert make_bead(session, parent=parent.id).id == f"{parent.id}.8"


def test_an_explicit_id_that_is_taken_is_refused(session: Session) -> None:
    bead = make_bead(session, id="app-mine")
    assert bead.id == "app-mine"
    with pytest.raises(BeadExists):
        make_bead(session, id="app-mine")


def test_a_future_defer_makes_the_bead_deferred(session: Session) -> None:
    bead = make_bead(session, defer_until=clock.now() + timedelta(days=1))
    assert bead.status == "deferred"
    assert bead.id not in [each.id for each in beads.list_ready(session)]


def test_dependencies_are_read_in_both_directions(session: Session) -> None:
    first = make_bead(session, "first")
    then = make_bead(session, "then", deps=(first.id,))
    before = make_bead(session, "before", deps=(f"blocks:{first.id}", f"discovered-from:{then.id}"))
    assert then.is_blocked
    assert not before.is_blocked
    assert beads.blockers_of(session, first.id) == [before.id]


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ({"title": "  "}, BadField, "title cannot be empty"),
        ({"title": "x" * 501}, BadField, "longer than 500"),
        ({"title": "a\x00b"}, BadField, "null character"),
        ({"priority": 5}, BadField, "invalid priority"),
        ({"issue_type": "wish"}, BadField, "invalid issue type"),
        ({"labels": (" ",)}, BadField, "label cannot be empty"),
        ({"estimated_minutes": -1}, BadField, "estimate must be a non-negative"),
        ({"prefix": "no way"}, ids.BadName, "bead prefix"),
        ({"id": "--all"}, ids.BadName, "bead id"),
        ({"parent": "app-none"}, ParentNotFound, "parent issue app-none not found"),
        ({"deps": ("app-none",)}, BeadNotFound, "no issue found"),
        ({"deps": ("wish:app-none",)}, BadField, "invalid dependency type"),
    ],
)
def test_a_bead_that_makes_no_sense_is_refused(
    session: Session, said: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words), session.begin_nested():
        beads.create(session, NewBead(**{"title": "t", "prefix": "app", **said}), actor=PERSON)  # type: ignore[arg-type]
    assert beads.list_(session, beads.Filters(any_status=True)) == []


def test_type_aliases_are_understood(session: Session) -> None:
    assert make_bead(session, issue_type="feat").issue_type == "feature"


def test_a_shortened_id_finds_its_bead(session: Session) -> None:
    bead = make_bead(session, id="app-wxyz1")
    make_closed(session, id="web-wxab2")
    assert beads.find(session, "wxyz").id == bead.id
    assert beads.find(session, "wxyz1", prefix="app").id == bead.id
    with pytest.raises(beads.AmbiguousBead, match=r"^ambiguous ID"):
        beads.find(session, "wx")
    with pytest.raises(BeadNotFound, match="no issue found"):
        beads.find(session, "nothing")
    with pytest.raises(BeadNotFound):
        beads.find(session, "%")
