"""What the town does by itself: whoever dies while doorbells are swept, facts answered and work offered, it is done."""

from collections.abc import Callable
from typing import Any

import pytest

from gastown import beads, convoys, town
from gastown.assignments import AssignmentState
from gastown.db.unit_of_work import reading, unit_of_work
from gastown.queue import Task
from tests.integration.crashpoints.conftest import Make
from tests.integration.crashpoints.test_life import DONE
from tests.support.crashpoints import CrashTown, WorkerProcess

Act = Callable[[WorkerProcess], Any]


def _tick(worker: WorkerProcess) -> None:
    """One tick, and an answer to every fact that it rings for; agents are left to others."""
    town.reconcile(worker.caller)
    while worker.bells:
        bell = worker.bells.popleft()
        if bell.task is Task.REACT:
            worker.answer(bell)


def _close(crashed: CrashTown, bead_id: str) -> None:
    """A person's command, whose doorbells nobody hears."""
    with unit_of_work() as session:
        beads.close(session, [bead_id], actor="ada", reason="it was small, done by hand", no_code=True)
    crashed.clock.advance(6)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_blocked_work_starts_when_those_who_answer_the_close_are_killed_anywhere(make: Make, kind: str) -> None:
    crashed = make(DONE, kind=kind)

    def start() -> tuple[str, Act]:
        blocker, blocked = crashed.create(), crashed.create()
        with unit_of_work() as session:
            beads.add_dependency(session, blocked, blocker, actor="ada")
        crashed.sling(blocked)
        _close(crashed, blocker)
        return blocked, _tick

    assert crashed.crash_everywhere(start) > 3


def test_a_convoy_lands_when_those_who_answer_the_close_are_killed_anywhere(make: Make) -> None:
    crashed = make(DONE)
    made: list[str] = []

    def start() -> tuple[str, Act]:
        bead_id = crashed.create()
        with unit_of_work() as session:
            made.append(convoys.create(session, "Together", [bead_id], actor="ada").id)
        _close(crashed, bead_id)
        return bead_id, _tick

    crashed.crash_everywhere(start)
    crashed.clock.advance(61)  # a convoy whose reaction was lost is found once a minute
    crashed.do(_tick)
    with reading() as session:
        assert {str(convoys.get(session, convoy).status) for convoy in made} == {"landed"}


def test_an_attempt_is_called_off_when_those_who_answer_the_close_are_killed_anywhere(make: Make) -> None:
    crashed = make(DONE)

    def start() -> tuple[str, Act]:
        bead_id, _ = crashed.sling()
        _close(crashed, bead_id)
        return bead_id, _tick

    crashed.crash_everywhere(start)
    assert crashed.leftovers()["open attempts"] == []


def test_a_request_is_called_off_when_those_who_answer_the_close_are_killed_anywhere(make: Make) -> None:
    crashed = make(DONE)

    def start() -> tuple[str, Act]:
        bead_id, number = crashed.sling()
        crashed.do(lambda worker: worker.supervise(number))
        assert crashed.facts(bead_id)["attempts"][0][1] == AssignmentState.SUBMITTED.value
        _close(crashed, bead_id)
        return bead_id, _tick

    crashed.crash_everywhere(start)
