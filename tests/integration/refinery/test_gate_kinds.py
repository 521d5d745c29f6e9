"""Gates that advise, that look at what has landed, that wait for an external check, and what each may use."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from gastown import refinery, replay, rigs
from gastown.refinery import RunState, Verdict, advice
from gastown.rigs import GatePhase, GateSpec, TargetState
from tests.support.refinery_town import GATE, RED, RIG, RefineryTown

Make = Callable[..., RefineryTown]
ADVICE = GateSpec("lint", "echo 'unused import'; test ! -f bad.txt", is_required=False)
LANDED = GateSpec("smoke", "test ! -f smoke.txt", phase=GatePhase.POST_LANDING)
INFRA = Verdict.INFRASTRUCTURE_ERROR


def _results(town: RefineryTown, run: int = -1) -> dict[str, dict[str, object]]:
    return {str(result["gate"]): result for result in town.runs()[run].results}


def _verify(town: RefineryTown) -> list[str]:
    """Rows that the log does not rebuild, of the tables that gates are in."""
    with town.work() as session:
        return [str(one) for one in replay.verify(session) if one.table in ("gates", "gate_runs", "rigs")]


def _with_gates(make: Make, *gates: GateSpec, **values: object) -> RefineryTown:
    return make(gates=gates, **values)


# advisory


def test_change_lands_when_only_an_advisory_gate_is_red(make: Make) -> None:
    town = _with_gates(make, GATE, ADVICE)
    bead = town.submit({"bad.txt": "x\n"})
    town.settle()
    assert town.landed == [bead]
    assert town.runs()[-1].verdict is Verdict.PASS
    lint = _results(town)["lint"]
    assert (lint["verdict"], lint["is_advisory"]) == ("fail", True)
    assert not town.red()
    assert _verify(town) == []


def test_verdict_is_out_before_an_advisory_gate_has_run(make: Make, tmp_path: Path) -> None:
    mark = tmp_path / "verdict"
    wait = f"for i in 1 2 3 4 5 6 7 8 9; do test -f {mark} && exit 0; sleep 0.3; done; exit 1"
    town = _with_gates(make, GATE, GateSpec("slow", wait, is_required=False))
    town.step()

    def look() -> bool:
        if town.runs()[0].state is RunState.FINISHED:
            mark.touch()
        return False

    number = town.runs()[0].id or 0
    refinery.run_gates(town.work, number, settings=town.settings, holder="me", stopping=look)
    assert _results(town)["slow"]["verdict"] == "pass"


def test_verdict_stays_when_the_worker_stops_at_an_advisory_gate(make: Make, tmp_path: Path) -> None:
    started = tmp_path / "started"
    town = _with_gates(make, GATE, GateSpec("slow", f"touch {started}; sleep 60", is_required=False))
    town.step()
    number = town.runs()[0].id or 0
    result = refinery.run_gates(town.work, number, settings=town.settings, holder="me", stopping=started.exists)
    assert (result.verdict, result.lost) == (Verdict.PASS, False)
    assert [*_results(town)] == ["check"]


def test_advisory_gate_does_not_hold_up_when_its_tool_is_missing(make: Make) -> None:
    town = _with_gates(make, GATE, GateSpec("lint", "no-such-tool-here", is_required=False))
    bead = town.submit({"b.txt": "x\n"})
    town.settle()
    assert town.landed == [bead]
    assert _results(town)["lint"]["verdict"] == INFRA.value


def test_advisory_gate_gives_way_when_a_run_waits_for_its_runner(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advice, "PATIENCE", timedelta(0))
    monkeypatch.setattr(advice, "LOOK_EVERY_S", 0.1)
    started = tmp_path / "started"
    quick = GateSpec("quick", "true", is_required=False)
    slow = GateSpec("slow", f"touch {started}; sleep 60", is_required=False)
    town = _with_gates(make, GATE, quick, slow, GateSpec("last", "true", is_required=False))
    town.step()
    number = town.runs()[0].id or 0

    def ask_for_another() -> bool:
        if started.exists() and len(town.runs()) == 1:
            town.push_to_target({"c.txt": "x\n"})
            town.step()
        return False

    began = time.monotonic()
    result = refinery.run_gates(town.work, number, settings=town.settings, holder="me", stopping=ask_for_another)
    assert time.monotonic() - began < 30
    assert (result.verdict, [*_results(town, 0)]) == (Verdict.PASS, ["check", "quick"])
    assert _verify(town) == []


def test_rework_tells_of_advisory_gates_that_are_red_too(make: Make) -> None:
    town = _with_gates(make, GATE, ADVICE)
    bead = town.submit({"check.sh": RED, "bad.txt": "x\n"})
    town.settle()
    rework = town.attempts(bead)[-1].rework
    assert (rework["gate"], [advice["gate"] for advice in rework["advice"]]) == ("check", ["lint"])
    assert town.rig().target_state is TargetState.GREEN


def test_old_verdicts_stay_valid_when_an_advisory_gate_is_added(town: RefineryTown) -> None:
    town.settle()
    with town.work() as session:
        rigs.set_gates(session, RIG, [GATE, ADVICE], no_gates=False, actor="somebody")
    town.settle()
    assert len(town.runs()) == 1


# what has landed


def test_queue_stops_and_nobody_is_blamed_when_what_landed_fails(make: Make) -> None:
    town = _with_gates(make, GATE, LANDED)
    town.settle()
    first = town.submit({"smoke.txt": "x\n"})
    town.settle()
    assert town.landed == [first]
    second = town.submit({"b.txt": "x\n"})
    town.settle()
    assert town.landed == [first]
    assert town.rig().target_state is TargetState.RED
    assert town.request(second).retries == 0
    town.push_to_target({"smoke.txt": None})
    town.settle()
    assert town.landed == [first, second]
    assert town.rig().target_state is TargetState.GREEN
    assert not town.red()
    assert _verify(town) == []


def test_advisory_gate_for_what_has_landed_is_run_and_stops_nothing(make: Make) -> None:
    town = _with_gates(make, GATE, GateSpec("smoke", "exit 1", phase=GatePhase.POST_LANDING, is_required=False))
    bead = town.submit({"b.txt": "x\n"})
    town.settle()
    assert (town.landed, town.rig().target_state) == ([bead], TargetState.GREEN)
    assert [_results(town)[gate]["verdict"] for gate in _results(town)] == ["fail"]
    with town.work() as session:
        (figures,) = [row for row in refinery.gate_figures(session, RIG) if row.gate.name == "smoke"]
    assert (figures.runs, figures.passed) == (2, 0)


def test_train_goes_on_while_the_gate_for_what_landed_says_nothing_yet(make: Make) -> None:
    town = _with_gates(make, GATE, LANDED)
    town.step()
    _gate_only(town, landed=False)
    bead = town.submit({"b.txt": "x\n"})
    for _ in range(3):
        town.step()
        _gate_only(town, landed=False)
    assert town.landed == [bead]
    assert town.rig().target_state is TargetState.UNKNOWN
    town.settle()
    assert town.rig().target_state is TargetState.GREEN


def _gate_only(town: RefineryTown, *, landed: bool) -> None:
    for run in town.runs():
        if run.state is RunState.REQUESTED and run.config_hash.startswith(rigs.LANDED_MARK) is landed:
            refinery.run_gates(town.work, run.id or 0, settings=town.settings, holder="gates")


def test_verdict_of_what_landed_lets_nothing_land(make: Make) -> None:
    """The tree of a change that passes the one and not the other must not count as green."""
    town = _with_gates(make, GATE, LANDED)
    town.settle()
    oid = town.push_to_target({"check.sh": RED})
    with town.work() as session:
        from gastown.refinery.gate_runs import Wanted, finish, request
        from gastown.refinery.models import GateRun

        row, gates = rigs.get(session, RIG), rigs.list_gates(session, RIG)
        tree = _tree(town, oid)
        wanted = Wanted(RIG, oid, oid, tree, rigs.landed_hash(row, gates))
        run = request(session, wanted, attempt=1, actor="somebody")
        session.get_one(GateRun, run.id).state = RunState.RUNNING
        session.get_one(GateRun, run.id).holder = "me"
        session.flush()
        finish(session, run.id or 0, holder="me", verdict=Verdict.PASS, results=[])
    town.submit({"b.txt": "x\n"})
    town.settle()
    assert (town.landed, town.rig().target_state) == ([], TargetState.RED)
    assert [commit.oid for commit in town.red()] == [oid]


def _tree(town: RefineryTown, oid: str) -> str:
    from tests.support.refinery_town import run_git

    return run_git(town.remote, "rev-parse", f"{oid}^{{tree}}")


# an external check


def _poll(folder: Path, codes: str, timeout_s: int = 30) -> GateSpec:
    """A check that exits with one code after the other, the last one again and again."""
    count = f"echo asked >> {folder}/asked; n=$(wc -l < {folder}/asked); set -- {codes}"
    ask = f"{count}; [ $n -gt $# ] && n=$#; shift $((n-1)); exit $1"
    return GateSpec("hosted", ask, timeout_s, poll_s=1)


def _asked(folder: Path) -> int:
    return len((folder / "asked").read_text().splitlines())


@pytest.mark.parametrize(("codes", "verdict", "asked"), [("75 75 0", Verdict.PASS, 3), ("75 1", Verdict.FAIL, 2)])
def test_external_check_is_asked_until_it_says(
    make: Make, tmp_path: Path, codes: str, verdict: Verdict, asked: int
) -> None:
    town = _with_gates(make, GATE, _poll(tmp_path, codes))
    town.step()
    (result,) = town.gate()
    assert result.verdict is verdict
    assert _asked(tmp_path) == asked


@pytest.mark.parametrize(("codes", "why"), [("75", "no answer in its time"), ("6", "exit 6 is no answer")])
def test_external_check_blames_nobody_when_it_gives_no_answer(make: Make, tmp_path: Path, codes: str, why: str) -> None:
    town = _with_gates(make, GATE, _poll(tmp_path, codes, timeout_s=2))
    town.step()
    (result,) = town.gate()
    assert result.verdict is INFRA
    assert why in str(_results(town)["hosted"]["why"])


@pytest.mark.parametrize("silence", ["exit 75", "exit 6", "kill -9 $$"])
def test_nobody_goes_back_when_the_external_check_answers_for_the_target_alone(
    make: Make, tmp_path: Path, silence: str
) -> None:
    """Its service takes up no change just now; that the target passed long ago says nothing of this one."""
    up = tmp_path / "up"
    ask = f"test ! -e b.txt && exit 0; test -e {up} && exit 0; {silence}"
    town = _with_gates(make, GATE, GateSpec("hosted", ask, 1, poll_s=1))
    town.settle()
    runs = len(town.runs())
    bead = town.submit({"b.txt": "x\n"})
    town.settle()
    assert (town.request(bead).retries, town.rig().target_state) == (0, TargetState.BROKEN)
    assert len(town.runs()) == runs + 3  # no control run
    assert "an external check does not answer" in town.step().waits_for
    up.touch()
    with town.work() as session:
        refinery.retry(session, RIG, actor="ada")
    town.settle()
    assert (town.landed, town.rig().target_state) == ([bead], TargetState.GREEN)
    assert _verify(town) == []


def test_change_that_takes_the_external_checks_script_away_goes_back(make: Make) -> None:
    town = make(files={"ask.sh": "exit 0\n"}, gates=(GateSpec("hosted", "sh ask.sh", 10, poll_s=1),))
    bead = town.submit({"ask.sh": None, "b.txt": "x\n"})
    town.settle()
    assert town.attempts(bead)[-1].rework["kind"] == "gates_cannot_run"
    assert town.rig().target_state is TargetState.GREEN


def test_external_check_does_not_pass_when_its_tool_is_missing(make: Make) -> None:
    town = _with_gates(make, GATE, GateSpec("hosted", 'test "$(no-such-hub status)" != failure', 5, poll_s=1))
    town.step()
    (result,) = town.gate()
    assert result.verdict is INFRA
    assert "no-such-hub" in str(_results(town)["hosted"]["why"])


def test_external_check_that_hangs_ends_with_its_time(make: Make) -> None:
    town = _with_gates(make, GATE, GateSpec("hosted", "sleep 60", 1, poll_s=1))
    town.step()
    began = time.monotonic()
    (result,) = town.gate()
    assert result.verdict is INFRA
    assert time.monotonic() - began < 10


def test_waiting_ends_at_once_when_the_worker_stops(make: Make, tmp_path: Path) -> None:
    town = _with_gates(make, GATE, GateSpec("hosted", f"touch {tmp_path}/asked; exit 75", 600, poll_s=300))
    town.step()
    began = time.monotonic()
    result = refinery.run_gates(
        town.work,
        town.runs()[0].id or 0,
        settings=town.settings,
        holder="me",
        stopping=(tmp_path / "asked").exists,
    )
    assert result.lost
    assert time.monotonic() - began < 10
    assert town.runs()[0].state is RunState.REQUESTED


def test_gates_are_told_what_they_test(make: Make) -> None:
    say = 'test "$(git rev-parse HEAD)" = "$GATE_COMMIT" && test "$(git rev-parse HEAD^{tree})" = "$GATE_TREE"'
    town = _with_gates(make, GateSpec("told", f'{say} && test "$GATE_BRANCH" = main && test -n "$GATE_BASE"'))
    bead = town.submit({"b.txt": "x\n"})
    town.settle()
    assert town.landed == [bead]


# what gates may use


def test_only_variables_that_were_named_reach_a_gate_and_their_values_no_log(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_TOKEN", "s3cr3t-value")
    monkeypatch.setenv("OTHER_TOKEN", "another-value")
    say = 'echo "token $CI_TOKEN other <$OTHER_TOKEN>"; test -n "$CI_TOKEN"'
    town = _with_gates(make, GateSpec("named", say, environment=("CI_TOKEN",)), GateSpec("not", 'test -z "$CI_TOKEN"'))
    town.step()
    assert town.gate()[0].verdict is Verdict.PASS
    named = _results(town)["named"]
    assert named["tail"] == Path(str(named["log"])).read_text().strip() == "token [hidden] other <>"
    with town.work() as session:
        assert "s3cr3t" not in str([run.results for run in town.runs()])
        assert rigs.list_gates(session, RIG)[0].environment == ["CI_TOKEN"]
    assert _verify(town) == []


def test_gate_that_takes_too_much_memory_could_not_run(make: Make) -> None:
    take = "python3 -c 'x = bytearray(600_000_000); print(len(x))'"
    town = _with_gates(make, GateSpec("greedy", take, 30, memory_mb=300))
    town.step()
    (result,) = town.gate()
    assert result.verdict is INFRA
    assert "memory" in str(_results(town)["greedy"]["why"])
    roomy = _with_gates_changed(town, GateSpec("greedy", take, 30, memory_mb=2000))
    assert roomy.gate()[0].verdict is Verdict.PASS


def _with_gates_changed(town: RefineryTown, *gates: GateSpec) -> RefineryTown:
    with town.work() as session:
        rigs.set_gates(session, RIG, gates, no_gates=False, actor="somebody")
    town.step()
    return town


def test_what_a_gate_left_at_home_is_gone_and_its_caches_stay(make: Make) -> None:
    left = "mkdir -p ~/.config ~/.local && touch ~/.gitconfig ~/.config/x ~/.local/x && chmod 500 ~/.config"
    clean = "test ! -e ~/.gitconfig && test ! -e ~/.config && test ! -e ~/.local"
    town = _with_gates(make, GateSpec("check", f"{clean} && {left} && test -d ~/.cache && echo 1 >> ~/.cache/count"))
    bead = town.submit({"b.txt": "x\n"})
    town.settle()
    assert town.landed == [bead]
    cached = rigs.gates_dir(town.settings.town, RIG) / "home" / ".cache" / "count"
    assert len(cached.read_text().splitlines()) == 2


@pytest.mark.parametrize("store", [".m2/repository", ".nuget/packages", ".ivy2/cache", ".pub-cache/bin"])
def test_package_that_one_change_built_is_not_there_for_the_next(make: Make, store: str) -> None:
    """A tool that puts what it built itself beside what it fetched."""
    town = make(
        files={"a.txt": "x\n"}, gates=(GateSpec("check", f"test ! -e ~/{store}/own && mkdir -p ~/{store}/own"),)
    )
    bead = town.submit({"b.txt": "x\n"})
    town.settle()
    assert town.landed == [bead]


def test_gate_finds_the_signals_of_broken_pipes_and_large_files_as_a_terminal_gives_them(make: Make) -> None:
    """Ignored, as Python's own are, they let a writer go on for ever whose reader has gone."""
    town = make(gates=(GateSpec("check", "while :; do echo y; done | head -n 1; grep SigIgn /proc/self/status", 10),))
    town.step()
    assert town.gate()[0].verdict is Verdict.PASS
    first, ignored = str(_results(town)["check"]["tail"]).splitlines()
    assert first == "y"
    assert not int(ignored.split()[1], 16) & (1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1))


def test_gate_of_the_change_itself_is_what_tests_it(make: Make) -> None:
    """A change to the script that the gate runs is judged by its own script, and by nothing of an earlier tree."""
    town = make(files={"check.sh": "test ! -f extra.sh || sh extra.sh\n", ".gitignore": "extra.sh\n"})
    town.settle()
    bead = town.submit({"check.sh": "echo > extra.sh 'exit 1'; test -f a.txt\n", "a.txt": "x\n"})
    town.settle()
    other = town.submit({"check.sh": "test ! -e extra.sh\n"})
    town.settle()
    assert town.landed == [bead, other]


def test_nothing_that_daemonises_itself_outlives_its_gate(make: Make, tmp_path: Path) -> None:
    """Forked twice, with a session, a folder and an environment of its own."""
    said = tmp_path / "pid"
    daemon = (
        "import os, sys, time\n"
        "if os.fork(): os._exit(0)\n"
        "os.setsid()\n"
        "if os.fork(): os._exit(0)\n"
        "os.chdir('/')\n"
        f"open({str(said)!r}, 'w').write(str(os.getpid()))\n"
        "os.closerange(0, 100)\n"
        "os.execve(sys.executable, ['python3', '-c', 'import time; time.sleep(60)'], {})\n"
    )
    town = make(files={"daemon.py": daemon}, gates=(GateSpec("leave", f"python3 daemon.py; sleep 0.5; cat {said}"),))
    town.step()
    assert town.gate()[0].verdict is Verdict.PASS
    _until(lambda: not _lives(int(said.read_text())))


def test_gate_ends_with_its_runner_when_that_is_killed(tmp_path: Path) -> None:
    said = tmp_path / "pid"
    runner = (
        "import os\n"
        "from pathlib import Path\n"
        "import gastown.tables\n"
        "from gastown.refinery.command import Limits, Shell, run\n"
        f"here = Path({str(tmp_path)!r})\n"
        "shell = Shell(here, here, here, here, os.environ)\n"
        f"text = 'setsid sh -c \"echo \\$\\$ > {said}; exec sleep 60\"'\n"
        "run(shell, text, log=here / 'log', limits=Limits(60), given_up=lambda: False)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", runner])
    _until(lambda: said.exists() and said.read_text().strip() != "")
    process.kill()
    process.wait(10)
    _until(lambda: not _lives(int(said.read_text())))


def _until(is_so: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
