"""A train with riders of every kind: whoever dies on its way, each of them ends as if nobody had."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from gastown import git, refinery
from gastown.db.unit_of_work import reading, transact
from gastown.queue import Task
from gastown.refinery.queries import find_open_intent, list_in_queue, list_open_runs
from tests.integration.crashpoints.conftest import Make
from tests.support.crashpoints import (
    EVERY_BOUNDARY,
    LOOK_S,
    MOST_LOOKS,
    CrashTown,
    Fate,
    Fuse,
    Share,
    WorkerProcess,
    in_fork,
    shares,
)
from tests.support.refinery_town import RIG, run_git

Riders = Mapping[str, str]
"""The bead of each kind of rider."""
Act = Callable[[WorkerProcess], Any]

NOTHING = "true"
CHECK = "! ls bad* 2>/dev/null && echo '1 passed'\n"
MOST = 5000
# One boundary of so many in a run that does not ask for all: prime, so that other runs of the gates are met each time.
STRIDE = 1 if EVERY_BOUNDARY else 151
RECOVERY_STRIDE = 1 if EVERY_BOUNDARY else 131
QUEUE = (Task.REFINERY_STEP, Task.GATE_RUN)


def _town(make: Make, kind: str = "sqlite") -> CrashTown:
    crashed = make(NOTHING, kind=kind, gated=True)
    crashed.base.push_to_target({"check.sh": CHECK})
    crashed.do(_settle)
    return crashed


def _riders(crashed: CrashTown) -> Riders:
    """Four that wait: two are good, one conflicts with the first, one turns the gates red."""
    mark, base = crashed.base, crashed.base.target()
    name = base[:12]
    run_git(mark.person, "fetch", "--quiet", "origin")
    return {
        "good": mark.submit({"a.txt": f"{name}\n"}, base=base),
        "clash": mark.submit({"a.txt": f"not {name}\n"}, base=base),
        "bad": mark.submit({f"bad-{name}": "x"}, base=base),
        "last": mark.submit({f"last-{name}": "x"}, base=base),
    }


def _travel(worker: WorkerProcess) -> None:
    """Step, and answer what rings for the queue; agents that are asked for rework are left to others."""
    worker.step()
    while worker.bells:
        bell = worker.bells.popleft()
        if bell.task in QUEUE:
            worker.answer(bell)


def _settle(worker: WorkerProcess) -> None:
    """What ticks and workers do after a worker has died, until the queue is at rest."""
    for _ in range(MOST_LOOKS):
        worker.bells.extend(transact(refinery.tick_rigs))
        _travel(worker)
        if _is_at_rest():
            return
        worker.town.clock.advance(LOOK_S)
    raise AssertionError("the train does not come to rest")


def _is_at_rest() -> bool:
    with reading() as session:
        return not (list_in_queue(session, RIG) or find_open_intent(session, RIG) or list_open_runs(session, RIG))


def _facts(crashed: CrashTown, riders: Riders) -> dict[str, dict[str, Any]]:
    """How each rider ended, as far as no name, number or time is in it."""
    town = crashed.base
    log = run_git(town.remote, "log", "--first-parent", "--format=%(trailers:key=Bead,valueonly)", "main").split()
    facts = {}
    for kind, bead in riders.items():
        kinds, request = town.kinds(bead), town.request(bead)
        facts[kind] = {
            "state": (request.state.value, request.retries, request.seat, request.aside_at),
            "bead": town.bead(bead).status,
            "events": {name: kinds.count(name) for name in ("request.landed", "request.returned", "bead.closed")},
            "commits": log.count(bead),
            "rework": [row.rework.get("kind") for row in town.attempts(bead) if row.rework],
        }
        if request.landed_oid:
            assert town.in_target(request.landed_oid)
    return facts


def _expected(crashed: CrashTown) -> dict[str, dict[str, Any]]:
    """How they end where nobody dies."""
    riders = _riders(crashed)
    crashed.do(_travel)
    crashed.do(_settle)
    facts = _facts(crashed, riders)
    assert [facts[kind]["state"][:2] for kind in riders] == [
        ("landed", 0),
        ("returned", 1),
        ("returned", 1),
        ("landed", 0),
    ]
    assert (facts["clash"]["rework"], facts["bad"]["rework"]) == (["conflict"], ["red"])
    return facts


def _crash_everywhere(
    crashed: CrashTown, start: Callable[[CrashTown], Riders], act: Act, *, share: Share, stride: int
) -> int:
    """Kill a worker at every boundary of `act` in turn; returns how many boundaries there were."""
    expected, wrong = _expected(crashed), []
    for number in range(1 + (share.first - 1) * stride, MOST, share.of * stride):
        riders = start(crashed)
        fate: Fate = in_fork(crashed.worker, act, Fuse(number))
        crashed.do(_settle)
        found = _facts(crashed, riders)
        wrong += [
            f"{number}, {fate.killed_at}: {kind} is {found[kind]}, not {expected[kind]}"
            for kind in expected
            if found[kind] != expected[kind]
        ]
        if not fate.killed_at:
            assert not wrong, "\n".join(wrong)
            assert crashed.base.red() == []
            return number
    raise AssertionError(f"more than {MOST} boundaries")


@pytest.mark.parametrize("share", shares(2), ids=lambda share: f"{share.first}of{share.of}")
def test_every_rider_ends_as_it_should_when_the_worker_is_killed_anywhere_on_the_way(make: Make, share: Share) -> None:
    """Board, ask, run, land, set aside, run again, return: the whole way of a train."""
    crashed = _town(make)
    assert _crash_everywhere(crashed, _riders, _travel, share=share, stride=STRIDE) > 100


def _left_open(arrived: bool) -> Callable[[CrashTown], Riders]:
    """Their worker died in the middle of the push of the first ones, which arrived or did not."""

    def start(crashed: CrashTown) -> Riders:
        riders, fuse = _riders(crashed), Fuse(0)

        def die(*args: Any) -> None:
            if arrived:
                real(*args)
            fuse.burn("around the push")

        def travel(worker: WorkerProcess) -> None:
            git.push_landing = die  # type: ignore[assignment] # of a fork
            _travel(worker)

        real = git.push_landing
        assert in_fork(crashed.worker, travel, fuse).killed_at
        crashed.clock.advance(3 * LOOK_S)  # its lease ends
        return riders

    return start


@pytest.mark.parametrize(
    ("kind", "arrived"),
    [("sqlite", True), ("postgresql", False)],
    ids=["arrived", "lost"],
)
def test_a_landing_is_settled_once_when_those_who_recover_it_are_killed_anywhere(
    make: Make, kind: str, arrived: bool
) -> None:
    crashed = _town(make, kind)
    done = _crash_everywhere(crashed, _left_open(arrived), WorkerProcess.step, share=Share(), stride=RECOVERY_STRIDE)
    assert done > 10
