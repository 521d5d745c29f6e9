"""A town without services, and `gt` called in process on it."""

import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gastown import config
from gastown.cli import app, database
from gastown.cli.context import Context


@dataclass(frozen=True)
class Said:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output, read as JSON."""
        return json.loads(self.out)


@dataclass
class Town:
    """A town in a folder."""

    folder: Path
    settings: config.Settings
    facts: Mapping[str, Any] = field(default_factory=dict)

    def gt(self, *argv: str) -> Said:
        """Run a command line as a person would, without a terminal."""
        out, err = io.StringIO(), io.StringIO()
        context = Context("gt", out=out, err=err, stdin=io.StringIO(), is_terminal=False, actor_given="pat")
        code = app.invoke(context, list(argv))
        return Said(code, out.getvalue(), err.getvalue())

    def ok(self, *argv: str) -> Said:
        """Run a command line that must succeed."""
        said = self.gt(*argv)
        assert said.code == 0, f"{argv}: {said.err}"
        return said

    def read(self) -> Any:
        """A reading session."""
        return database.reading(self.settings)

    def write(self) -> Any:
        """A unit of work."""
        return database.writing(self.settings)


@pytest.fixture
def town(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    folder = tmp_path / "town"
    folder.mkdir(mode=0o700)
    (folder / config.TOWN_FILE).write_text("")
    shutil.copyfile(sqlite_template, folder / "gastown.db")
    for name in [name for name in os.environ if name.startswith("GASTOWN_") and name != "GASTOWN_RESIDENT"]:
        monkeypatch.delenv(name)
    settings = config.Settings(town=folder, host="here")
    config.use(settings)
    yield Town(folder, settings)
    config.use(None)


def run_git(folder: Path, *words: str) -> str:
    """Git as a person runs it, with a name and nobody's settings."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Pat",
        "GIT_AUTHOR_EMAIL": "pat@example.com",
        "GIT_COMMITTER_NAME": "Pat",
        "GIT_COMMITTER_EMAIL": "pat@example.com",
    }
    done = subprocess.run(["git", *words], cwd=folder, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@dataclass(frozen=True)
class Repository:
    """A bare remote and a clone of it."""

    remote: Path
    clone: Path

    def git(self, *words: str) -> str:
        """Run git in the clone."""
        return run_git(self.clone, *words)

    def refs(self) -> str:
        """Every ref of the remote."""
        return run_git(self.remote, "for-each-ref", "--format=%(refname) %(objectname)")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    remote, clone = tmp_path / "remote.git", tmp_path / "clone"
    remote.mkdir()
    run_git(remote, "init", "--quiet", "--bare", "--initial-branch=trunk")
    run_git(tmp_path, "clone", "--quiet", str(remote), str(clone))
    found = Repository(remote, clone)
    found.git("switch", "--quiet", "-c", "trunk")
    (clone / "check.sh").write_text("#!/bin/sh\ntrue\n")
    (clone / "check.sh").chmod(0o755)
    found.git("add", "check.sh")
    found.git("commit", "--quiet", "-m", "Begin")
    found.git("push", "--quiet", "origin", "trunk")
    return found
