"""A gate run: claimed once, rebuilt from object ids, bounded, and without a verdict when its runner is lost."""

import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import chain, repeat
from pathlib import Path

import pytest

from gastown import clock, git, refinery, rigs
from gastown.refinery import GateRun, RunState, Verdict, command
from gastown.rigs import GateSpec
from tests.support.refinery_town import RefineryTown

Make = Callable[..., RefineryTown]


def _is_running(mark: str) -> bool:
    """Whether a process has this in its command line; the marks are sleeping times that nobody else sleeps for."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in entry.read_bytes():
                return True
        except OSError:
            continue
    return False


def _mark() -> str:
    return f"{9000 + secrets.randbelow(900)}.{secrets.randbelow(10**8):08}"


def _requested(town: RefineryTown) -> int:
    """The run of the target, asked for."""
    town.step()
    (run,) = town.runs()
    assert run.state is RunState.REQUESTED
    return run.id or 0


def test_whole_process_group_ends_and_the_run_fails_when_a_gate_hangs(make: Make) -> None:
    mark = _mark()
    town = make(gates=(GateSpec("hang", f"sleep {mark}1 & setsid sleep {mark}2 & sleep {mark}3", 1),))
    _requested(town)
    (result,) = town.gate()
    assert result.verdict is Verdict.FAIL
    assert "time" in town.runs()[0].results[0]["why"]
    assert not _is_running(mark)


def test_nothing_is_left_running_when_a_gate_ends_before_its_children(make: Make) -> None:
    mark = _mark()
    town = make(gates=(GateSpec("leave", f"sleep {mark}1 & setsid sleep {mark}2 & echo done", 20),))
    _requested(town)
    began = time.monotonic()
    (result,) = town.gate()
    assert result.verdict is Verdict.PASS
    assert time.monotonic() - began < 10
    assert not _is_running(mark)


def test_log_is_cut_and_keeps_its_end_when_a_gate_prints_without_limit(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "LOG_LIMIT_BYTES", 100_000)
    monkeypatch.setattr(command, "KEPT_BYTES", 50_000)
    town = make(gates=(GateSpec("loud", "yes noise | head -c 1000000; echo; echo 'the last words'", 20),))
    _requested(town)
    town.gate()
    result = town.runs()[0].results[0]
    log = Path(result["log"])
    assert 100_000 < log.stat().st_size < 200_000
    assert log.read_text().endswith("the last words\n")
    assert result["tail"].endswith("the last words")
    assert len(result["tail"]) <= 4096


def test_later_gates_do_not_run_when_one_has_failed(make: Make) -> None:
    town = make(gates=(GateSpec("one", "true"), GateSpec("two", "exit 7"), GateSpec("three", "true")))
    _requested(town)
    town.gate()
    results = town.runs()[0].results
    assert [(result["gate"], result["exit_code"]) for result in results] == [("one", 0), ("two", 7)]


def test_run_is_infrastructures_fault_when_a_gate_is_killed_from_outside(make: Make) -> None:
    town = make(gates=(GateSpec("killed", "kill -9 $$"),))
    _requested(town)
    (result,) = town.gate()
    assert result.verdict is Verdict.INFRASTRUCTURE_ERROR


def test_run_is_infrastructures_fault_when_the_disk_fills_after_it_was_taken(
    town: RefineryTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    _requested(town)
    usage = shutil.disk_usage("/")
    free = chain([usage.total], repeat(1000))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=next(free)))
    (result,) = town.gate()
    assert result.verdict is Verdict.INFRASTRUCTURE_ERROR
    assert "MB" in town.runs()[0].results[0]["why"]


def test_run_is_claimed_by_one_runner_when_several_come(any_town: RefineryTown) -> None:
    from concurrent.futures import ThreadPoolExecutor

    number = _requested(any_town)
    with ThreadPoolExecutor(4) as pool:
        results = list(
            pool.map(
                lambda who: refinery.run_gates(
                    any_town.work, number, settings=any_town.settings, holder=f"runner:{who}"
                ),
                range(4),
            )
        )
    assert [result.claimed for result in results].count(True) == 1
    assert any_town.runs()[0].verdict is Verdict.PASS


def test_run_goes_to_the_next_runner_when_its_holder_is_dead(any_town: RefineryTown) -> None:
    number = _requested(any_town)
    _claim_as_the_dead(any_town, number)
    assert any_town.gate() == []  # nobody takes what is held
    with any_town.work() as session:
        row = session.get_one(GateRun, number)
        row.expires_at = clock.now() - timedelta(hours=1)
        session.add(row)
    with any_town.work() as session:
        refinery.tick_rigs(session)
    assert any_town.bells[-1].args == (number,)
    (result,) = any_town.gate()
    assert result.verdict is Verdict.PASS
    assert any_town.runs()[0].holder == f"gates:{number}"


def test_run_goes_to_the_next_runner_before_its_lease_ends_when_its_holder_died_on_this_host(
    any_town: RefineryTown,
) -> None:
    def free(host: str, dead: str) -> list[int | None]:
        with any_town.work() as session:
            found = refinery.list_orphans(session, host=host, is_dead=lambda holder: holder == dead)
            freed = refinery.free_orphans(session, host=host, is_dead=lambda holder: holder == dead, actor="town")
            assert [run.id for run in found] == [run.id for run in freed]
            return [run.id for run in freed]

    number = _requested(any_town)
    _claim_as_the_dead(any_town, number)

    assert free("here", "the dead") == [], "what other hosts hold is not ours to judge"
    assert free("there", "another") == [], "it lives"
    assert free("there", "the dead") == [number]
    assert free("there", "the dead") == []

    assert any_town.bells[-1].args == (number,)
    (result,) = any_town.gate()
    assert result.verdict is Verdict.PASS


def test_a_tree_under_which_runners_die_is_not_run_for_ever(any_town: RefineryTown) -> None:
    def die(number: int) -> None:
        _claim_as_the_dead(any_town, number)
        with any_town.work() as session:
            refinery.free_orphans(session, host="there", is_dead=lambda _holder: True, actor="town")

    for count in range(1, 4):
        any_town.step()
        number = any_town.runs()[-1].id or 0
        die(number)
        die(number)
        (result,) = any_town.gate()
        assert (result.run_id, result.verdict) == (number, Verdict.INFRASTRUCTURE_ERROR)
        assert "2 workers died" in any_town.runs()[-1].results[0]["why"]
        assert len(any_town.runs()) == count

    any_town.step()

    assert len(any_town.runs()) == 3, "the queue has stopped, and tries again after a pause"


def test_one_death_of_a_runner_is_forgiven(any_town: RefineryTown) -> None:
    number = _requested(any_town)
    _claim_as_the_dead(any_town, number)
    with any_town.work() as session:
        refinery.free_orphans(session, host="there", is_dead=lambda _holder: True, actor="town")

    (result,) = any_town.gate()

    assert result.verdict is Verdict.PASS


def test_planned_stops_of_runners_do_not_count_as_deaths(any_town: RefineryTown) -> None:
    from gastown.refinery import gate_runs

    number = _requested(any_town)
    for _ in range(4):
        _claim_as_the_dead(any_town, number)
        with any_town.work() as session:
            gate_runs.put_back(session, number, holder="the dead", actor="town")

    (result,) = any_town.gate()

    assert result.verdict is Verdict.PASS


def _claim_as_the_dead(town: RefineryTown, number: int) -> None:
    from gastown.refinery import gate_runs

    with town.work() as session:
        assert gate_runs.claim(session, number, holder="the dead", host="there", ttl_s=60) is not None


def test_nothing_is_recorded_and_the_gate_ends_when_its_runner_loses_the_run(make: Make, tmp_path: Path) -> None:
    started, mark = tmp_path / "started", _mark()
    town = make(gates=(GateSpec("slow", f"touch {started}; sleep {mark}", 60),))
    with town.work() as session:
        from gastown import policy

        policy.set_value(session, "lease.heartbeat_s", "1", actor="somebody")
    number = _requested(town)

    def rob() -> bool:
        if started.exists() and town.runs()[0].holder != "the other":
            with town.work() as session:
                row = session.get_one(GateRun, number)
                row.holder = "the other"
                session.add(row)
        return False

    result = refinery.run_gates(town.work, number, settings=town.settings, holder="me", stopping=rob)
    assert result.lost
    assert result.verdict is None
    assert town.runs()[0].state is RunState.RUNNING
    assert town.runs()[0].holder == "the other"
    assert not _is_running(mark)


def test_run_is_put_back_at_once_when_its_worker_stops(make: Make, tmp_path: Path) -> None:
    started, mark = tmp_path / "started", _mark()
    town = make(gates=(GateSpec("slow", f"test -f {started} || {{ touch {started}; sleep {mark}; }}", 60),))
    number = _requested(town)
    result = refinery.run_gates(
        town.work, number, settings=town.settings, holder="me", stopping=lambda: started.exists()
    )
    assert result.lost
    assert town.runs()[0].state is RunState.REQUESTED
    assert not _is_running(mark)
    assert town.gate()[0].verdict is Verdict.PASS


def test_a_full_disk_takes_no_run_and_gives_no_verdict(make: Make) -> None:
    """Not even one that says that it could not run: those are counted, and stop the queue for a while."""
    from gastown import policy

    town = make(gates=(GateSpec("check", "echo done", 20),))
    number = _requested(town)
    with town.work() as session:
        policy.set_value(session, "disk.floor_mb", "10000000", actor="ada")
    result = refinery.run_gates(town.work, number, settings=town.settings, holder="me")
    assert not result.claimed
    assert town.runs()[0].state is RunState.REQUESTED
    with town.work() as session:
        policy.set_value(session, "disk.floor_mb", "0", actor="ada")
    assert town.gate()[0].verdict is Verdict.PASS


def test_another_host_rebuilds_the_very_tree_when_it_has_only_the_remote(town: RefineryTown) -> None:
    bead = town.submit({"b.txt": "two\n"})
    branch = f"polecat/nux/{bead}@1"
    from tests.support.refinery_town import run_git

    run_git(town.person, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
    elsewhere = town.root / "elsewhere"
    elsewhere.mkdir()
    there = replace(town.settings, town=elsewhere, host="there")
    for _ in range(3):
        town.step()
        town.gate(settings=there)
    town.step()
    assert town.landed == [bead]
    assert {run.host for run in town.runs()} == {"there"}
    assert not rigs.gates_dir(town.settings.town, "app").exists()
    assert rigs.land_git(elsewhere, "app").exists()


def test_nothing_is_tested_when_a_host_builds_another_tree(town: RefineryTown) -> None:
    number = _requested(town)
    with town.work() as session:
        row = session.get_one(GateRun, number)
        row.tree_oid = "1" * 40
        session.add(row)
    (result,) = town.gate()
    assert result.verdict is Verdict.INFRASTRUCTURE_ERROR
    assert "tree" in town.runs()[0].results[0]["why"]


def test_candidate_lands_on_another_host_when_the_first_that_built_it_is_gone(town: RefineryTown) -> None:
    bead = town.submit({"b.txt": "two\n"})
    town.step()
    town.gate()
    town.step()
    gated = town.request(bead).tree_oid
    town.gate()
    from tests.support.refinery_town import run_git

    run_git(town.person, "push", "--quiet", "origin", f"HEAD:refs/heads/polecat/nux/{bead}@1")
    shutil.rmtree(town.land)
    shutil.rmtree(town.work_git)
    town.step()
    landed = town.request(bead).landed_oid
    assert (landed, git.tree_of(town.remote, landed)) == (town.target(), gated)


def test_run_is_called_off_when_the_gates_were_changed_meanwhile(town: RefineryTown) -> None:
    _requested(town)
    with town.work() as session:
        rigs.update(session, "app", actor="somebody", setup_command="true")
    assert town.gate()[0].verdict is None
    assert town.runs()[0].state is RunState.CANCELLED
    town.settle()
    assert town.runs()[-1].verdict is Verdict.PASS


def test_tree_is_clean_when_an_earlier_gate_left_things_in_it(make: Make) -> None:
    left = 'test -z "$(ls left* 2>/dev/null)" && touch left ignored.o && mkdir leftdir && chmod 500 leftdir'
    files: dict[str, str | None] = {".gitignore": "*.o\n", "a.txt": "one\n"}
    town = make(files=files, gates=(GateSpec("check", f"test ! -f ignored.o && {left}"),))
    bead = town.submit({"b.txt": "two\n"})
    town.settle()
    assert town.landed == [bead]
    assert [run.verdict for run in town.runs()] == [Verdict.PASS, Verdict.PASS]


def test_gates_see_a_repository_at_the_candidate_when_they_ask_git(make: Make) -> None:
    town = make(gates=(GateSpec("check", 'git log -1 --format=%s && test -z "$(git status --porcelain)"'),))
    town.submit({"b.txt": "two\n"})
    town.settle()
    assert [run.verdict for run in town.runs()] == [Verdict.PASS, Verdict.PASS]
    assert git.tree_of(town.remote, town.target()) == town.runs()[-1].tree_oid
