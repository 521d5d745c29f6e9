"""What the original checks of itself from outside, one invariant a test: fields, refusals and JSON."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gastown.beads import CATEGORIES

Make = Callable[..., str]


def one(bd: Any, name: str) -> dict[str, Any]:
    item: dict[str, Any] = bd("show", name, "--json").json[0]
    return item


@pytest.fixture
def rich(bd: Any, make: Make) -> str:
    """A bead with a label, an edge and a comment."""
    name = make("rich", "-l", "backend", "--deps", make("blocker"))
    bd("comment", name, "said")
    return name


def related(item: dict[str, Any]) -> tuple[Any, ...]:
    edges = [(edge["id"], edge["dependency_type"]) for edge in item["dependencies"]]
    return item["labels"], edges, [comment["text"] for comment in item["comments"]]


def test_comment_rejects_empty_text(bd: Any, make: Make) -> None:
    name = make()
    for text in ("", "   ", "\n"):
        assert bd("comment", name, text).code == 1
        assert bd("comments", "add", name, text).code == 1
    assert one(bd, name)["comments"] == []


def test_deferring_to_the_past_warns(bd: Any, make: Make) -> None:
    name = make()
    for argv in (["update", name, "--defer", "2020-01-01"], ["defer", name, "--until", "2020-01-01"]):
        done = bd(*argv)
        assert (done.code, "in the past" in done.err) == (0, True)
    assert "in the past" in bd("create", "x", "--defer", "-1d").err


def test_update_nonexistent_exits_non_zero(bd: Any) -> None:
    assert bd("update", "app-none", "-p", "1").code == 1


@pytest.mark.parametrize("title", ["", "   ", "\t\n"])
def test_update_rejects_an_empty_title(bd: Any, make: Make, title: str) -> None:
    name = make("kept")
    refused = bd("update", name, "--title", title)
    assert (refused.code, "title cannot be empty" in refused.err) == (1, True)
    assert one(bd, name)["title"] == "kept"


@pytest.mark.parametrize("label", ["", "  "])
def test_label_add_rejects_an_empty_label(bd: Any, make: Make, label: str) -> None:
    refused = bd("label", "add", make(), label)
    assert (refused.code, "label cannot be empty" in refused.err) == (1, True)


def test_label_add_and_remove_round_trip(bd: Any, make: Make) -> None:
    name = make()
    assert "Added label" in bd("label", "add", name, "ui").out
    assert one(bd, name)["labels"] == ["ui"]
    assert bd("label", "remove", name, "ui").code == 0
    assert one(bd, name)["labels"] == []


def test_reopening_what_is_open_reports_its_status(bd: Any, make: Make) -> None:
    assert "already open" in bd("reopen", make()).out


def test_undeferring_what_is_not_deferred_reports_its_status(bd: Any, make: Make) -> None:
    assert "not deferred" in bd("undefer", make()).out


@pytest.mark.parametrize(
    "argv", [["-p", "0"], ["--title", "new"], ["-d", "text"], ["-a", "bob"], ["-t", "bug"], ["--notes", "n"]]
)
def test_a_scalar_update_preserves_labels_dependencies_and_comments(bd: Any, rich: str, argv: list[str]) -> None:
    before = related(one(bd, rich))
    assert bd("update", rich, *argv).code == 0
    assert related(one(bd, rich)) == before


def test_status_transitions_preserve_labels(bd: Any, rich: str) -> None:
    before = related(one(bd, rich))
    for argv in (["update", rich, "--claim"], ["close", rich, "--force"], ["reopen", rich], ["defer", rich]):
        bd(*argv)
        assert related(one(bd, rich)) == before


def test_fields_round_trip(bd: Any) -> None:
    said = {
        "title": "Title",
        "description": "Description",
        "design": "Design",
        "acceptance_criteria": "Done",
        "notes": "Notes",
        "assignee": "bob",
        "external_ref": "gh-9",
        "spec_id": "docs/spec.md",
        "estimated_minutes": 30,
        "priority": 0,
        "issue_type": "feature",
        "due_at": "2030-01-02T03:04:05Z",
        "metadata": {"n": 1.5, "s": "x", "deep": {"list": [1, None, True]}},
    }
    options = {"acceptance_criteria": "acceptance", "issue_type": "type", "estimated_minutes": "estimate"}
    argv = []
    for name, value in said.items():
        option = options.get(name, name.removesuffix("_at").replace("_", "-"))
        argv += [f"--{option}", json.dumps(value) if isinstance(value, dict) else str(value)]
    made = bd("create", *argv, "--json").json
    assert {name: one(bd, made["id"])[name] for name in said} == said


def test_close_reason_round_trips(bd: Any, make: Make) -> None:
    name = make()
    bd("close", name, "-r", 'Fixed "it"\nfor good ✓')
    assert one(bd, name)["close_reason"] == 'Fixed "it"\nfor good ✓'


def test_parent_child_edge_shows_on_both_ends(bd: Any, make: Make) -> None:
    top = make("top", "-t", "epic")
    child = make("child", "--parent", top)
    [up] = one(bd, child)["dependencies"]
    [down] = one(bd, top)["dependents"]
    assert (up["id"], up["dependency_type"]) == (top, "parent-child")
    assert (down["id"], down["dependency_type"]) == (child, "parent-child")


def test_import_preserves_what_hangs_on_a_bead(bd: Any, rich: str) -> None:
    before = related(one(bd, rich))
    text = bd("export").out
    bd("update", rich, "--set-labels", "")
    lines = [line for line in text.splitlines() if json.loads(line).get("id") == rich]
    later = json.loads(lines[0]) | {"updated_at": "2099-01-01T00:00:00Z"}
    assert bd("import", "-", stdin=json.dumps(later) + "\n").code == 0
    assert related(one(bd, rich)) == before


@pytest.mark.parametrize("days", ["0", "-1"])
def test_stale_rejects_days_that_are_none(bd: Any, days: str) -> None:
    assert bd("stale", "--days", days).code != 0


@pytest.mark.parametrize("status", ["garbage", "OPEN!", "", " "])
def test_update_rejects_a_garbage_status(bd: Any, make: Make, status: str) -> None:
    name = make()
    refused = bd("update", name, "-s", status)
    assert (refused.code, "invalid status" in refused.err) == (1, True)
    assert one(bd, name)["status"] == "open"


@pytest.mark.parametrize("status", list(CATEGORIES))
def test_update_accepts_builtin_statuses(bd: Any, make: Make, status: str) -> None:
    name = make()
    assert bd("update", name, "-s", str(status)).code == 0
    assert one(bd, name)["status"] == status


def test_update_accepts_a_custom_status(bd: Any, make: Make) -> None:
    name = make()
    assert bd("config", "set", "status.custom", "review:wip").code == 0
    assert bd("update", name, "-s", "review").code == 0
    assert one(bd, name)["status"] == "review"


def test_list_output_is_json(bd: Any, make: Make) -> None:
    assert bd("list", "--json").json == []
    make()
    [item] = bd("list", "--json").json
    assert {"id", "title", "status", "priority", "issue_type", "dependency_count", "comment_count"} <= item.keys()


def test_show_output_has_the_required_fields(bd: Any, make: Make) -> None:
    wanted = {"id", "title", "status", "priority", "issue_type", "created_at", "updated_at", "dependencies", "labels"}
    assert wanted <= one(bd, make("x", "-p", "0")).keys()


def test_ready_output_has_full_objects(bd: Any, make: Make) -> None:
    make("x", "-d", "text")
    [item] = bd("ready", "--json").json
    assert (item["description"], item["labels"], item["dependencies"]) == ("text", [], [])


def test_create_output_has_id_and_the_version_of_its_shape(bd: Any) -> None:
    made = bd("create", "x", "--json").json
    assert (made["schema_version"], made["id"].startswith("hq-")) == (1, True)


@pytest.mark.parametrize(
    "argv",
    [["show", "app-none"], ["close", "app-none"], ["update", "app-none", "-p", "1"], ["create"], ["reopen", "x"]],
)
def test_error_output_is_json_with_an_error(bd: Any, argv: list[str]) -> None:
    refused = bd(*argv, "--json")
    assert (refused.code, bool(refused.json["error"]), refused.json["schema_version"]) == (1, True, 1)


def test_close_output_has_the_status(bd: Any, make: Make) -> None:
    [item] = bd("close", make(), "--json").json
    assert (item["status"], "closed_at" in item) == ("closed", True)


def test_blocked_output_has_blocked_by(bd: Any, make: Make) -> None:
    blocker = make("blocker")
    make("waiting", "--deps", blocker)
    [item] = bd("blocked", "--json").json
    assert (item["blocked_by"], item["blocked_by_count"]) == ([blocker], 1)


def test_ping_output_is_json(bd: Any) -> None:
    assert bd("ping", "--json").json["status"] == "ok"
