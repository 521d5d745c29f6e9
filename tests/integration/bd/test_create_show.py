import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Make = Callable[..., str]


def test_create_says_what_it_made(bd: Any) -> None:
    done = bd("create", "Fix the login", "--rig", "app", "-p", "P0", "-t", "bug", "-l", "ui,web", "-d", "It fails")
    assert done.code == 0
    assert done.out.startswith("✓ Created issue: app-")
    assert "Priority: P0" in done.out
    shown = bd("list", "--json").json
    assert [(each["title"], each["priority"], each["labels"]) for each in shown] == [
        ("Fix the login", 0, ["ui", "web"])
    ]


def test_create_prints_one_object_when_asked_for_json(bd: Any) -> None:
    found = bd("create", "Fix it", "--json").json
    assert (found["title"], found["status"], found["schema_version"]) == ("Fix it", "open", 1)
    assert found["id"].startswith("hq-")


def test_a_bead_goes_to_its_rig_by_the_rigs_prefix(bd: Any) -> None:
    assert bd("create", "x", "--rig", "website", "--silent").out.startswith("web-")
    assert bd("q", "many", "words", "--rig", "app").out.startswith("app-")
    refused = bd("create", "x", "--rig", "nowhere")
    assert (refused.code, "nowhere" in refused.err) == (1, True)


BAD_CREATES: list[tuple[list[str], str]] = [
    ([], "title required"),
    ([""], "title is required"),
    (["one", "--title", "two"], "two different titles"),
    (["x", "-t", "wish"], "invalid issue type"),
    (["x", "-p", "99"], "invalid priority"),
    (["x", "--due", "someday"], "invalid --due format"),
    (["x", "-e", "-5"], "estimate must be a non-negative"),
    (["x", "--parent", "app-none"], "parent issue app-none not found"),
    (["x", "--deps", "app-none"], "dependency app-none was not added: no issue found"),
    (["x", "--metadata", '{"a": NaN}'], "not a JSON object"),
    (["x", "--metadata", '{"a": 1e999}'], "metadata holds what JSON has no word for"),
    (["x" * 501], "title is longer than 500"),
    (["x", "--metadata", "[1]"], "not a JSON object"),
    (["x", "--id", "../../etc"], "not a bead id"),
    (["x", "-l", "a" * 300], "longer than 255"),
]


def test_create_refuses_with_exit_status_one_and_json(bd: Any) -> None:
    for argv, words in BAD_CREATES:
        refused = bd("create", *argv, "--json")
        assert refused.code == 1
        assert words in refused.err
        assert refused.err.startswith("Error: ")
        assert words in refused.json["error"]
        assert bd("count").out == "0\n"


def test_a_dependency_that_cannot_be_refuses_the_bead(bd: Any, make: Make) -> None:
    first = make()
    done = bd("create", "x", "--rig", "app", "--deps", f"{first},app-none", "--json")
    assert (done.code, done.json["error"].endswith("nothing was filed")) == (1, True)
    assert bd("count").out == "1\n"


def test_a_dry_run_files_nothing(bd: Any) -> None:
    assert "Would create issue" in bd("create", "x", "--dry-run").out
    assert bd("count").out == "0\n"


def test_long_texts_come_from_files_and_standard_input(bd: Any, make: Make, tmp_path: Path) -> None:
    file = tmp_path / "body.md"
    file.write_text("from a file\n")
    one, two = make("one", "--body-file", str(file)), ""
    two = bd("create", "two", "--stdin", "--silent", stdin="piped\n").out.strip()
    shown = bd("show", one, two, "--json").json
    assert [each["description"] for each in shown] == ["from a file\n", "piped\n"]
    assert bd("create", "x", "--body-file", str(tmp_path / "none")).code == 1


def test_show_is_always_an_array_with_everything(bd: Any, make: Make) -> None:
    epic = make("epic", "-t", "epic")
    child = make("child", "--parent", epic)
    bd("dep", "add", child, "external:website:login")
    bd("comment", child, "a", "remark")
    found = bd("show", child, "--json").json
    assert isinstance(found, list)
    [item] = found
    assert item["parent"] == epic
    assert {(each["id"], each["dependency_type"]) for each in item["dependencies"]} == {
        (epic, "parent-child"),
        ("external:website:login", "blocks"),
    }
    assert [comment["text"] for comment in item["comments"]] == ["a remark"]
    assert item["dependents"] == []
    [top] = bd("show", epic, "--json").json
    assert (top["epic_total_children"], top["epic_closed_children"], top["epic_closeable"]) == (1, 0, False)
    assert [each["id"] for each in top["dependents"]] == [child]


def test_show_for_people_has_its_lines(bd: Any, make: Make) -> None:
    blocker = make("blocker")
    text = bd("show", make("Fix it", "--deps", blocker, "-d", "why", "--acceptance", "it works")).out
    for line in ("Status: open", "Priority: P2", "Description:", "why", "Acceptance Criteria:", "Dependencies (1):"):
        assert line in text.splitlines()


def test_show_of_unknown_ids_fails_only_when_none_is_known(bd: Any, make: Make) -> None:
    nothing = bd("show", "app-none", "--json")
    assert nothing.code == 1
    assert nothing.json == {"error": "no issues found matching the provided IDs", "schema_version": 1}
    assert nothing.err.startswith("Error fetching app-none: no issue found")
    some = bd("show", "app-none", make())
    assert some.code == 0
    assert "Error fetching app-none" in some.err


def test_show_without_an_id_is_about_what_was_touched_last(bd: Any, make: Make) -> None:
    assert "no issue ID provided" in bd("show").err
    name = make()
    assert bd("show", "--short").out.startswith(name)


def test_ids_may_be_shortened(bd: Any, make: Make) -> None:
    name = make()
    assert bd("show", name.removeprefix("app-"), "--json").json[0]["id"] == name


def test_children_are_listed(bd: Any, make: Make) -> None:
    top = make("top")
    names = [make(title, "--parent", top) for title in "ab"]
    assert [each["id"] for each in bd("children", top, "--json").json] == names
    assert json.loads(bd("show", top, "--children", "--json").out)[1]["id"] == names[1]
    assert bd("children", "app-none").code == 1
