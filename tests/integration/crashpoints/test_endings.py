"""The other ways in which an attempt goes on or ends: adopted, seen off, reworked, stopped, failed, lost."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from gastown import assignments, policy, rigs, sling, town
from gastown.assignments import Assignment
from gastown.db import database_time
from gastown.db.unit_of_work import reading, unit_of_work
from tests.integration.crashpoints.conftest import Make
from tests.integration.crashpoints.test_life import DONE
from tests.support.crashpoints import (
    COMMITS,
    KEEPERS,
    CrashTown,
    Fuse,
    Share,
    Start,
    WorkerProcess,
    in_fork,
    shares,
)

Prepare = Callable[[CrashTown, str], None]

# Works until it is told to end.
WAITS = f'while ! [ -e "ROOT/$GT_BEAD.go" ]; do sleep 0.02; done; {DONE}'
# What a session's end does in SQL and to processes; its git calls are those of a bead's life.
ENDS = COMMITS | KEEPERS


def _go(crashed: CrashTown, bead_id: str) -> None:
    (crashed.root / f"{bead_id}.go").touch()


def _left_running(crashed: CrashTown, prepare: Prepare) -> Start:
    """A session whose worker died while it ran; then `prepare`, and another worker of its host looks out."""

    def start() -> tuple[str, Callable[[WorkerProcess], Any]]:
        bead_id, number = crashed.sling()
        assert in_fork(crashed.worker, lambda worker: worker.supervise(number), Fuse(2, KEEPERS)).killed_at
        prepare(crashed, bead_id)
        return bead_id, WorkerProcess.look

    return start


@pytest.mark.parametrize("share", shares(3), ids=lambda share: f"{share.first}of{share.of}")
def test_a_session_goes_on_when_its_adopters_are_killed_anywhere(make: Make, share: Share) -> None:
    crashed = make(WAITS)
    assert crashed.crash_everywhere(_left_running(crashed, _go), share=share) > 12


def test_an_agent_is_answered_once_when_those_who_see_it_off_are_killed_anywhere(make: Make) -> None:
    """Its submission is in SQL; the worker died before it answered."""
    crashed = make(DONE)

    def start() -> tuple[str, Callable[[WorkerProcess], Any]]:
        bead_id, number = crashed.sling()
        fuse = Fuse(0)

        def die_after_submission(worker: WorkerProcess) -> None:
            answer = worker.office.answer

            def die(attempt: int, request: dict[str, Any]) -> Any:
                answer(attempt, request)
                fuse.burn("after gt done")

            worker.office.answer = die
            worker.supervise(number)

        assert in_fork(crashed.worker, die_after_submission, fuse).killed_at
        return bead_id, WorkerProcess.look

    assert crashed.crash_everywhere(start) > 5


REWORKS = (
    'if [ "${GT_BRANCH##*@}" = 1 ]; then echo "$GT_BEAD" > a.txt; git commit -qam work; '
    "else git merge -q -X ours -m merged origin/main; fi; gt done"
)


def _returned(crashed: CrashTown) -> Start:
    """A request that conflicts with the target: the queue returns it, and its polecat reworks it."""

    def start() -> tuple[str, Callable[[WorkerProcess], Any]]:
        bead_id, number = crashed.sling()
        crashed.do(lambda worker: worker.supervise(number))
        crashed.base.push_to_target({"a.txt": f"not that of {bead_id}\n"})

        def rework(worker: WorkerProcess) -> None:
            worker.step()
            with reading() as session:
                row = assignments.find_open(session, bead_id)
            assert row is not None
            worker.supervise(row.id or 0)

        return bead_id, rework

    return start


@pytest.mark.parametrize("share", shares(4), ids=lambda share: f"{share.first}of{share.of}")
def test_a_returned_bead_lands_when_the_workers_are_killed_anywhere_in_its_rework(make: Make, share: Share) -> None:
    crashed = make(REWORKS)
    assert crashed.crash_everywhere(_returned(crashed), share=share) > 22


def _unsling(_crashed: CrashTown, bead_id: str) -> None:
    with unit_of_work() as session:
        sling.unsling(session, [bead_id], actor="ada", why="not now")


def test_a_stopped_bead_is_open_again_when_those_who_stop_it_are_killed_anywhere(make: Make) -> None:
    crashed = make(WAITS)
    crashed.heartbeat_s = 0.2
    assert crashed.crash_everywhere(_left_running(crashed, _unsling), only=ENDS) > 5


def _shut_down(_crashed: CrashTown, _bead_id: str) -> None:
    with unit_of_work() as session:
        assignments.ask_to_hand_over(session, actor="ada")


def test_a_session_that_is_shut_down_is_resumed_when_those_who_stop_it_are_killed_anywhere(make: Make) -> None:
    crashed = make(f'[ "${{GT_BRANCH##*@}}" = 1 ] && sleep 600; {DONE}')
    crashed.heartbeat_s = 0.2
    assert crashed.crash_everywhere(_left_running(crashed, _shut_down), only=ENDS) > 5


def _slung(crashed: CrashTown) -> Start:
    def start() -> tuple[str, Callable[[WorkerProcess], Any]]:
        bead_id, number = crashed.sling()
        return bead_id, lambda worker: worker.supervise(number)

    return start


@pytest.mark.parametrize("share", shares(1), ids=lambda share: f"{share.first}of{share.of}")
def test_an_agent_is_asked_again_in_the_same_attempt_when_its_workers_are_killed_anywhere(
    make: Make, share: Share
) -> None:
    crashed = make(f'if ! [ -e "ROOT/$GT_BEAD.asked" ]; then touch "ROOT/$GT_BEAD.asked"; exit 3; fi; {DONE}')
    assert crashed.crash_everywhere(_slung(crashed), share=share, only=ENDS) > 7


def test_the_set_up_command_has_run_when_the_first_start_of_an_agent_was_cut_off(make: Make) -> None:
    crashed = make(f'[ -e "ROOT/$GT_BEAD.ready" ] && {DONE}')
    with unit_of_work() as session:
        rigs.update(session, "app", actor="ada", setup_command=f'touch "{crashed.root}/$GT_BEAD.ready"')
    bead_id, number = crashed.sling()
    assert in_fork(crashed.worker, lambda worker: worker.supervise(number), Fuse(1, KEEPERS)).killed_at

    crashed.settle()

    assert crashed.facts(bead_id)["attempts"] == [(1, "submitted", "sling", True, True)]


def test_a_fresh_attempt_follows_a_failed_one_when_the_workers_are_killed_anywhere(make: Make) -> None:
    crashed = make(f'[ "${{GT_BRANCH##*@}}" = 1 ] && exit 3; {DONE}')
    _set(**{"session.nudges": "0"})
    assert crashed.crash_everywhere(_slung(crashed), only=ENDS) > 6


def _set(**values: str) -> None:
    with unit_of_work() as session:
        for name, value in values.items():
            policy.set_value(session, name, value, actor="ada")


def test_a_bead_is_escalated_once_when_the_workers_of_its_last_attempt_are_killed_anywhere(make: Make) -> None:
    crashed = make("exit 3")
    _set(**{"session.nudges": "0", "cooldown_s": "0"})

    def start() -> tuple[str, Callable[[WorkerProcess], Any]]:
        bead_id, number = crashed.sling()
        for _ in range(2):
            crashed.do(lambda worker, number=number: worker.supervise(number))
            with unit_of_work() as session:
                sling.dispatch(session, actor="town")  # its cool-down is over
                row = assignments.find_open(session, bead_id)
            assert row is not None
            number = row.id or 0
        return bead_id, lambda worker: worker.supervise(number)

    assert crashed.crash_everywhere(start, only=ENDS) > 5
    with reading() as session:
        assert {row.fence for row in session.exec(_all()).all()} == {1, 2, 3}


def _all() -> Any:
    from sqlmodel import select

    return select(Assignment)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_bead_of_a_lost_host_is_made_anew_once_when_those_who_take_it_over_are_killed_anywhere(
    make: Make, kind: str
) -> None:
    crashed = make(DONE, kind=kind)

    def start() -> tuple[str, Callable[[WorkerProcess], Any]]:
        bead_id, _ = crashed.sling()
        with unit_of_work() as session:
            assignments.claim(session, "app", holder="there:1:1:boot", host="there", slots=10)
            session.execute(
                update(Assignment)
                .where(col(Assignment.bead_id) == bead_id)
                .values(expires_at=database_time(session) - timedelta(seconds=1))
            )
        crashed.clock.advance(6)
        return bead_id, lambda worker: town.reconcile(worker.caller)

    assert crashed.crash_everywhere(start) > 3
