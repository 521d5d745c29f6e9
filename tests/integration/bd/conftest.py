import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gastown import beads, clock, config
from gastown.cli.app import invoke
from gastown.cli.context import Context, SessionPass
from gastown.db.unit_of_work import unit_of_work
from gastown.rigs import Rig
from tests.support.factories import make_bead, make_running


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Runner = Callable[..., Result]


def _run(settings: config.Settings, *argv: str, stdin: str = "", held: SessionPass | None = None) -> Result:
    context = Context(
        program="bd",
        out=io.StringIO(),
        err=io.StringIO(),
        stdin=io.StringIO(stdin),
        is_terminal=False,
        actor_given=None if held else "ada",
        session_pass=held,
    )
    config.use(settings)
    code = invoke(context, list(argv))
    assert isinstance(context.out, io.StringIO)
    assert isinstance(context.err, io.StringIO)
    return Result(code, context.out.getvalue(), context.err.getvalue())


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Iterator[config.Settings]:
    """A town with two rigs, on each kind of database, without any process."""
    chosen = config.Settings(town=tmp_path, database_url=database_url)
    config.use(chosen)
    with unit_of_work() as session:
        for name, prefix in (("app", "app"), ("website", "web")):
            session.add(Rig(name=name, prefix=prefix, remote_url="x", branch="main", created_at=clock.now()))
    yield chosen
    config.use(None)


@pytest.fixture
def bd(settings: config.Settings) -> Runner:
    """Run `bd` as ada."""
    return lambda *argv, stdin="": _run(settings, *argv, stdin=stdin)


@pytest.fixture
def held(settings: config.Settings) -> SessionPass:
    """The pass of an agent of the rig `app` that is at work on a bead."""
    with unit_of_work() as session:
        bead = make_bead(session, "on the hook")
        beads.mark_slung(session, bead.id, is_code=True, actor="tester")
        row = make_running(session, bead).assignment
    assert row is not None
    assert row.id is not None
    assert row.polecat is not None
    return SessionPass(row.id, bead.id, "app", "app", row.polecat, row.fence)


@pytest.fixture
def agent_bd(settings: config.Settings, held: SessionPass) -> Runner:
    """Run `bd` as that agent, the way its worker does."""
    return lambda *argv, stdin="": _run(settings, *argv, stdin=stdin, held=held)


@pytest.fixture
def make(bd: Runner) -> Callable[..., str]:
    """File a bead and return its id."""

    def file(title: str = "a bead", *more: str) -> str:
        found = bd("create", title, "--rig", "app", "--silent", *more)
        assert found.code == 0, found.err
        return found.out.strip()

    return file
