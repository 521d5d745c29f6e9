import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gastown.beads import jsonl
from gastown.beads.models import Bead, Comment, Dependency
from gastown.beads.rendering import line_json

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEAST = {
    "id": "gt-a1b2",
    "title": "t",
    "priority": 0,
    "created_at": "2025-12-16T01:27:28Z",
    "updated_at": "2025-12-16T01:27:28Z",
}


def parse(data: dict[str, Any] | bytes) -> jsonl.Line:
    return jsonl.parse(data if isinstance(data, bytes) else json.dumps(data).encode(), 7, NOW)


def back(line: jsonl.Line) -> dict[str, Any]:
    bead = Bead(**{**line.values, "id": line.id})
    edges = [Dependency(**edge) for edge in line.edges]
    return line_json(bead, line.labels, edges, [Comment(**comment) for comment in line.comments])


def test_a_line_comes_back_with_all_it_said() -> None:
    data = {
        **LEAST,
        "status": "closed",
        "issue_type": "slot",
        "closed_at": "2025-12-17T01:27:28.123456789-08:00",
        "close_reason": "done",
        "description": "",
        "assignee": None,
        "metadata": {"a": [1, 2.5, None]},
        "waiters": ["x/y"],
        "timeout": 3_600_000_000_000,
        "estimated_minutes": 0,
        "agent_state": "idle",
        "labels": ["a", "b"],
        "dependencies": [
            {
                "issue_id": "gt-a1b2",
                "depends_on_id": "external:other:thing",
                "type": "blocks",
                "created_at": "2025-12-16T01:27:28.1-08:00",
                "created_by": "ada",
                "metadata": "{}",
            }
        ],
        "comments": [
            {"id": 3, "issue_id": "gt-a1b2", "author": "ada", "text": "hi", "created_at": "2025-12-16T01:27:28Z"},
            {"id": "c0ffee", "issue_id": "gt-a1b2", "author": "", "text": "", "created_at": "0001-01-01T00:00:00Z"},
        ],
    }
    found = back(parse(data))
    assert found["closed_at"] == data["closed_at"]
    found["dependencies"][0]["created_at"] = "2025-12-16T01:27:28.1-08:00"
    expected = {**data, "comments": [data["comments"][0], {**data["comments"][1]}]}
    assert found == {**expected, "status": "closed"}


def test_times_with_microseconds_need_no_copy() -> None:
    line = parse({**LEAST, "due_at": "2025-12-16T01:27:28.123456000-08:00"})
    assert line.values["exact_times"] == {}
    assert back(line)["due_at"] == "2025-12-16T09:27:28.123456Z"


def test_a_changed_time_is_written_as_it_is_now() -> None:
    line = parse({**LEAST, "due_at": "2025-12-16T01:27:28.123456789Z"})
    line.values["due_at"] = NOW
    assert back(line)["due_at"] == "2026-01-01T00:00:00Z"


def test_a_closed_line_without_its_time_gets_one() -> None:
    line = parse({**LEAST, "status": "closed"})
    assert line.values["closed_at"] == datetime(2025, 12, 16, 1, 27, 29, tzinfo=UTC)


def test_a_missing_priority_reads_as_the_most_urgent() -> None:
    assert parse({key: value for key, value in LEAST.items() if key != "priority"}).values["priority"] == 0


def test_a_line_without_id_gets_the_same_one_each_time() -> None:
    data = {"title": "no id", "created_at": "2025-12-16T01:27:28Z"}
    assert parse(data).id == parse(data).id


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"<<<<<<< HEAD", "conflict marker"),
        (b"=======", "conflict marker"),
        (b">>>>>>> 2006cbfa", "conflict marker"),
        (b"[1]", "not a JSON object"),
        (b'{"title": "t"', "not JSON"),
        (b'{"title": "t", "x": NaN}', "not JSON"),
        (b'{"title": "t", "x": 1e999}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"title": "\xff"}', "not UTF-8"),
        (b'{"title": "a\\u0000b"}', "null character"),
        (b'{"title": "a\\ud800b"}', "surrogate"),
        (b'{"_type": "memory", "key": "k", "value": "v"}', "'memory'"),
        (b'{"id": "gt-1"}', "no title"),
        (b'{"title": "  "}', "no title"),
        (b'{"title": "t", "id": "../x"}', "not a bead id"),
        (b'{"title": "t", "id": "gt-a1b2", "priority": 7}', "invalid priority"),
        (b'{"title": "t", "id": "gt-a1b2", "priority": true}', "priority is not a whole number"),
        (b'{"title": "t", "id": "gt-a1b2", "notes": 3}', "notes is not a text"),
        (b'{"title": "t", "id": "gt-a1b2", "created_at": "yesterday"}', "not a time"),
        (b'{"title": "t", "id": "gt-a1b2", "created_at": "2025-02-30T00:00:00Z"}', "not a time"),
        (b'{"title": "t", "id": "gt-a1b2", "created_at": "2025-02-03T00:00:00"}', "without a zone"),
        (b'{"title": "t", "id": "gt-a1b2", "closed_at": "2025-02-03T00:00:00Z"}', "not closed"),
        (b'{"title": "t", "id": "gt-a1b2", "labels": "x"}', "labels"),
        (
            b'{"title": "t", "id": "gt-a1b2", "dependencies": [{"issue_id": "gt-x", "depends_on_id": "gt-y"}]}',
            "another",
        ),
        (b'{"title": "t", "id": "gt-a1b2", "dependencies": [{"type": "blocks"}]}', "depends_on_id"),
        (b'{"title": "t", "id": "gt-a1b2", "estimated_minutes": 99999999999}', "out of range"),
    ],
)
def test_a_line_that_cannot_be_stored_is_refused_with_the_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(jsonl.LineRefused, match=reason):
        parse(raw)
