"""A town with two rigs on each kind of database, `gt` and `bd` called in process, and all that they might change."""

import io
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, select

from gastown import beads, clock, config
from gastown.cli import app, database
from gastown.cli.context import Context
from gastown.db import get_engine
from gastown.rigs import Rig
from tests.support.reactions import reactions

__all__ = ["reactions"]


@dataclass(frozen=True)
class Said:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Town:
    """A town in a folder, with one open bead of the rig `app`."""

    folder: Path
    settings: config.Settings
    bead: str = ""

    def run(self, program: str, *argv: str, stdin: str = "", is_terminal: bool = False) -> Said:
        """Run a command line as a person would."""
        out, err = io.StringIO(), io.StringIO()
        given = io.StringIO(stdin)
        context = Context(program, out=out, err=err, stdin=given, is_terminal=is_terminal, actor_given="pat")
        code = app.invoke(context, list(argv))
        return Said(code, out.getvalue(), err.getvalue())

    def ok(self, program: str, *argv: str, stdin: str = "") -> Said:
        """Run a command line that must succeed."""
        said = self.run(program, *argv, stdin=stdin)
        assert said.code == 0, f"{program} {argv}: {said.err}"
        return said

    def write(self) -> Any:
        """A unit of work."""
        return database.writing(self.settings)

    def contents(self) -> tuple[dict[str, list[str]], list[str]]:
        """Every row of every table, and every path in the town's folder."""
        found = MetaData()
        with get_engine(self.settings.database).execution_options(gastown_read_only=True).connect() as connection:
            found.reflect(connection)
            rows = {
                table.name: sorted(str(tuple(row)) for row in connection.execute(select(table)))
                for table in found.sorted_tables
            }
        # Which bead was named last is noted by commands that only look, too.
        found = (str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))
        paths = sorted(name for name in found if not name.startswith("last-touched"))
        return rows, [path for path in paths if not path.startswith("gastown.db")]


@pytest.fixture
def town(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    for name in [name for name in os.environ if name.startswith("GASTOWN_") and name != "GASTOWN_RESIDENT"]:
        monkeypatch.delenv(name)
    somewhere = tmp_path / "a" / "b" / "c"  # so that `../..` stays within the test's own folder
    somewhere.mkdir(parents=True)
    monkeypatch.chdir(somewhere)
    folder = tmp_path / "town"
    folder.mkdir(mode=0o700)
    (folder / config.TOWN_FILE).write_text(f"database_url = {json.dumps(database_url)}\nhost = 'here'\n")
    settings = config.Settings(town=folder, database_url=database_url, host="here")
    config.use(settings)
    made = Town(folder, settings)
    with made.write() as session:
        for name, prefix in (("app", "app"), ("website", "web")):
            session.add(Rig(name=name, prefix=prefix, remote_url="/x", branch="main", created_at=clock.now()))
        made.bead = beads.create(session, beads.NewBead(title="work", prefix="app"), actor="pat").id
    yield made
    config.use(None)


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A bare repository with one commit on `main`."""
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    folder = tmp_path / "remote.git"
    who = ("-c", "user.name=Pat", "-c", "user.email=pat@example.com")
    for words in (
        ("init", "--quiet", "--bare", "--initial-branch=main", str(folder)),
        ("clone", "--quiet", str(folder), str(tmp_path / "clone")),
        ("-C", str(tmp_path / "clone"), *who, "commit", "--quiet", "--allow-empty", "-m", "Begin"),
        ("-C", str(tmp_path / "clone"), "push", "--quiet", "origin", "HEAD:main"),
    ):
        subprocess.run(["git", *words], env=env, capture_output=True, check=True)
    return folder
