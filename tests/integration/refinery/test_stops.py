"""A merge queue whose rig is stopped or docked."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlmodel import Session, select

from gastown import git, policy, refinery
from gastown.refinery import GateRun, IntentState, LandingIntent, RequestState, RunState
from gastown.town import halts
from tests.support.refinery_town import GREEN, RIG, Crash, RefineryTown

Make = Callable[..., RefineryTown]


def stop(town: RefineryTown, *, rig: str | None = None) -> None:
    with town.work() as session:
        halts.stop(session, actor="pat", rig=rig, why="fire")


def thaw(town: RefineryTown, *, rig: str | None = None) -> None:
    with town.work() as session:
        halts.thaw(session, actor="pat", rig=rig)


def open_intents(town: RefineryTown) -> int:
    with town.work() as session:
        return len(session.exec(select(LandingIntent).where(LandingIntent.state == IntentState.OPEN)).all())


def test_nothing_is_pushed_while_the_town_is_stopped_and_all_lands_afterwards(any_town: RefineryTown) -> None:
    first, second = any_town.submit({"a.txt": "1"}), any_town.submit({"b.txt": "2"})
    any_town.step()
    before = any_town.target()
    stop(any_town)
    any_town.gate()
    any_town.step()
    assert any_town.target() == before
    assert "gt thaw" in any_town.step().waits_for
    any_town.bells.clear()
    thaw(any_town)
    assert any(bell.args == (RIG,) for bell in any_town.bells)
    any_town.settle()
    assert any_town.landed == [first, second]
    assert any_town.red() == []


def test_a_green_change_is_not_pushed_when_the_stop_comes_right_before_the_push(town: RefineryTown) -> None:
    bead = town.submit({"a.txt": "1"})
    town.step()
    town.gate()
    town.step()
    town.gate()
    before = town.target()

    @contextlib.contextmanager
    def work() -> Iterator[Session]:
        with town.work() as session:
            yield session
        if open_intents(town):  # the intent has just been committed: somebody stops the town now
            stop(town, rig=RIG)

    town.step(work=work)
    assert town.target() == before
    assert open_intents(town) == 1
    assert town.request(bead).state is RequestState.LANDING
    thaw(town, rig=RIG)
    town.settle()
    assert town.landed == [bead]
    assert open_intents(town) == 0


def test_a_push_that_had_arrived_before_the_stop_is_booked_during_it(
    town: RefineryTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    bead = town.submit({"a.txt": "1"})
    push = git.push_landing

    def push_and_die(land: Path, landing: git.Landing) -> object:
        push(land, landing)
        raise Crash

    monkeypatch.setattr(git, "push_landing", push_and_die)
    with pytest.raises(Crash):
        town.settle()
    assert open_intents(town) == 1
    stop(town)
    town.step()
    assert town.request(bead).state is RequestState.LANDED
    assert open_intents(town) == 0


def test_no_gate_starts_while_the_rig_is_stopped(any_town: RefineryTown) -> None:
    any_town.submit({"a.txt": "1"})
    any_town.step()
    stop(any_town, rig=RIG)
    assert [result.claimed for result in any_town.gate()] == [False]
    thaw(any_town, rig=RIG)
    assert all(result.claimed for result in any_town.gate())


def test_gates_that_run_are_ended_without_a_verdict_by_a_stop_and_run_again(make: Make) -> None:
    town = make()
    with town.work() as session:
        policy.set_value(session, "lease.heartbeat_s", "1", actor="pat")
    started = town.root / "started"
    slow = f"test -e {started} || {{ touch {started}; sleep 60; }}\n{GREEN}"
    town.push_to_target({"check.sh": slow})
    town.submit({"a.txt": "1"})
    town.step()
    results: list[refinery.GateRunResult] = []
    runner = threading.Thread(target=lambda: results.extend(town.gate()))
    runner.start()
    deadline = threading.Event()
    while not started.exists() and runner.is_alive():
        deadline.wait(0.05)
    stop(town, rig=RIG)
    runner.join(20)
    assert not runner.is_alive()
    assert [(result.lost, result.verdict) for result in results] == [(True, None)]
    with town.work() as session:
        assert [run.state for run in session.exec(select(GateRun))] == [RunState.REQUESTED]
    thaw(town, rig=RIG)
    town.settle()
    assert len(town.landed) == 1


def test_a_docked_rig_boards_nothing_and_lands_what_was_tested(town: RefineryTown) -> None:
    first = town.submit({"a.txt": "1"})
    town.step()
    town.gate()
    town.step()
    second = town.submit({"b.txt": "2"})
    with town.work() as session:
        halts.dock(session, RIG, actor="pat")
    town.settle()
    assert town.landed == [first]
    assert town.request(second).state is RequestState.QUEUED
    assert "docked" in town.step().waits_for
    with town.work() as session:
        halts.undock(session, RIG, actor="pat")
    town.settle()
    assert town.landed == [first, second]
    assert git.is_ancestor(town.remote, town.request(first).landed_oid or "", town.target())
