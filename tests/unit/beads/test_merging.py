from typing import Any

import pytest

from gastown.beads.exchange.merging import Resolve, is_same, merge

EARLY, LATE = "2026-01-02T00:00:00Z", "2026-01-03T00:00:00+01:00"
BASE: dict[str, Any] = {
    "id": "gt-a1b2",
    "title": "t",
    "status": "open",
    "priority": 2,
    "updated_at": "2026-01-01T00:00:00Z",
}


def edge(target: str, kind: str = "blocks") -> dict[str, str]:
    return {"issue_id": "gt-a1b2", "depends_on_id": target, "type": kind}


def merged(
    ours: dict[str, Any], theirs: dict[str, Any], resolve: Resolve = Resolve.NEWEST, **base: Any
) -> dict[str, Any]:
    first = {**BASE, **base}
    return merge(first, {**first, "updated_at": EARLY, **ours}, {**first, "updated_at": LATE, **theirs}, resolve)


def test_what_one_side_changed_is_taken_from_it() -> None:
    found = merged({"title": "ours"}, {"assignee": "bob"})
    assert (found["title"], found["assignee"], found["updated_at"]) == ("ours", "bob", LATE)


@pytest.mark.parametrize(
    ("resolve", "title"), [(Resolve.NEWEST, "theirs"), (Resolve.OURS, "ours"), (Resolve.THEIRS, "theirs")]
)
def test_what_both_changed_is_decided(resolve: Resolve, title: str) -> None:
    assert merged({"title": "ours"}, {"title": "theirs"}, resolve)["title"] == title


def test_closed_beats_what_is_newer_and_brings_its_time() -> None:
    closed = {"status": "closed", "closed_at": EARLY, "close_reason": "done"}
    found = merged(closed, {"status": "in_progress"})
    assert {name: found[name] for name in closed} == closed


def test_a_deletion_beats_a_close() -> None:
    gone = {"status": "tombstone", "deleted_at": EARLY, "deleted_by": "ada"}
    found = merged(gone, {"status": "closed", "closed_at": LATE})
    assert (found["status"], found["deleted_by"], "closed_at" in found) == ("tombstone", "ada", False)


def test_the_more_urgent_priority_counts_when_both_changed_it() -> None:
    assert merged({"priority": 0}, {"priority": 3})["priority"] == 0
    assert merged({}, {"priority": 3})["priority"] == 3


def test_notes_of_both_are_kept_once() -> None:
    found = merged({"notes": "one"}, {"notes": "two"})
    assert found["notes"] == "two\n\none"
    # The same merge again, as after a sync that was cut short.
    assert merged(found, {"notes": "two"})["notes"] == found["notes"]


def test_labels_and_edges_that_one_side_took_away_are_gone_and_those_of_both_stay() -> None:
    base = {"labels": ["a", "b"], "dependencies": [edge("gt-x"), edge("gt-y")]}
    ours = {"labels": ["a", "b", "c"], "dependencies": [edge("gt-x")]}
    theirs = {"labels": ["b", "d"], "dependencies": [edge("gt-x"), edge("gt-y"), edge("gt-z")]}
    found = merged(ours, theirs, **base)
    assert sorted(found["labels"]) == ["b", "c", "d"]
    assert sorted(each["depends_on_id"] for each in found["dependencies"]) == ["gt-x", "gt-z"]


def test_lines_say_the_same_when_their_times_are_the_same_instant() -> None:
    assert is_same({**BASE, "created_at": "2026-01-01T01:00:00+01:00"}, {**BASE, "created_at": "2026-01-01T00:00:00Z"})
    assert is_same(
        {**BASE, "description": "", "labels": ["a", "b"]}, {**BASE, "labels": ["b", "a"], "comment_count": 3}
    )
    assert not is_same(BASE, {**BASE, "priority": 0})
