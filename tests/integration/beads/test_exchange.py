import json
import re
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, select

from gastown import beads, events
from gastown.beads import BeadStatus
from gastown.events import Event
from tests.support.factories_beads import PERSON, make_bead, make_slung


def line(bead_id: str = "gt-a1b2", **said: Any) -> dict[str, Any]:
    times = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z"}
    return {
        "id": bead_id,
        "title": f"title of {bead_id}",
        "status": "open",
        "issue_type": "task",
        "priority": 2,
        **times,
        **said,
    }


def text(*lines: dict[str, Any]) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in lines).encode()


def edge(bead_id: str, target: str, kind: str = "blocks") -> dict[str, Any]:
    return {
        "issue_id": bead_id,
        "depends_on_id": target,
        "type": kind,
        "created_at": "2026-01-01T00:00:00.123456789-08:00",
        "created_by": "ada",
        "metadata": "{}",
    }


def normal(item: dict[str, Any]) -> dict[str, Any]:
    """A line with its times as instants (to the microsecond) and their digits below that."""
    found: dict[str, Any] = {}
    for key, value in item.items():
        if key.endswith("_at"):
            digits = re.split(r"[^0-9]", value.partition(".")[2])[0]
            found[key] = (datetime.fromisoformat(value).astimezone(UTC), digits[6:9])
        elif key in ("dependencies", "comments"):
            found[key] = sorted((normal(each) for each in value), key=repr)
        else:
            found[key] = value
    return found


def exported(session: Session, *, everything: bool = True) -> dict[str, dict[str, Any]]:
    found = [json.loads(each) for each in beads.export_lines(session, everything=everything)]
    return {each["id"]: each for each in found if "_type" not in each}


ODD = [
    line("gt-a1b2.10", title="child of nobody"),
    line("gt-CAPS-wisp-XyZ", issue_type="slot", status="review", ephemeral=True),
    line(
        "gt-dead", status="tombstone", deleted_at="2026-01-03T01:02:03.5+05:30", delete_reason="", original_type="bug"
    ),
    line(
        "gt-full",
        status="closed",
        closed_at="2026-01-03T01:02:03.000000001Z",
        issue_type="epic",
        labels=["a", "b"],
        dependencies=[
            edge("gt-full", "gt-gone"),
            edge("gt-full", "external:x:y"),
            edge("gt-full", "gt-dead", "related"),
        ],
        comments=[{"id": 1, "issue_id": "gt-full", "author": "ada", "text": "ü", "created_at": "2026-01-01T00:00:00Z"}],
        metadata={"deep": {"list": [1, 2.5, None, "x"]}},
        hook_bead="gt-x",
        quality_score=0.75,
    ),
    line("gt-tmpl", is_template=True),
    line("hq-agent", issue_type="agent", agent_state="idle"),
]


def test_what_was_imported_is_exported_line_by_line(session: Session) -> None:
    result = beads.import_lines(session, text(*ODD), actor=PERSON)
    assert (result.refused, result.skipped_edges, len(result.created)) == ([], [], len(ODD))
    found = exported(session)
    assert list(found) == sorted(each["id"] for each in ODD)
    assert {key: normal(value) for key, value in found.items()} == {each["id"]: normal(each) for each in ODD}


def test_a_second_import_changes_nothing(session: Session) -> None:
    beads.import_lines(session, text(*ODD), actor=PERSON)
    before = events.latest_id(session)
    again = beads.import_lines(session, text(*ODD), actor=PERSON)
    assert (again.created, again.updated, again.unchanged, again.stale) == ([], [], len(ODD), [])
    assert events.latest_id(session) == before


def test_the_towns_own_beads_are_exported_only_with_all(session: Session) -> None:
    beads.import_lines(session, text(*ODD), actor=PERSON)
    assert set(exported(session, everything=False)) == {"gt-a1b2.10", "gt-dead", "gt-full"}


def test_every_change_is_one_event_with_the_values(session: Session) -> None:
    beads.import_lines(session, text(line(labels=["x"])), actor=PERSON)
    beads.import_lines(session, text(line(notes="n", updated_at="2026-01-03T00:00:00Z")), actor=PERSON)
    found = events.for_bead(session, "gt-a1b2")
    assert [event.kind.value for event in found] == ["bead.imported", "bead.imported"]
    assert found[0].payload["labels"] == ["x"]
    assert found[1].payload["bead"]["notes"] == "n"


def test_a_newer_line_replaces_and_an_older_one_is_left(session: Session) -> None:
    beads.import_lines(session, text(line(title="one", labels=["a"])), actor=PERSON)
    newer = line(title="two", updated_at="2026-01-03T00:00:00Z", labels=["b"])
    assert beads.import_lines(session, text(newer), actor=PERSON).updated == ["gt-a1b2"]
    assert beads.import_lines(session, text(line(title="three")), actor=PERSON).stale == ["gt-a1b2"]
    bead = beads.get(session, "gt-a1b2")
    assert bead.title == "two"
    assert beads.load_relations(session, [bead.id]).labels[bead.id] == ["a", "b"]


def test_an_edited_bead_is_exported_as_it_is_now(session: Session) -> None:
    beads.import_lines(session, text(line(updated_at="2026-01-02T00:00:00.123456789Z")), actor=PERSON)
    assert exported(session)["gt-a1b2"]["updated_at"] == "2026-01-02T00:00:00.123456789Z"
    beads.update(session, "gt-a1b2", {"notes": "n"}, actor=PERSON)
    found = exported(session)["gt-a1b2"]
    assert found["notes"] == "n"
    assert not found["updated_at"].startswith("2026-01-02")


def test_odd_lines_are_reported_by_number_and_the_others_taken(session: Session) -> None:
    parts = [b"<<<<<<< HEAD", text(line(title="ours", updated_at="2026-01-05T00:00:00Z")).strip(), b"======="]
    parts += [text(line(title="theirs")).strip(), b">>>>>>> 1234567", b"", b"{not json", b'{"title":"\xff"}']
    parts += [text(line("gt-c3d4")).strip()]
    result = beads.import_lines(session, b"\r\n".join(parts), actor=PERSON)
    assert [number for number, _ in result.refused] == [1, 3, 4, 5, 7, 8]
    assert "also on line 2" in dict(result.refused)[4]
    assert (result.created, beads.get(session, "gt-a1b2").title) == (["gt-a1b2", "gt-c3d4"], "ours")


def test_the_newest_of_several_lines_with_one_id_is_taken(session: Session) -> None:
    lines = [line(title="old"), line(title="new", updated_at="2026-01-09T00:00:00Z"), line(title="older")]
    result = beads.import_lines(session, text(*lines), actor=PERSON)
    assert (beads.get(session, "gt-a1b2").title, [number for number, _ in result.refused]) == ("new", [1, 3])


def test_edges_that_would_close_a_circle_are_skipped_and_named(session: Session) -> None:
    pairs = (("gt-aa", "gt-bb"), ("gt-bb", "gt-aa"))
    lines = [line(name, dependencies=[edge(name, other)]) for name, other in pairs]
    result = beads.import_lines(
        session, text(*lines, line("gt-cc", dependencies=[edge("gt-cc", "gt-cc")])), actor=PERSON
    )
    assert result.skipped_edges == [
        "gt-bb -> gt-aa (blocks): would create a cycle",
        "gt-cc -> gt-cc (blocks): would create a cycle",
    ]
    assert beads.find_circles(session) == []


def test_a_bead_that_an_attempt_is_at_work_on_keeps_its_status(session: Session) -> None:
    bead = make_slung(session, BeadStatus.IN_PROGRESS)
    result = beads.import_lines(session, text(line(bead.id, updated_at="2199-01-01T00:00:00Z")), actor=PERSON)
    assert "attempt sets its status" in result.refused[0][1]
    assert beads.get(session, bead.id).status == "in_progress"


def test_our_own_export_comes_back_unchanged(session: Session) -> None:
    parent = make_bead(session, "parent", labels=("a",), metadata={"k": [1]})
    child = make_bead(session, "child", parent=parent.id)
    beads.add_comment(session, child.id, "hello", actor=PERSON)
    beads.close(session, [child.id], actor=PERSON, reason="ok")
    data = "".join(beads.export_lines(session)).encode()
    result = beads.import_lines(session, data, actor=PERSON)
    assert (result.unchanged, result.refused) == (2, [])


def test_a_file_of_many_chunks_comes_back_whole(session: Session) -> None:
    lines = []
    for number in range(2500):
        edges = [edge(f"gt-{number}", f"gt-{number * 7 % max(number, 1)}", "parent-child" if number % 3 else "related")]
        is_dead = number % 2 == 0
        dead = {"status": "tombstone", "deleted_at": "2026-01-03T01:02:03.25Z", "original_type": "event"}
        lines.append(line(f"gt-{number}", dependencies=edges if number else [], **(dead if is_dead else {})))
    lines[0].pop("dependencies")
    result = beads.import_lines(session, text(*lines), actor=PERSON)
    assert (len(result.created), result.refused, result.skipped_edges) == (2500, [], [])
    found = exported(session)
    assert {key: normal(value) for key, value in found.items()} == {each["id"]: normal(each) for each in lines}
    assert beads.import_lines(session, text(*lines), actor=PERSON).unchanged == 2500
    assert len(session.exec(select(Event.id)).all()) == 2500


def test_a_file_does_not_close_what_was_slung_for_code(session: Session) -> None:
    bead = make_slung(session, BeadStatus.ESCALATED)
    closed = line(bead.id, status="closed", closed_at="2198-01-01T00:00:00Z", updated_at="2199-01-01T00:00:00Z")
    assert len(beads.import_lines(session, text(closed), actor=PERSON).refused) == 1
    assert beads.get(session, bead.id).status == "escalated"
