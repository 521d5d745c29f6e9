"""Short forms: assign, priority, note, edit, todo, the form, labels of children."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Make = Callable[..., str]


def one(bd: Any, name: str) -> dict[str, Any]:
    item: dict[str, Any] = bd("show", name, "--json").json[0]
    return item


def test_assign_priority_and_note_change_one_field_each(bd: Any, make: Make) -> None:
    name = make()
    assert bd("assign", name, "bob", "--json").json[0]["assignee"] == "bob"
    assert "assignee" not in bd("assign", name, "", "--json").json[0]
    assert bd("priority", name, "P0", "--json").json[0]["priority"] == 0
    assert "invalid priority" in bd("priority", name, "7").err
    bd("note", name, "first", "words")
    assert "Note added to" in bd("note", name, "--stdin", stdin="piped\n").out
    assert one(bd, name)["notes"] == "first words\npiped\n"
    assert bd("assign", "app-none", "bob").code == 1


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make $EDITOR a script that is given the file."""

    def use(script: str) -> None:
        program = tmp_path / "editor"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.delenv("VISUAL", raising=False)
        monkeypatch.setenv("EDITOR", str(program))

    return use


def test_edit_hands_a_text_to_the_editor(bd: Any, make: Make, editor: Callable[[str], None]) -> None:
    name = make("a", "-d", "old")
    editor('test "$(cat "$1")" = old && echo new > "$1"')
    assert "Updated issue:" in bd("edit", name).out
    editor('echo Plan > "$1"')
    bd("edit", name, "--design")
    bd("edit", name, "--acceptance")
    shown = one(bd, name)
    assert (shown["description"], shown["design"], shown["acceptance_criteria"]) == ("new", "Plan", "Plan")
    editor("true")
    assert bd("edit", name).out == "No changes made\n"
    editor("exit 3")
    assert bd("edit", name).code == 1
    editor(': > "$1"')
    assert "title cannot be empty" in bd("edit", name, "--title").err


def test_an_agent_has_no_editor(agent_bd: Any, held: Any) -> None:
    assert "not for agents" in agent_bd("edit", held.bead_id).err


def test_the_form_wants_a_terminal(bd: Any) -> None:
    refused = bd("create-form")
    assert (refused.code, "needs a terminal" in refused.err) == (1, True)


def test_todos_are_ones_own_tasks(bd: Any, make: Make) -> None:
    make("of nobody")
    added = bd("todo", "add", "Buy", "more", "paper", "--json").json
    assert (added["title"], added["issue_type"], added["priority"], added["assignee"]) == (
        "Buy more paper",
        "task",
        2,
        "ada",
    )
    assert [item["id"] for item in bd("todo", "list", "--json").json] == [added["id"]]
    assert "Completed" in bd("todo", "done", added["id"]).out
    assert bd("todo", "list", "--json").json == []
    assert [item["id"] for item in bd("todo", "list", "--all", "--json").json] == [added["id"]]
    assert "title required" in bd("todo", "add").err


def test_a_label_goes_to_every_child(bd: Any, make: Make) -> None:
    top = make("top", "-t", "epic")
    one_child, other = make("one", "--parent", top, "-l", "backend"), make("other", "--parent", top)
    assert bd("label", "propagate", top, "backend", "--json").json == [
        {"status": "added", "issue_id": other, "label": "backend"}
    ]
    assert "No child" in bd("label", "propagate", top, "backend").out
    assert one(bd, one_child)["labels"] == ["backend"]


def test_a_reopened_bead_that_was_deferred_is_told_how_to_come_back(bd: Any, make: Make) -> None:
    name = make()
    bd("defer", name)
    assert f"bd undefer {name}" in bd("reopen", name).out


def test_what_was_put_off_and_closed_is_ready_once_it_is_reopened(bd: Any, make: Make) -> None:
    name = make("x", "--defer", "+5d")
    bd("close", name)
    bd("reopen", name)
    assert [item["id"] for item in bd("ready", "--json").json] == [name]


def test_a_status_of_its_own_ends_a_deferral(bd: Any, make: Make) -> None:
    name = make("x", "--defer", "+5d")
    [shown] = bd("update", name, "-s", "open", "--json").json
    assert ("defer_until" in shown, [item["id"] for item in bd("ready", "--json").json]) == (False, [name])
    [again] = bd("update", name, "--defer", "+5d", "-s", "open", "--json").json
    assert (again["status"], "defer_until" in again) == ("open", True)
