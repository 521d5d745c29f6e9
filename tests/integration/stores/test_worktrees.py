"""`bd worktree` and `bd mail`, as processes: git makes the worktrees, the store stays the main checkout's."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from gastown.town import schema
from tests.support import residents
from tests.support.towns import PROGRAMS


def run(cwd: Path, *argv: str, **more: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("BEADS_", "BD_", "GT_"))}
    for name in ("GASTOWN_RESIDENT", "GASTOWN_TOWN"):
        environ.pop(name, None)
    environ |= residents.environment() | more
    return subprocess.run(
        [PROGRAMS["bd"], *argv], cwd=cwd, env=environ, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    (folder / "a").write_text("a\n")
    subprocess.run(["git", "add", "a"], cwd=folder, check=True)
    words = ("-c", "user.name=ada", "-c", "user.email=ada@localhost", "commit", "-qm", "start")
    subprocess.run(["git", *words], cwd=folder, check=True)
    (folder / ".beads").mkdir()
    schema.upgrade(f"sqlite:///{folder}/.beads/beads.db")
    return folder


def test_a_worktree_uses_the_main_checkouts_store(project: Path) -> None:
    bead = run(project, "q", "first").stdout.strip()
    assert bead
    made = run(project, "worktree", "create", "../side", "--json")
    assert json.loads(made.stdout)["branch"] == "side", made.stderr

    side = project.parent / "side"
    (side / ".beads").mkdir()  # what git checks out of a tracked exchange file
    (side / ".beads" / "issues.jsonl").touch()
    assert json.loads(run(side, "ready", "--json").stdout)[0]["id"] == bead
    assert json.loads(run(side, "worktree", "info", "--json").stdout)["store"] == str(project / ".beads")
    assert len(json.loads(run(side, "worktree", "list", "--json").stdout)) == 2


def test_changes_are_never_removed_with_a_worktree(project: Path) -> None:
    run(project, "worktree", "create", "../side")
    side = project.parent / "side"
    (side / "new").write_text("work\n")
    refused = run(project, "worktree", "remove", "../side")
    assert (refused.returncode, (side / "new").exists()) == (1, True)
    (side / "new").unlink()
    assert run(project, "worktree", "remove", "../side").returncode == 0
    assert not side.exists()
    assert run(project, "worktree", "remove", ".").returncode == 1


def test_mail_goes_to_the_program_that_was_named(project: Path) -> None:
    assert "mail.delegate" in run(project, "mail", "inbox").stderr
    run(project, "config", "set", "mail.delegate", "printf <%s>")
    assert run(project, "mail", "inbox", "--all", "$HOME").stdout == "<inbox><--all><$HOME>"
    assert run(project, "mail", "x", BEADS_MAIL_DELEGATE="echo other").stdout == "other x\n"
