import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gastown import config
from gastown.cli.app import invoke
from gastown.cli.context import Context
from gastown.cli.database import forget_checks


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Runner = Callable[..., Result]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of the developer's environment or git settings reaches the commands."""
    for name in list(os.environ):
        if name.startswith(("BEADS_", "BD_", "GASTOWN_", "GT_", "GIT_")) and name != "GASTOWN_RESIDENT":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    yield
    config.use(None)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which commands are called."""
    folder = tmp_path / "My Project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def bd(project: Path) -> Runner:
    """Run `bd` in the project as ada, the way a new process would."""

    def run(*argv: str, stdin: str = "", actor: str | None = "ada") -> Result:
        config.use(None)
        forget_checks()
        context = Context(
            program="bd",
            out=io.StringIO(),
            err=io.StringIO(),
            stdin=io.StringIO(stdin),
            is_terminal=False,
            actor_given=actor,
        )
        code = invoke(context, list(argv))
        config.use(None)
        return Result(code, context.text_out(), context.text_err())

    return run


@pytest.fixture
def store(bd: Runner, project: Path) -> Path:
    """The `.beads` folder of a store with the prefix `app`."""
    made = bd("init", "--prefix", "app", "--quiet")
    assert made.code == 0, made.err
    assert made.out == ""
    return project / ".beads"
