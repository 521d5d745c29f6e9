"""A rig in a folder of its own: a remote, a person's clone, `land.git`, `work.git`. Real git, nobody's settings."""

import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gastown import git

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SOMEBODY = git.Person("Some Body", "somebody@example.com")


def run(folder: Path, *args: str, check: bool = True) -> str:
    """Run git as a person would and return what it says."""
    done = subprocess.run(["git", *args], cwd=folder, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass
class Rig:
    """The repositories of one rig, and short ways to make things happen in them."""

    root: Path

    @property
    def remote(self) -> Path:
        return self.root / "remote.git"

    @property
    def person(self) -> Path:
        return self.root / "person"

    @property
    def land(self) -> Path:
        return self.root / "rig" / "land.git"

    @property
    def work(self) -> Path:
        return self.root / "rig" / "work.git"

    def path(self, name: str) -> Path:
        return self.root / "rig" / "polecats" / name

    def run(self, folder: Path, *args: str, check: bool = True) -> str:
        return run(folder, *args, check=check)

    def commit(self, folder: Path, files: dict[str, str | None], message: str = "change") -> str:
        """Write (or with None delete) files in a worktree, commit, and return the commit."""
        for name, text in files.items():
            path = folder / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        run(folder, "add", "-A")
        run(folder, "commit", "-qm", message, "--allow-empty")
        return run(folder, "rev-parse", "HEAD")

    def person_pushes(self, files: dict[str, str | None]) -> str:
        """Somebody lands something on main past us."""
        run(self.person, "fetch", "-q", "origin")
        run(self.person, "reset", "-q", "--hard", "origin/main")
        oid = self.commit(self.person, files)
        run(self.person, "push", "-q", "origin", "HEAD:main")
        return oid

    def make(self) -> str:
        """Make `land.git` and `work.git`; return the target's commit."""
        head = git.create_land(self.land, str(self.remote), "main")
        git.create_work(self.work, self.land, "main")
        return head

    def agent(self, name: str, start: str, branch: str | None = None) -> Path:
        """A worktree for an agent on a branch of its own."""
        path = self.path(name)
        git.update_work(self.work, self.land, "main")
        git.prepare_worktree(self.work, path, branch or f"polecat/{name}/gt-1@1", start)
        return path

    def head(self, start: str, files: dict[str, str | None], name: str = "toast", branch: str | None = None) -> str:
        """A commit by an agent on top of `start`, brought into `land.git`."""
        path = self.agent(name, start, branch)
        oid = self.commit(path, files)
        git.fetch_head(self.land, self.work, oid)
        return oid

    def candidate(self, base: str, head: str) -> str:
        """The merge commit of a head into base."""
        merged = git.merge_trees(self.land, base, head)
        assert isinstance(merged, git.Merged)
        return git.commit_tree(self.land, git.Draft(merged.tree, (base, head), "Land it", SOMEBODY, SOMEBODY, WHEN))

    def target(self) -> str:
        """Where the remote's main stands."""
        return run(self.remote, "rev-parse", "refs/heads/main")


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration of whoever runs the tests; agents and people here have an identity."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    (home / ".gitconfig").write_text("[user]\n\tname = Home\n\temail = home@example.com\n")


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A remote with one commit on main, and a person's clone of it."""
    made = Rig(tmp_path)
    run(tmp_path, "init", "-q", "--bare", "-b", "main", "remote.git")
    run(tmp_path, "init", "-q", "-b", "main", "person")
    run(made.person, "remote", "add", "origin", str(made.remote))
    made.commit(made.person, {"README": "hello\n", "src/a.txt": "1\n2\n3\n", ".gitignore": "*.log\ncache/\n"}, "first")
    run(made.person, "push", "-q", "origin", "main")
    return made
