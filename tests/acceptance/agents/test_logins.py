"""A person is told which login an agent lacks, wherever the agent is named."""

from pathlib import Path

import pytest

from tests.support.towns import Town, wait_until

from .conftest import add_rig

pytestmark = pytest.mark.acceptance

WORDS = {"claude": ("ANTHROPIC_API_KEY", "~/.claude"), "codex": ("CODEX_API_KEY", "~/.codex")}


@pytest.fixture
def strange_town(bare_town: Town) -> Town:
    """A town where `claude` and `codex` are on PATH and nobody has logged in."""
    programs = bare_town.home / "programs"
    programs.mkdir()
    for name in WORDS:
        (programs / name).write_text("#!/bin/sh\necho 'please log in' >&2\nexit 1\n")
        (programs / name).chmod(0o755)
    bare_town.env["PATH"] = f"{programs}:{bare_town.env['PATH']}"
    return bare_town


def said(town: Town, *words: str) -> str:
    """Everything that a command prints, whatever its status."""
    done = town.run("gt", *words)
    return f"{done.stdout}{done.stderr}"


def log_in(town: Town) -> Path:
    """What a login of claude leaves in the home folder."""
    file = town.home / ".claude" / ".credentials.json"
    file.parent.mkdir()
    file.write_text("{}")
    return file


@pytest.mark.parametrize("name", sorted(WORDS))
def test_variables_and_folder_are_named_when_an_agent_is_not_logged_in(name: str, strange_town: Town) -> None:
    remote = strange_town.home / "remote.git"
    added = strange_town.run(
        "gt", "rig", "add", "app", str(remote), "--gate", "test=python3 -m unittest", "--agent", name
    )
    bead = strange_town.bd_json("create", "Try", "--rig", "app")["id"]
    slung = strange_town.run("gt", "sling", bead, "app")
    doctor = said(strange_town, "doctor")

    assert (added.returncode, slung.returncode) == (0, 0), added.stderr + slung.stderr
    for text in (added.stderr, slung.stderr, doctor):
        assert f"{name} is not logged in" in text
        assert all(word in text for word in WORDS[name]), text


def test_nothing_is_said_when_the_login_is_there(strange_town: Town) -> None:
    log_in(strange_town)
    add_rig(strange_town, strange_town.home / "remote.git", "--agent", "claude")
    bead = strange_town.bd_json("create", "Try", "--rig", "app")["id"]
    by_file = said(strange_town, "sling", bead, "app") + said(strange_town, "doctor")
    (strange_town.home / ".claude" / ".credentials.json").unlink()
    strange_town.env["CLAUDE_CODE_OAUTH_TOKEN"] = "token"

    assert "not logged in" not in by_file
    assert "not logged in" not in said(strange_town, "doctor")


def test_program_and_its_installation_are_named_when_the_agent_is_not_installed(bare_town: Town) -> None:
    bare_town.gt("config", "set", "agents.codex.command", "codex-that-is-nowhere")
    add_rig(bare_town, bare_town.home / "remote.git", "--agent", "codex")

    done = bare_town.run("gt", "doctor")

    assert done.returncode == 1
    assert "codex-that-is-nowhere" in done.stdout
    assert "npm install -g @openai/codex" in done.stdout


def test_attempt_says_that_the_login_is_missing_when_the_agent_dies_of_it(strange_town: Town) -> None:
    add_rig(strange_town, strange_town.home / "remote.git", "--agent", "claude")
    strange_town.gt("up")
    bead = strange_town.bd_json("create", "Try", "--rig", "app")["id"]

    strange_town.gt("sling", bead, "app")

    ended = wait_until(
        lambda: [row for row in strange_town.gt_json("log", bead)["attempts"] if row["ended_at"]], "an attempt ended"
    )
    assert ended[0]["state"] == "failed"
    assert "exit status 1: please log in: claude is not logged in: set ANTHROPIC_API_KEY" in ended[0]["outcome"]
