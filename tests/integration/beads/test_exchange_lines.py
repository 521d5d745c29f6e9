"""What an import makes of lines that are odd, old, or no beads."""

import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from gastown import beads, events
from gastown.beads import ImportOptions, Orphans
from gastown.beads.exchange.plan import OrphansRefused
from gastown.beads.jsonl import LINE_LIMIT
from gastown.errors import GastownError
from gastown.events import Event
from tests.support.exchange import edge, exported, line, text
from tests.support.factories_beads import PERSON, make_bead


def take(session: Session, *lines: dict[str, Any], **options: Any) -> beads.Imported:
    return beads.import_lines(session, text(*lines), actor=PERSON, options=ImportOptions(**options))


def whole(session: Session) -> list[str]:
    return list(beads.export_lines(session, everything=True))


def test_memories_come_in_and_go_out(session: Session) -> None:
    said = {"_type": "memory", "key": "build", "value": "make all"}
    assert take(session, said).memories == 1
    assert beads.recall(session, "build") == "make all"
    assert [json.loads(each) for each in whole(session)] == [said]
    assert take(session, said).memories == 0


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"_type": "memory", "key": "a b", "value": "x"}, "invalid key"),
        ({"_type": "memory", "key": "k"}, "without key or value"),
        ({"_type": "wish", "id": "gt-a1b2", "title": "t"}, "a line of type 'wish'"),
        ({"_type": "event", "issue_id": "gt-a1b2", "event_type": "town.founded"}, "none of a bead's"),
        ({"_type": "event", "issue_id": "gt-a1b2", "event_type": "bead.closed", "actor": "ada"}, "without new_value"),
    ],
)
def test_a_line_of_another_kind_is_refused_by_number(session: Session, said: dict[str, Any], reason: str) -> None:
    result = take(session, line(), said)
    assert [(number, reason in why) for number, why in result.refused] == [(2, True)]
    assert result.created == ["gt-a1b2"]


def test_a_heading_is_passed_over(session: Session) -> None:
    result = beads.import_lines(session, b'\xef\xbb\xbf{"_schema": "beads/1"}\n' + text(line()), actor=PERSON)
    assert (result.created, result.refused) == (["gt-a1b2"], [])


def test_a_store_with_its_history_comes_back_whole_and_is_not_doubled(session: Session) -> None:
    bead = make_bead(session, "one", labels=("a",))
    beads.add_comment(session, bead.id, "a remark", actor=PERSON)
    beads.update(session, bead.id, {"notes": "n"}, actor="bob")
    beads.remember(session, "make all", key="build", actor=PERSON)
    make_bead(session, "wisp", ephemeral=True)
    before, number = whole(session), events.latest_id(session)
    again = beads.import_lines(session, "".join(before).encode(), actor=PERSON)
    assert (again.created, again.updated, again.events, again.refused) == ([], [], 0, [])
    assert (whole(session), events.latest_id(session)) == (before, number)


def test_events_of_a_bead_that_is_new_here_come_before_its_arrival(session: Session) -> None:
    history = [
        {
            "_type": "event",
            "issue_id": "gt-a1b2",
            "event_type": "bead.commented",
            "actor": "ada",
            "created_at": f"2026-01-01T00:00:0{second}Z",
            "new_value": {"text": "x", "id": str(second)},
        }
        for second in range(3)
    ]
    result = take(session, line(), *history)
    assert (result.events, result.skipped_events) == (3, 0)
    kinds = [event.kind.value for event in events.for_bead(session, "gt-a1b2")]
    assert kinds == ["bead.commented"] * 3 + ["bead.imported"]
    assert take(session, line(), *history).events == 0
    late = {**history[0], "created_at": "2025-01-01T00:00:00Z"}
    assert take(session, line(), late).skipped_events == 1


def test_a_title_that_an_open_bead_has_is_left_out_with_dedup(session: Session) -> None:
    held = make_bead(session, "Same Title")
    result = take(session, line(title="same title"), line("gt-c3d4"), dedup=True)
    assert (result.deduplicated, result.created) == (["gt-a1b2"], ["gt-c3d4"])
    assert take(session, line(held.id, title="Same Title", updated_at="2199-01-01T00:00:00Z"), dedup=True).updated


def test_what_says_the_same_under_another_id_is_named(session: Session) -> None:
    take(session, line())
    result = take(session, line("gt-c3d4", title="title of gt-a1b2"))
    assert result.same_content == [("gt-c3d4", "gt-a1b2")]


ORPHANS = (line("gt-top.1.1"), line("gt-top.1"), line("gt-c3d4"))


def test_orphans_are_taken_unless_something_else_is_said(session: Session) -> None:
    assert len(take(session, *ORPHANS).created) == 3


def test_orphans_are_left_out_and_named_when_skipped(session: Session) -> None:
    result = take(session, *ORPHANS, orphans=Orphans.SKIP)
    assert (result.created, sorted(result.orphans)) == (["gt-c3d4"], ["gt-top.1", "gt-top.1.1"])
    assert [number for number, _ in result.refused] == [1, 2]


def test_orphans_stop_everything_when_strict(session: Session) -> None:
    with pytest.raises(OrphansRefused, match="gt-top"):
        take(session, *ORPHANS, orphans=Orphans.STRICT)
    assert exported(session) == {}


def test_a_closed_bead_stands_in_for_a_missing_parent(session: Session) -> None:
    result = take(session, *ORPHANS, orphans=Orphans.RESURRECT)
    assert (result.resurrected, len(result.created)) == (["gt-top"], 4)
    assert beads.get(session, "gt-top").status == "closed"
    assert take(session, *ORPHANS, orphans=Orphans.RESURRECT).created == []


def test_circles_through_parents_are_left_out_each_time_and_those_of_closed_beads_taken(session: Session) -> None:
    child = line("gt-top.1", dependencies=[edge("gt-top.1", "gt-top", "parent-child"), edge("gt-top.1", "gt-top")])
    first = take(session, line("gt-top"), child)
    assert first.skipped_edges == ["gt-top.1 -> gt-top (blocks): would create a cycle"]
    again = take(session, line("gt-top"), child)
    assert (again.skipped_edges, again.updated, again.unchanged) == (first.skipped_edges, [], 2)
    assert beads.find_circles(session) == []
    closed = {**child, "status": "closed", "closed_at": "2026-01-03T00:00:00Z", "updated_at": "2026-01-03T00:00:00Z"}
    assert take(session, closed).skipped_edges == []
    assert len(exported(session)["gt-top.1"]["dependencies"]) == 2


def test_dependencies_as_show_prints_them_are_understood(session: Session) -> None:
    shown = {"id": "gt-x", "title": "t", "status": "open", "dependency_type": "related"}
    assert take(session, line(dependencies=[shown, {"issue_id": "", "depends_on_id": "gt-y"}])).refused == []
    found = exported(session)["gt-a1b2"]["dependencies"]
    assert [(each["depends_on_id"], each["type"]) for each in found] == [("gt-x", "related"), ("gt-y", "blocks")]


def test_a_line_that_is_too_long_is_refused_unread_and_the_next_one_taken(session: Session) -> None:
    class Long(io.RawIOBase):
        """One endless line and a good one, without the memory that the former would need."""

        def __init__(self) -> None:
            self.data, self.place = b'{"title":"' + b"x" * (LINE_LIMIT + 5) + b'"}\n' + text(line()), 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            part = self.data[self.place : self.place + len(buffer)]
            buffer[: len(part)] = part
            self.place += len(part)
            return len(part)

    result = beads.import_lines(session, io.BufferedReader(Long()), actor=PERSON)
    assert (result.refused, result.created) == ([(1, "longer than 64 MB")], ["gt-a1b2"])


def test_ten_thousand_labels_are_taken(session: Session) -> None:
    labels = sorted(f"label-{number}" for number in range(10_000))
    assert take(session, line(labels=labels)).refused == []
    assert exported(session)["gt-a1b2"]["labels"] == labels


_WORDS = st.sampled_from(
    [
        None,
        "",
        0,
        -1,
        7,
        True,
        1.5,
        "open",
        "closed",
        "tombstone",
        "x",
        [],
        {},
        [1],
        ["a"],
        {"a": 1},
        "2026-01-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999999+14:00",
        "\x00",
        "\ud800",
        "é" * 300,
        *(
            10**30,
            "{}",
            '{"gate": "any-children"}',
            "external:a:b",
            "gt-a1b2",
            "gt-c3d4",
            "../x",
            "blocks",
            "parent-child",
        ),
    ]
)
_KEYS = st.sampled_from(
    [
        "_type",
        "title",
        "status",
        "priority",
        "issue_type",
        "created_at",
        "updated_at",
        "closed_at",
        "labels",
        "metadata",
        *(
            "dependencies",
            "comments",
            "wisp",
            "ephemeral",
            "timeout",
            "waiters",
            "bonded_from",
            "unknown",
            "due_at",
            "key",
        ),
        *(
            "estimated_minutes",
            "external_ref",
            "value",
            "event_type",
            "new_value",
            "actor",
            "issue_id",
            "_schema",
            "notes",
        ),
    ]
)
_EDGES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "issue_id": _WORDS,
            "depends_on_id": _WORDS,
            "type": _WORDS,
            "metadata": _WORDS,
            "created_at": _WORDS,
            "extra": _WORDS,
        },
    ),
    max_size=3,
)
_REMARKS = st.lists(
    st.fixed_dictionaries({}, optional={"id": _WORDS, "author": _WORDS, "text": _WORDS, "created_at": _WORDS}),
    max_size=3,
)
_OBJECTS = st.builds(
    lambda name, said, edges, remarks: {
        "id": name,
        "title": "t",
        **({"dependencies": edges} if edges else {}),
        **({"comments": remarks} if remarks else {}),
        **said,
    },
    st.sampled_from(["gt-a1b2", "gt-c3d4", "gt-c3d4.1", "GT-Caps_x-Y", "", "no", "gt-ü"]),
    st.dictionaries(_KEYS, _WORDS, max_size=3),
    _EDGES,
    _REMARKS,
)
_LINES = st.one_of(
    _OBJECTS.map(lambda said: json.dumps(said).encode()),
    _OBJECTS.map(lambda said: json.dumps(said).encode()[:-3]),
    st.binary(max_size=40),
    st.sampled_from([b"<<<<<<< HEAD", b"=======", b">>>>>>> x", b"null", b"[]", b"{}", b"\xff\xfe{\x00", b"[" * 3000]),
)


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(lines=st.lists(_LINES, max_size=8))
def test_whatever_a_file_holds_is_taken_or_named_and_comes_back(session: Session, lines: list[bytes]) -> None:
    data = b"\n".join(lines) + b"\n"
    with session.begin_nested() as savepoint:
        first = beads.import_lines(session, data, actor=PERSON)
        numbers = [number for number, _ in first.refused]
        assert sorted(set(numbers)) == numbers
        assert all(0 < number <= data.count(b"\n") for number in numbers)
        written = whole(session)
        for each in written:
            json.loads(each)
        again = beads.import_lines(session, "".join(written).encode(), actor=PERSON)
        assert (again.created, again.updated, again.refused, again.events) == ([], [], [], 0)
        assert whole(session) == written
        second = beads.import_lines(session, data, actor=PERSON)
        assert (second.created, [number for number, _ in second.refused]) == ([], numbers)
        savepoint.rollback()
    assert session.exec(select(Event.id)).first() is None


def test_a_file_that_changes_while_it_is_read_is_left_alone(session: Session) -> None:
    class Changing(io.BytesIO):
        reads = 0

        def seek(self, *where: int) -> int:
            self.reads += 1
            if self.reads == 2:
                self.getbuffer()[:10] = b'{"id":"gt-'
                self.getbuffer()[10:14] = b"zzzz"
            return super().seek(*where)

    data = json.dumps(line(), separators=(",", ":")).encode() + b"\n"
    with pytest.raises(GastownError, match="changed while it was read"):
        beads.import_lines(session, Changing(data), actor=PERSON)
