"""`gt gate` on a real rig: gates are added, changed, run and read."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gastown import config, replay, rigs
from gastown.cli import app
from gastown.cli.context import Context
from gastown.refinery import Verdict, guard
from gastown.rigs import TargetState
from tests.support.refinery_town import RED, RIG, RefineryTown, run_git


@pytest.fixture
def queue(town: RefineryTown) -> Iterator[RefineryTown]:
    config.use(town.settings)
    yield town
    config.use(None)


def _gt(*argv: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    context = Context("gt", out=out, err=err, stdin=io.StringIO(), is_terminal=False, actor_given="pat")
    return app.invoke(context, list(argv)), out.getvalue(), err.getvalue()


def _ok(*argv: str) -> str:
    code, out, err = _gt(*argv)
    assert code == 0, err
    return out


def _json(*argv: str) -> Any:
    return json.loads(_ok(*argv, "--json"))


def _hash(town: RefineryTown) -> str:
    with town.work() as session:
        return rigs.config_hash(rigs.get(session, RIG), rigs.list_gates(session, RIG))


def _verify(town: RefineryTown) -> list[str]:
    with town.work() as session:
        return [str(one) for one in replay.verify(session) if one.table in ("gates", "gate_runs", "rigs")]


def test_gate_is_added_with_all_that_can_be_said_of_it_and_changed_back(queue: RefineryTown) -> None:
    before = _hash(queue)
    made = _json(
        *("gate", "add", RIG, "hosted", "true", "--poll", "5", "--timeout", "60", "--memory", "500"),
        *("--env", "CI_TOKEN", "--env", "CI_URL", "--phase", "post-landing", "--advisory"),
    )
    assert made == {
        "rig": RIG,
        "name": "hosted",
        "command": "true",
        "timeout_s": 60,
        "required": False,
        "phase": "post-landing",
        "poll_s": 5,
        "memory_mb": 500,
        "environment": ["CI_TOKEN", "CI_URL"],
    }
    assert _hash(queue) == before
    assert _verify(queue) == []
    plain = _json(
        *("gate", "set", RIG, "hosted", "--poll", "0", "--timeout", "0", "--memory", "0", "--env", ""),
        *("--phase", "pre-merge", "--required", "--command", "echo 1"),
    )
    assert plain == {
        "rig": RIG,
        "name": "hosted",
        "command": "echo 1",
        "timeout_s": None,
        "required": True,
        "phase": "pre-merge",
        "poll_s": None,
        "memory_mb": None,
        "environment": [],
    }
    assert _hash(queue) != before
    assert "no gate hosted" in _ok("gate", "remove", RIG, "hosted")
    assert _hash(queue) == before
    assert _verify(queue) == []


def test_what_was_said_of_a_gate_stays_when_its_command_changes(queue: RefineryTown) -> None:
    _ok("gate", "add", RIG, "lint", "true", "--advisory")
    _ok("rig", "set", RIG, "--gate", "lint=echo 1")
    lint = next(gate for gate in _json("rig", "show", RIG)["gates"] if gate["name"] == "lint")
    assert (lint["command"], lint["required"]) == ("echo 1", False)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["add", RIG, "check", "true"], 5, "gt gate set"),
        (["add", "nothing", "x", "true"], 4, RIG),
        (["add", RIG, "x", "no-such-program-here"], 4, "no-such-program-here"),
        (["add", RIG, "x", "true", "--env", "A B"], 2, "variable"),
        (["add", RIG, "x", "true", "--env", "GASTOWN_DATABASE_URL"], 2, "town's own"),
        (["add", RIG, "x", "true", "--env", "PGPASSWORD"], 2, "town's own"),
        (["set", RIG, "check", "--env", "TEST_DB_KEY", "--env", "PGHOST"], 2, "gate check: PGHOST"),
        (["add", RIG, "x", "true", "--memory", "1"], 2, "MB"),
        (["set", RIG, "none", "--advisory"], 4, "check"),
        (["set", RIG, "check"], 2, "nothing to change"),
        (["set", RIG, "check", "--advisory"], 2, "keep anything"),
        (["set", RIG, "check", "--phase", "post-landing"], 2, "keep anything"),
        (["remove", RIG, "check"], 2, "only gate"),
        (["run", RIG, "--gate", "none"], 4, "check"),
        (["run", RIG, "--tree", "no-id"], 2, "commit"),
        (["run", RIG, "--tree", "1234567890"], 6, "1234567890"),
        (["log", "77"], 4, "77"),
    ],
)
def test_nothing_changes_when_the_request_is_wrong(queue: RefineryTown, words: list[str], code: int, says: str) -> None:
    before = _json("rig", "show", RIG)["gates"]
    said = _gt("gate", *words)
    assert said[0] == code, said
    assert says in said[2]
    assert _json("rig", "show", RIG)["gates"] == before


@pytest.mark.parametrize("is_stopped", [True, False])
def test_only_a_persons_retry_accepts_a_target_that_was_pushed_back(
    queue: RefineryTown, monkeypatch: pytest.MonkeyPatch, is_stopped: bool
) -> None:
    """Whether the rig has stopped for it by now, or it is the first minute; a change of its gates accepts nothing."""
    if is_stopped:
        monkeypatch.setattr(guard, "LONGEST_LAG", timedelta(0))
    before = queue.target()
    queue.submit({"first.txt": "x\n"})
    queue.settle()
    landed = queue.target()
    run_git(queue.remote, "update-ref", "refs/heads/main", before)
    late = queue.submit({"late.txt": "x\n"})
    queue.step()
    assert (queue.rig().target_state is TargetState.BROKEN) is is_stopped

    _ok("gate", "set", RIG, "check", "--timeout", "20")
    _ok("rig", "set", RIG, "--gate", "check=sh ./check.sh")
    queue.settle()
    assert queue.target() == before
    assert f"without {landed[:10]}, which has landed" in queue.step().waits_for

    _ok("mq", "retry", RIG)
    queue.settle()
    assert queue.request(late).landed_oid == queue.target()
    assert not queue.in_target(landed)
    assert _verify(queue) == []


def test_list_shows_how_each_gate_has_done(queue: RefineryTown) -> None:
    _ok("gate", "add", RIG, "lint", "test ! -f bad.txt", "--advisory")
    queue.submit({"bad.txt": "x\n"})
    queue.settle()
    check, lint = _json("gate", "list", RIG)
    assert (check["name"], check["runs"], check["passed"], check["pass_rate"]) == ("check", 2, 2, 1.0)
    assert check["median_s"] > 0
    assert (lint["required"], lint["runs"], lint["passed"]) == (False, 2, 1)
    assert (lint["last"]["verdict"], lint["last"]["run"]) == ("fail", queue.runs()[-1].id)
    shown = _ok("gate", "list")
    assert "advisory" in shown
    assert "50%" in shown


def test_flake_is_counted_for_the_gate_that_changed_its_mind(queue: RefineryTown, tmp_path: Any) -> None:
    once = f"test -f {tmp_path}/seen || {{ touch {tmp_path}/seen; exit 1; }}"
    _ok("gate", "add", RIG, "flaky", once)
    queue.settle()
    flaky = _json("gate", "list", RIG)[1]
    assert (flaky["runs"], flaky["passed"], flaky["flakes"]) == (2, 1, 1)
    assert queue.runs()[-1].verdict is Verdict.FLAKY


def test_queue_shows_what_advisory_gates_have_against_a_request(queue: RefineryTown) -> None:
    _ok("gate", "add", RIG, "lint", "test ! -f bad.txt", "--advisory")
    queue.settle()
    bead = queue.submit({"bad.txt": "x\n", "check.sh": RED})
    queue.step()
    queue.gate()
    (item,) = _json("mq", "list", RIG)
    assert item["bead"] == bead
    assert item["advice"] == [{"gate": "lint", "why": "exit 1"}]


def test_run_says_red_by_its_exit_code_and_records_nothing(queue: RefineryTown) -> None:
    code, out, _ = _gt("gate", "run", RIG)
    assert code == 0
    assert "check (required): pass" in out
    oid = queue.push_to_target({"check.sh": RED})
    code, out, _ = _gt("gate", "run", RIG, "--json")
    said = json.loads(out)
    assert (code, said["verdict"], said["commit"]) == (1, "fail", oid)
    assert said["results"][0]["tail"] == "it is broken"
    assert _gt("gate", "run", RIG, "--tree", f"{oid}"[:12])[0] == 1
    assert _gt("gate", "run", RIG, "--tree", _parent(queue, oid))[0] == 0
    queue.push_to_target({"check.sh": "no-such-tool-here\n"})
    assert _gt("gate", "run", RIG)[0] == 6
    assert queue.runs() == []


def _parent(town: RefineryTown, oid: str) -> str:
    from tests.support.refinery_town import run_git

    return run_git(town.remote, "rev-parse", f"{oid}~1")


def test_run_takes_a_commit_that_only_an_agent_of_this_host_has(queue: RefineryTown) -> None:
    bead = queue.submit({"check.sh": RED})
    with queue.work() as session:
        from gastown import refinery

        request = refinery.find_open(session, bead)
        assert request is not None
        (head,) = refinery.list_heads(session, request.id or 0)
    assert _gt("gate", "run", RIG, "--tree", head.head_oid)[0] == 1


def test_advisory_gate_alone_can_be_run(queue: RefineryTown) -> None:
    _ok("gate", "add", RIG, "lint", "exit 1", "--advisory")
    assert _gt("gate", "run", RIG)[0] == 0
    assert _gt("gate", "run", RIG, "--gate", "lint")[0] == 1


def test_run_does_not_take_the_slots_of_the_queue(queue: RefineryTown) -> None:
    from gastown.refinery import slots

    town, count = queue.settings.town, queue.settings.gate_runners
    with slots.take(town, RIG, count=1, given_up=lambda: False):
        assert count >= 1
        assert _gt("gate", "run", RIG)[0] == 0


def test_log_shows_lists_and_searches_what_gates_printed(queue: RefineryTown) -> None:
    queue.submit({"check.sh": "echo out; echo 'Needle in err' >&2; printf '\\033[31mred\\033[0m\\n'\n"})
    queue.settle()
    first, second = queue.runs()
    runs = _json("gate", "log")
    assert [(run["run"], run["verdict"], run["gates"]) for run in runs] == [
        (second.id, "pass", {"check": "pass"}),
        (first.id, "pass", {"check": "pass"}),
    ]
    shown = _ok("gate", "log", str(second.id))
    assert "== check: pass" in shown
    assert "\nout\nNeedle in err\nred\n" in shown
    assert "\033" not in shown
    assert _ok("gate", "log", "--grep", "needle") == f"{second.id} check:2: Needle in err\n"
    assert [found["line"] for found in _json("gate", "log", "--grep", "passed", "--rig", RIG)] == [1]
    assert _json("gate", "log", str(second.id), "--grep", "nothing of the kind") == []


def test_log_shows_the_end_when_another_host_has_the_whole(queue: RefineryTown) -> None:
    queue.settle()
    (run,) = queue.runs()
    config.use(replace(queue.settings, host="there"))
    assert "1 passed" in _ok("gate", "log", str(run.id))
    said = _json("gate", "log", str(run.id))
    assert (said["host"], said["gates"][0]["is_whole"], said["gates"][0]["text"]) == ("here", False, "1 passed")
    assert len(_json("gate", "log", "--grep", "1 passed")) == 1


def test_oldest_logs_go_when_there_are_too_many(queue: RefineryTown, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import time

    from gastown.refinery import gate_logs

    folder = gate_logs.logs_folder(queue.settings.town)
    folder.mkdir(parents=True)
    for number, hours in enumerate([5, 4, 0]):
        (folder / f"{number}-x.log").write_text("x" * 100)
        at = time.time() - hours * 3600 - 1
        os.utime(folder / f"{number}-x.log", (at, at))
    monkeypatch.setattr(gate_logs, "MOST_BYTES", 250)
    assert gate_logs.forget_oldest(queue.settings.town) == 1
    monkeypatch.setattr(gate_logs, "MOST_BYTES", 0)
    assert gate_logs.forget_oldest(queue.settings.town) == 1
    assert [path.name for path in folder.iterdir()] == ["2-x.log"]


def test_runners_clean_up_now_and_then(queue: RefineryTown, monkeypatch: pytest.MonkeyPatch) -> None:
    from gastown.refinery import gates

    asked = []
    monkeypatch.setattr(gates, "forget_oldest", asked.append)
    monkeypatch.setattr(gates, "_TIDY_EVERY", 1)
    queue.settle()
    assert asked == [queue.settings.town]
