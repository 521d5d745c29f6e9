"""Gates hold a step up until what they wait for has come; `gh` is asked outside of any transaction."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gastown import clock
from tests.support.fake_clock import FakeClock

Make = Callable[..., str]


def ready(bd: Any) -> list[str]:
    return [item["id"] for item in bd("ready", "--json").json]


def gate(bd: Any, step: str, *argv: str) -> str:
    made = bd("gate", "create", "--blocks", step, *argv, "--json")
    assert made.code == 0, made.err
    name: str = made.json["id"]
    return name


@pytest.fixture
def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a program `gh` on the path that answers with these JSON values, by its first two words."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def play(answers: dict[str, Any], code: int = 0) -> None:
        cases = "".join(f"  '{words}') echo '{json.dumps(value)}';;\n" for words, value in answers.items())
        script = f'#!/bin/sh\ncase "$1 $2" in\n{cases}  *) echo "could not find it" >&2; exit 4;;\nesac\nexit {code}\n'
        (folder / "gh").write_text(script)
        (folder / "gh").chmod(0o755)

    return play


def test_a_human_gate_holds_its_step_up_until_it_is_resolved(bd: Any, make: Make) -> None:
    step = make("step")
    name = gate(bd, step, "--reason", "Ask first")
    assert ready(bd) == []
    assert [item["id"] for item in bd("gate", "list", "--json").json] == [name]
    assert bd("list", "--json").json[0]["id"] == step
    shown = bd("gate", "show", name, "--json").json
    assert (shown["await_type"], shown["description"], shown["dependents"][0]["id"]) == ("human", "Ask first", step)
    assert bd("gate", "resolve", name, "-r", "Approved").out == f"✓ Gate resolved: {name}\n"
    assert ready(bd) == [step]
    assert bd("gate", "list", "--json").json == []
    assert bd("gate", "list", "--all", "--json").json[0]["close_reason"] == "Approved"


def test_a_timer_opens_when_its_time_is_over(bd: Any, make: Make, fake_clock: FakeClock) -> None:
    step = make("step")
    name = gate(bd, step, "--type", "timer", "--timeout", "1h30m")
    assert bd("show", name, "--json").json[0]["timeout"] == 5_400_000_000_000
    early = bd("close", name)
    assert (early.code, "gate condition not satisfied" in early.err) == (1, True)
    assert bd("gate", "check", "--json").json["resolved"] == 0
    fake_clock.pass_(hours=2)
    tried = bd("gate", "check", "--dry-run", "--json").json
    assert (tried["checked"], tried["resolved"], tried["dry_run"]) == (1, 1, True)
    assert ready(bd) == []
    assert bd("gate", "check", "--json").json["resolved"] == 1
    assert ready(bd) == [step]


def test_a_bead_gate_waits_for_another_bead_of_any_rig(bd: Any, make: Make) -> None:
    step = make("step")
    other = bd("create", "theirs", "--rig", "website", "--silent").out.strip()
    gate(bd, step, "--type", "bead", "--await-id", f"website:{other}")
    assert bd("gate", "check", "--json").json["reasons"] == {
        name["id"]: f"{other} is open" for name in bd("gate", "list", "--json").json
    }
    bd("close", other)
    assert bd("gate", "check", "--json").json["resolved"] == 1
    assert ready(bd) == [step]


def test_gates_on_github_ask_gh(bd: Any, make: Make, gh: Callable[..., None]) -> None:
    run, pull = make("run"), make("pull")
    first = gate(bd, run, "--type", "gh:run", "--await-id", "77")
    second = gate(bd, pull, "--type", "gh:pr", "--await-id", "42")
    answer = {"databaseId": 77, "status": "in_progress", "conclusion": ""}
    gh({"run view": answer, "pr view": {"state": "OPEN"}})
    assert bd("gate", "check", "--json").json["resolved"] == 0
    gh({"run view": {**answer, "status": "completed", "conclusion": "failure"}, "pr view": {"state": "MERGED"}})
    found = bd("gate", "check", "--type", "gh", "--escalate", "--json").json
    assert (found["resolved"], found["escalated"], found["errors"]) == (1, 1, 0)
    assert ready(bd) == [pull]
    assert bd("show", second, "--json").json[0]["status"] == "closed"
    assert bd("label", "list", first, "--json").json == ["human"]
    bd("gate", "check", "--escalate")
    assert len(bd("comments", first, "--json").json) == 1


def test_without_gh_each_gate_says_so(bd: Any, make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = gate(bd, make(), "--type", "gh:pr", "--await-id", "1")
    monkeypatch.setenv("PATH", str(tmp_path))
    done = bd("gate", "check", "--json")
    assert (done.code, done.json["errors"]) == (0, 1)
    assert "gh is not installed" in done.json["reasons"][name]


def test_a_gh_that_fails_or_babbles_is_an_error_of_its_gate(bd: Any, make: Make, gh: Callable[..., None]) -> None:
    name = gate(bd, make(), "--type", "gh:pr", "--await-id", "1")
    gh({})
    assert "could not find it" in bd("gate", "check", "--json").json["reasons"][name]
    gh({"pr view": ["?"]})
    assert "another shape" in bd("gate", "check", "--json").json["reasons"][name]


def test_discover_gives_young_gates_the_run_that_began_with_them(bd: Any, make: Make, gh: Callable[..., None]) -> None:
    name = gate(bd, make(), "--type", "gh:run", "--await-id", "CI")
    begun = {"status": "queued", "conclusion": "", "headBranch": "main", "headSha": "a", "workflowName": "CI"}
    now = clock.now()
    gh(
        {
            "run list": [
                {**begun, "databaseId": 1, "createdAt": "2020-01-01T00:00:00Z"},
                {**begun, "databaseId": 2, "createdAt": now.isoformat(), "workflowName": "Docs"},
                {**begun, "databaseId": 3, "createdAt": now.isoformat()},
            ]
        }
    )
    assert bd("gate", "discover", "--json").json["discovered"] == [{"gate": name, "run": "3"}]
    assert bd("show", name, "--json").json[0]["await_id"] == "3"
    assert bd("gate", "discover", "--json").json["discovered"] == []


def test_waiters_are_noted_once(bd: Any, make: Make) -> None:
    name = gate(bd, make())
    bd("gate", "add-waiter", name, "app/polecats/nux")
    assert "already" in bd("gate", "add-waiter", name, "app/polecats/nux").out
    assert bd("show", name, "--json").json[0]["waiters"] == ["app/polecats/nux"]


BAD_GATES: list[tuple[list[str], str]] = [
    (["--type", "wish"], "invalid gate type"),
    (["--type", "timer"], "needs a time-out"),
    (["--type", "timer", "--timeout", "soon"], "invalid duration"),
    (["--type", "timer", "--timeout", "-5m"], "invalid duration"),
    (["--type", "bead", "--await-id", "app-none"], "no issue found"),
    (["--type", "gh:pr", "--await-id", "--web"], "number of a pull request"),
    (["--type", "gh:run", "--await-id", "--web"], "invalid await id"),
]


def test_gates_that_could_never_open_are_refused(bd: Any, make: Make) -> None:
    step = make()
    for argv, words in BAD_GATES:
        refused = bd("gate", "create", "--blocks", step, *argv)
        assert (refused.code, words in refused.err) == (1, True), refused.err
    assert "is not a gate" in bd("gate", "resolve", step).err
    assert ready(bd) == [step]


def test_an_agent_resolves_no_gate(agent_bd: Any, bd: Any, make: Make) -> None:
    name = gate(bd, make())
    assert "not for agents" in agent_bd("gate", "resolve", name).err
    assert "not for agents" in agent_bd("gate", "check").err
