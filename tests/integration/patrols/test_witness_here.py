"""What the witness sees of one host: real keepers, git and SQL."""

import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from gastown import agents, assignments, clock, patrols, policy
from gastown.agents import WorktreeState
from gastown.assignments import AssignmentState, Desired
from gastown.db import unit_of_work
from gastown.patrols import Finding, Hands, Here, Level, Patrol
from gastown.patrols.checks import dirty, sessions, zombies
from gastown.runtimes import host
from tests.support.refinery_town import RIG, run_git
from tests.support.session_host import Host, Watch
from tests.support.session_host import here as session_host
from tests.support.towns import wait_until

__all__ = ["session_host"]


class Witness:
    """The witness of a host with workers."""

    def __init__(self, at: Host) -> None:
        self.at = at
        self.here = Here(at.settings, unit_of_work.reading)
        self.hands = Hands(self.here, unit_of_work.transact, "witness")

    def faults(self, name: str) -> list[Finding]:
        """What one check says is wrong."""
        check = next(check for check in patrols.ALL if check.name == name)
        return [item for item in patrols.run(self.here, [check]) if item.level is not Level.OK]

    def walk(self, *names: str) -> patrols.WalkResult:
        """One walk on this host, with these checks only."""
        others = frozenset(check.name for check in patrols.ALL) - frozenset(names)
        return patrols.walk(self.hands, Patrol.WITNESS, is_local=True, skip=others)

    def watch(self, shell: str) -> tuple[str, int, Watch]:
        """An agent that runs `shell`, in a worker's hands."""
        bead, number = self.at.sling(shell)
        with unit_of_work.unit_of_work() as session:
            policy.set_value(session, "witness.spawn_grace_s", "0", actor="ada")
        return bead, number, self.at.watch(self.at.worker(), number)

    def start(self, shell: str) -> tuple[str, int, Watch, host.SessionProcess]:
        """The same, once it runs."""
        bead, number, watched = self.watch(shell)
        process = wait_until(lambda: self.at.process(number), "the agent runs")
        return bead, number, watched, process

    def age(self, number: int, **times: timedelta) -> None:
        """Put times of an attempt back."""
        with unit_of_work.unit_of_work() as session:
            row = assignments.get(session, number)
            for name, by in times.items():
                setattr(row, name, getattr(row, name) - by)


@pytest.fixture
def witness(here: Host) -> Witness:
    dirty._known_good.clear()
    return Witness(here)


# The fixture of the folder is a town without workers.
here = session_host


def test_a_session_that_ended_while_nobody_watched_is_seen_and_left_to_the_next_worker(witness: Witness) -> None:
    bead, number, watched, process = witness.start("sleep 600")
    witness.age(number, claimed_at=timedelta(minutes=5))
    assert witness.faults("sessions") == []
    witness.at.leave(witness.at.offices[0])
    assert watched.result() == "detached"
    os.kill(process.agent_pid, signal.SIGKILL)
    host.wait(process, 20)
    (fault,) = witness.faults("sessions")
    assert (fault.subject, "no process" in fault.message) == (bead, True)
    witness.walk("sessions")
    # A worker of this host adopts it: it can save what is in the worktree.
    assert witness.at.watch(witness.at.worker(), number).result() in ("failed", "lost")


def test_an_end_that_a_stuck_worker_does_not_book_is_booked_at_last(
    witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    bead, number, watched, process = witness.start("sleep 600")
    witness.at.leave(witness.at.offices[0])
    watched.result()
    os.kill(process.agent_pid, signal.SIGKILL)
    host.wait(process, 20)
    witness.age(number, claimed_at=timedelta(minutes=5))
    with unit_of_work.unit_of_work() as session:
        policy.set_value(session, "deacon.mend_pause_s", "1", actor="ada")
        policy.set_value(session, "deacon.mend_pause_most_s", "1", actor="ada")
    assert witness.walk("sessions").mended == 1
    assert witness.at.row(number).desired is Desired.GIVE_UP
    monkeypatch.setattr(sessions, "RESTART_PATIENCE", timedelta(0))
    wait_until(lambda: witness.walk("sessions").mended == 1, "the pause is over", pause_s=0.5)
    assert witness.at.row(number).state is AssignmentState.LOST
    assert witness.at.last(bead).fence == 2
    assert witness.at.polecat().worktree_state is WorktreeState.BUSY, "nobody uses it until it was saved"


def test_a_process_whose_attempt_is_over_is_seen_past_its_goodbye(witness: Witness) -> None:
    _, number, _, process = witness.start("sleep 600")
    with unit_of_work.unit_of_work() as session:
        assignments.fail(session, number, 1, actor="ada", outcome="for the test")
    assert witness.faults("zombies") == [], "it may say goodbye"
    witness.age(number, ended_at=zombies.GRACE + timedelta(seconds=1))
    (fault,) = witness.faults("zombies")
    assert fault.subject == f"{number}/run-1"
    assert witness.walk("zombies").raised == 1
    host.stop(process)
    host.wait(process, 20)
    assert witness.walk("zombies").cleared == 1


def test_a_process_that_outlives_its_keeper_is_seen(witness: Witness) -> None:
    _, number, watched, process = witness.start("sleep 600")
    witness.at.leave(witness.at.offices[0])
    watched.result()
    os.kill(process.keeper_pid, signal.SIGKILL)
    host.wait(process, 20)
    folder = witness.at.settings.town / "sessions" / str(number) / "run-1"
    try:
        (folder / "exit.json").write_text(
            f'{{"code": 1, "reason": "exited", "ended_at": {clock.now().timestamp() - 1000}}}'
        )
        assert [fault.subject for fault in witness.faults("zombies")] == [f"{number}/run-1"]
    finally:
        (folder / "exit.json").unlink()
        host.settle(folder)
    assert witness.faults("zombies") == []


def idle_worktree(witness: Witness) -> tuple[Path, int]:
    """A worktree whose session is over and saved."""
    _, number, watched = witness.watch("echo one > one.txt")
    watched.result()
    wait_until(lambda: witness.at.polecat().worktree_state is WorktreeState.CLEAN, "it was saved")
    with unit_of_work.unit_of_work() as session:
        row = assignments.find_open(session, witness.at.row(number).bead_id)
        assert row is not None
        assignments.release(session, row.bead_id, actor="ada", why="enough")
    return witness.at.worktree(), number


def test_work_in_an_idle_worktree_is_saved_on_its_branch_and_left_where_it_is(witness: Witness) -> None:
    path, number = idle_worktree(witness)
    assert witness.faults("dirty") == []
    (path / "later.txt").write_text("from an editor that was still open\n")
    assert witness.faults("dirty") == [], "it was in order, and nobody has used it since"
    with unit_of_work.unit_of_work() as session:
        polecat = agents.get(session, witness.at.polecat().address)
        polecat.last_used_at = clock.now()
        session.add(polecat)
    (fault,) = witness.faults("dirty")
    assert fault.subject == witness.at.polecat().address
    assert witness.walk("dirty").mended == 1
    row = witness.at.row(number)
    work = witness.at.settings.town / "rigs" / RIG / "work.git"
    assert run_git(work, "show", f"{row.head_oid}:later.txt") == "from an editor that was still open"
    assert run_git(work, "rev-parse", row.branch) == row.head_oid
    assert (path / "later.txt").exists()
    assert witness.walk("dirty").cleared == 1


def test_a_worktree_that_its_polecat_has_left_behind_is_saved(witness: Witness) -> None:
    path, _ = idle_worktree(witness)
    with unit_of_work.unit_of_work() as session:
        agents.mark_worktree(session, witness.at.polecat().address, WorktreeState.NONE, worktree="elsewhere")
    (path / "later.txt").write_text("left behind\n")
    (fault,) = witness.faults("dirty")
    assert fault.subject.endswith(f"/polecats/{path.name}")
    assert witness.walk("dirty").mended == 1
    assert witness.faults("dirty") == []
    assert (path / "later.txt").exists()
