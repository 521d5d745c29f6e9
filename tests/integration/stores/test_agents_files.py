"""What is written into other people's files, and taken out of them again; what agents are told."""

import io
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gastown import config, stores
from gastown.cli.app import invoke
from gastown.cli.context import Context
from gastown.errors import Invalid
from gastown.town import schema

Bd = Callable[..., tuple[int, str, str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A git repository with a store of its own."""
    folder = tmp_path / "project"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    (folder / ".beads").mkdir()
    schema.upgrade(f"sqlite:///{folder}/.beads/beads.db")
    monkeypatch.chdir(folder)
    for name in ("GASTOWN_TOWN", "BEADS_DIR", "BEADS_DB", "BD_DB", "BEADS_ACTOR", "BD_ACTOR", "GT_ACTOR"):
        monkeypatch.delenv(name, raising=False)
    config.use(None)
    yield folder
    config.use(None)


@pytest.fixture
def bd(project: Path) -> Bd:
    def run(*argv: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        context = Context(program="bd", out=out, err=err, stdin=io.StringIO(), is_terminal=False, actor_given="ada")
        config.use(None)
        return invoke(context, list(argv)), out.getvalue(), err.getvalue()

    return run


@pytest.mark.parametrize("name", list(stores.RECIPES))
def test_a_recipe_is_written_checked_and_taken_out(bd: Bd, project: Path, name: str) -> None:
    recipe = stores.RECIPES[name]
    file = project / recipe.file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("# Ours\n\nKeep this.\n")

    assert bd("setup", name, "--check")[0] == 1
    assert bd("setup", name)[0] == 0
    assert bd("setup", name, "--check")[0] == 0
    once = file.read_text()
    assert "Keep this." in once
    assert "bd ready" in once
    bd("setup", name)
    assert file.read_text() == once

    assert bd("setup", name, "--remove")[0] == 0
    assert file.read_text().strip() == "# Ours\n\nKeep this."
    assert bd("setup", name, "--check")[0] == 1


def test_start_up_hooks_are_added_to_those_that_are_there(bd: Bd, project: Path) -> None:
    settings = project / ".claude" / "settings.json"
    settings.parent.mkdir()
    theirs = {"matcher": "", "hooks": [{"type": "command", "command": "echo hello"}]}
    settings.write_text(json.dumps({"model": "opus", "hooks": {"SessionStart": [theirs]}}))

    bd("setup", "claude")
    found = json.loads(settings.read_text())
    assert found["model"] == "opus"
    assert [entry["hooks"][0]["command"] for entry in found["hooks"]["SessionStart"]] == [
        "echo hello",
        "bd prime --hook-json",
    ]
    bd("setup", "claude", "--remove")
    assert json.loads(settings.read_text())["hooks"]["SessionStart"] == [theirs]


@pytest.mark.parametrize("text", ["not json", "[]", '{"hooks": []}', '{"hooks": {"SessionStart": 1}}'])
def test_a_settings_file_that_is_something_else_is_left_alone(bd: Bd, project: Path, text: str) -> None:
    settings = project / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(text)
    code, _, err = bd("setup", "claude")
    assert (code, settings.read_text()) == (1, text)
    assert "left as it is" in err


def test_a_file_with_one_mark_is_left_alone(bd: Bd, project: Path) -> None:
    (project / "AGENTS.md").write_text(stores.GUIDE.begin + "\n")
    assert bd("setup", "codex")[0] == 1
    assert (project / "AGENTS.md").read_text() == stores.GUIDE.begin + "\n"
    assert "no recipe" in bd("setup", "emacs")[2]


def test_hooks_run_ours_first_and_keep_what_is_there(bd: Bd, project: Path) -> None:
    folder = project / ".git" / "hooks"
    (folder / "pre-commit").write_text("#!/bin/sh\necho theirs >> ran\nexit 0\n")
    (folder / "pre-commit").chmod(0o755)

    assert bd("hooks", "install")[0] == 0
    bd("hooks", "install")
    text = (folder / "pre-commit").read_text()
    assert text.count("BEGIN BEADS") == 1
    assert text.index("bd hooks run pre-commit") < text.index("echo theirs")
    listed = {row["name"]: row for row in json.loads(bd("hooks", "list", "--json")[1])}
    assert (listed["pre-commit"]["installed"], listed["pre-commit"]["foreign"]) == (True, True)
    assert (listed["post-merge"]["installed"], listed["post-merge"]["foreign"]) == (True, False)

    words = ("-c", "user.name=ada", "-c", "user.email=ada@localhost", "commit", "-q", "--allow-empty", "-m", "x")
    subprocess.run(["git", *words], cwd=project, check=True, env={"PATH": "/usr/bin:/bin", "HOME": str(project)})
    assert (project / "ran").read_text() == "theirs\n"

    bd("hooks", "uninstall")
    assert (folder / "pre-commit").read_text() == "#!/bin/sh\necho theirs >> ran\nexit 0\n"
    assert not (folder / "post-merge").exists()


def test_a_hook_that_is_no_script_stops_the_installation_before_it_begins(project: Path) -> None:
    folder = project / ".git" / "hooks"
    (folder / "pre-push").write_text("#!/usr/bin/env python3\nprint(1)\n")
    with pytest.raises(Invalid, match="no shell script"):
        stores.install_hooks(project)
    assert not (folder / "pre-commit").exists()


def test_hooks_go_where_git_looks_for_them(project: Path) -> None:
    subprocess.run(["git", "config", "core.hooksPath", ".githooks"], cwd=project, check=True)
    stores.install_hooks(project)
    assert (project / ".githooks" / "pre-commit").exists()


def test_a_commit_by_an_agent_names_it(bd: Bd, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = project / "MSG"
    message.write_text("Fix it\n")
    assert bd("hooks", "run", "prepare-commit-msg", "MSG")[0] == 0
    assert message.read_text() == "Fix it\n"
    monkeypatch.setenv("BEADS_ACTOR", "robot")
    for _ in range(2):
        bd("hooks", "run", "prepare-commit-msg", "MSG")
    assert message.read_text() == "Fix it\n\nExecuted-By: ada\n"


def test_a_hook_without_a_store_says_so_by_its_status(bd: Bd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert bd("hooks", "run", "pre-commit")[0] == 3
    assert bd("hooks", "run", "post-sneeze")[0] == 1


def test_prime_says_what_a_store_of_its_own_needs(bd: Bd, project: Path, tmp_path: Path) -> None:
    bd("remember", "the gate is slow", "--key", "gate")
    code, text, _ = bd("prime")
    assert code == 0
    for words in ("Quality Tools", "Lifecycle & Hygiene", "Structured Workflows", "conventions", "bd lint"):
        assert words in text
    assert "gt done" not in text
    assert "- gate: the gate is slow" in text
    assert len(bd("prime", "--mcp")[1]) < 400
    assert "Commit" not in bd("prime", "--stealth")[1]
    hook = json.loads(bd("prime", "--hook-json")[1])["hookSpecificOutput"]
    assert hook["hookEventName"] == "SessionStart"
    assert "the gate is slow" in hook["additionalContext"]

    (project / ".beads" / "PRIME.md").write_text("Only this.\n")
    assert bd("prime")[1] == "Only this.\n"
    assert "Quality Tools" in bd("prime", "--export")[1]


def test_a_person_is_asked_and_answers(bd: Bd) -> None:
    first = bd("q", "which key?", "-l", "human")[1].strip()
    second = bd("q", "and which door?", "-l", "human")[1].strip()
    assert {row["id"] for row in json.loads(bd("human", "list", "--json")[1])} == {first, second}
    assert bd("human", "respond", first, "-r", "the new one")[0] == 0
    assert bd("human", "dismiss", second)[0] == 0
    shown = json.loads(bd("show", first, "--json")[1])[0]
    assert (shown["status"], shown["comments"][0]["text"]) == ("closed", "the new one")
    assert json.loads(bd("human", "stats", "--json")[1])["closed"] == 2
