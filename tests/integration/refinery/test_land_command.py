"""`gt land`: a person's branch lands while they wait, with --direct before all others, and never untested."""

import importlib
import io
import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from gastown import beads, config, refinery, replay, rigs
from gastown.beads import NewBead
from gastown.cli import app
from gastown.cli.context import Context
from gastown.rigs import GateSpec, TargetState
from tests.support.refinery_town import RIG, RefineryTown, run_git

Make = Callable[..., RefineryTown]


@pytest.fixture
def queue(make: Make, monkeypatch: pytest.MonkeyPatch) -> Iterator[RefineryTown]:
    """A queue that works on while the command waits."""
    town = make(gates=(GateSpec("check", "! ls bad* 2>/dev/null && echo 1 passed", 30),))
    config.use(town.settings)
    town.settle()

    def work_on(_seconds: float) -> None:
        town.step()
        town.gate()

    module = importlib.import_module("gastown.cli.gt.land")
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=work_on))
    yield town
    config.use(None)


def _gt(*argv: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    context = Context(
        "gt", out=out, err=err, stdin=io.StringIO(), is_terminal=False, actor_given="pat", session_pass=None
    )
    return app.invoke(context, list(argv)), out.getvalue(), err.getvalue()


def _branch(town: RefineryTown, name: str, files: dict[str, str | None]) -> str:
    """A bead, and a branch for it at the remote."""
    with town.work() as session:
        bead = beads.create(session, NewBead("By hand", prefix=RIG), actor="ada").id
    run_git(town.person, "fetch", "--quiet", "origin")
    run_git(town.person, "checkout", "--quiet", "-B", name, "origin/main")
    town.commit(town.person, files)
    run_git(town.person, "push", "--quiet", "--force", "origin", name)
    return bead


def _unlike_the_log(town: RefineryTown) -> list[str]:
    with town.work() as session:
        found = [str(one) for one in replay.verify(session)]
    return [one for one in found if "merge" in one]


def test_it_waits_until_the_branch_has_landed_and_says_as_what(queue: RefineryTown) -> None:
    bead = _branch(queue, "fix/login", {"b.txt": "x"})

    code, out, err = _gt("land", bead, "--branch", "fix/login", "--json")

    found: dict[str, Any] = json.loads(out)
    assert (code, found["bead_id"], found["state"]) == (0, bead, "landed"), err
    assert found["landed"] == queue.target()
    assert f"{bead}: " in err, "what it waits for"


def test_directly_it_lands_before_what_waits_and_is_tested_all_the_same(queue: RefineryTown) -> None:
    others = [queue.submit({name: "x\n"}) for name in ("one", "two", "three")]
    bead = _branch(queue, "fix/outage", {"b.txt": "x"})

    code, out, err = _gt("land", bead, "--branch", "fix/outage", "--direct")

    assert code == 0, err
    assert f"{bead} landed as {queue.request(bead).landed_oid[:12]} on main" in out
    queue.settle(40)
    assert queue.landed[0] == bead
    assert sorted(queue.landed) == sorted([bead, *others])
    assert queue.red() == []
    assert "request.hurried" in queue.kinds(bead)
    assert _unlike_the_log(queue) == []


def test_what_waits_already_can_be_hurried(queue: RefineryTown) -> None:
    others = [queue.submit({name: "x\n"}) for name in ("one", "two")]
    bead = _branch(queue, "fix/outage", {"b.txt": "x"})
    assert _gt("mq", "submit", bead, "--branch", "fix/outage")[0] == 0

    assert _gt("land", bead, "--direct")[0] == 0

    queue.settle(40)
    assert queue.landed == [bead, *others]
    assert queue.kinds(bead).count("request.submitted") == 1


def test_it_says_that_the_branch_is_red_and_leaves_the_target_alone(queue: RefineryTown) -> None:
    before = queue.target()
    bead = _branch(queue, "fix/worse", {"bad": "x"})

    code, out, err = _gt("land", bead, "--branch", "fix/worse", "--direct")

    assert (code, out) == (5, "")
    assert f"{bead} did not land" in err
    assert f"gt log {bead}" in err
    assert queue.target() == before


def test_it_gives_up_waiting_and_the_work_goes_on(queue: RefineryTown, monkeypatch: pytest.MonkeyPatch) -> None:
    bead = _branch(queue, "fix/login", {"b.txt": "x"})
    moments = iter(range(0, 1000, 20))
    monkeypatch.setattr(
        importlib.import_module("gastown.cli.gt.land"), "clock", SimpleNamespace(monotonic=lambda: next(moments))
    )

    code, _out, err = _gt("land", bead, "--branch", "fix/login", "--timeout", "30")

    assert code == 6
    assert "has not landed in 30 s" in err
    queue.settle()
    assert queue.landed == [bead]


@pytest.mark.parametrize("stopped", ["paused", "red"])
def test_directly_is_refused_where_nothing_can_land(queue: RefineryTown, stopped: str) -> None:
    bead = _branch(queue, "fix/outage", {"b.txt": "x"})
    if stopped == "paused":
        with queue.work() as session:
            refinery.pause(session, RIG, actor="ada", why="release day")
    else:
        queue.push_to_target({"bad": "x"})
        queue.submit({"one": "x\n"})
        queue.settle()
        assert queue.rig().target_state is TargetState.RED

    code, _out, err = _gt("land", bead, "--branch", "fix/outage", "--direct")

    assert code == 5
    assert ("release day" if stopped == "paused" else "is red") in err
    with queue.work() as session:
        assert refinery.find_open(session, bead) is None, "nothing was handed in"
        assert rigs.get(session, RIG).queue_paused_at is not None or stopped == "red"
