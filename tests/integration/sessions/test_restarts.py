"""Agents that are started again, workers that die, and what they leave each other."""

import os
import signal
from dataclasses import replace

import pytest
from sqlalchemy import update

from gastown import assignments, beads, config, events, policy, sessions
from gastown.assignments import Assignment, AssignmentState, Desired, LeaseLost, Reason, RunStart
from gastown.beads import BeadStatus
from gastown.db.unit_of_work import unit_of_work
from gastown.events import EventKind
from gastown.runtimes import host
from gastown.sessions import list_orphans, run
from tests.support.session_host import Host
from tests.support.towns import wait_until

# Counts its starts; stays until it may go.
STAYS = "echo x >> ../starts; while ! [ -e go ]; do sleep 0.05; done; exit 3"


def starts(here: Host) -> int:
    path = here.worktree().parent / "starts"
    return len(path.read_text().split()) if path.exists() else 0


def ask(here: Host, number: int, why: str = "it was silent") -> None:
    with unit_of_work() as session:
        assignments.ask_to_restart(session, number, 1, actor="witness", why=why)


def prompt(here: Host, number: int) -> str:
    folder = sessions.latest_run_dir(here.settings, number)
    assert folder is not None
    return (folder / "prompt.txt").read_text()


@pytest.mark.usefixtures("quick")
def test_an_agent_is_started_again_in_its_attempt_and_told_why(here: Host) -> None:
    bead_id, number = here.sling(STAYS)
    office = here.worker()
    watch = here.watch(office, number)
    wait_until(lambda: here.process(number) and starts(here) == 1, "the agent runs")
    (here.worktree() / "draft.txt").write_text("half\n")

    ask(here, number)
    ask(here, number)
    office.book.beat()
    wait_until(lambda: starts(here) == 2, "the agent runs again", within_s=30)
    office.book.beat()

    row = here.row(number)
    assert (row.state, row.desired, row.runs, row.restarts) == (AssignmentState.RUNNING, Desired.RUN, 2, 1)
    assert "started again: it was silent" in prompt(here, number)
    assert (here.worktree() / "draft.txt").read_text() == "half\n"
    assert here.at_remote(row.branch, "draft.txt") == "half\n"
    (here.worktree() / "go").touch()
    assert watch.result() == "failed"
    assert starts(here) == 2
    assert [row.state for row in history(bead_id)] == [AssignmentState.FAILED, AssignmentState.OFFERED]


def history(bead_id: str) -> list[Assignment]:
    with unit_of_work() as session:
        return list(assignments.history(session, bead_id))


@pytest.mark.usefixtures("quick")
def test_a_restart_is_finished_by_the_next_worker_when_the_first_stopped_in_its_middle(here: Host) -> None:
    _, number = here.sling(STAYS)
    first, second = here.worker(), here.worker()
    watch = here.watch(first, number)
    wait_until(lambda: here.process(number) and starts(here) == 1, "the agent runs")
    here.leave(first)
    assert watch.result() == "detached"
    ask(here, number)
    process = here.process(number)
    assert process is not None
    host.stop(process, "it was asked to start again")
    assert host.wait(process, 20)

    assert list_orphans(second) == (number,)
    again = here.watch(second, number)
    wait_until(lambda: starts(here) == 2, "the agent runs again", within_s=30)

    row = here.row(number)
    assert (row.state, row.desired, row.runs, row.fence) == (AssignmentState.RUNNING, Desired.RUN, 2, 1)
    (here.worktree() / "go").touch()
    assert again.result() == "failed"


@pytest.mark.usefixtures("quick")
def test_a_start_that_a_crash_cut_short_counts_as_no_failure(here: Host) -> None:
    """The second run was noted, and its worker died before it began."""
    _, number = here.sling(STAYS)
    first, second = here.worker(), here.worker()
    watch = here.watch(first, number)
    wait_until(lambda: here.process(number) and starts(here) == 1, "the agent runs")
    here.leave(first)
    assert watch.result() == "detached"
    process = here.process(number)
    assert process is not None
    host.stop(process, "restart")
    assert host.wait(process, 20)
    with unit_of_work() as session:
        assignments.note_run(session, number, 1, actor="agent", start=RunStart("0" * 64, holder=first.holder))

    again = here.watch(second, number)
    wait_until(lambda: starts(here) == 2, "the agent runs again", within_s=30)

    assert here.row(number).runs == 3
    (here.worktree() / "go").touch()
    assert again.result() == "failed"


@pytest.mark.usefixtures("quick")
def test_a_stop_comes_before_a_restart(here: Host) -> None:
    bead_id, number = here.sling(STAYS)
    office = here.worker()
    watch = here.watch(office, number)
    wait_until(lambda: here.process(number) and starts(here) == 1, "the agent runs")
    ask(here, number)
    with unit_of_work() as session:
        assignments.release(session, bead_id, actor="me", why="changed my mind")

    office.book.beat()

    assert watch.result() == "released"
    assert starts(here) == 1


@pytest.mark.usefixtures("quick")
def test_a_session_whose_workers_die_under_it_is_given_up_and_at_last_escalated(here: Host) -> None:
    bead_id, number = here.sling(STAYS)
    with unit_of_work() as session:
        policy.set_value(session, "cap.adoptions", "3", actor="me")
        policy.set_value(session, "cap.infrastructure", "1", actor="me")
    office = here.worker()
    watch = here.watch(office, number)
    wait_until(lambda: here.process(number) and starts(here) == 1, "the agent runs")
    for deaths in (1, 2):
        watch, office = die(here, watch, office, number)
        assert here.row(number).adoptions == deaths

    last, _ = die(here, watch, office, number)

    assert last.result() == "lost"
    assert here.process(number) is None
    assert "3 workers died while they held this session" in here.row(number).outcome
    with unit_of_work() as session:
        assert beads.get(session, bead_id).status == BeadStatus.ESCALATED
        kinds = [event.kind for event in events.for_bead(session, bead_id)]
        assert kinds.count(EventKind.BEAD_ESCALATED) == 1


def die(here: Host, watch: object, office: sessions.Office, number: int) -> tuple[object, sessions.Office]:
    """A worker dies; the next one adopts its session. Its threads cannot be killed: they let go when they notice."""
    following = here.worker()
    again = here.watch(following, number)
    wait_until(lambda: here.row(number).holder == following.holder, "the next worker adopts", within_s=20)
    office.book.beat()
    assert watch.result() == "left to the next worker"  # type: ignore[attr-defined]
    return again, following


def test_a_planned_stop_of_a_worker_is_not_counted_as_its_death(here: Host) -> None:
    _, number = here.sling(STAYS)
    first, second = here.worker(), here.worker()
    watch = here.watch(first, number)
    wait_until(lambda: here.process(number), "the agent runs")
    here.leave(first)
    assert watch.result() == "detached"

    here.watch(second, number)
    wait_until(lambda: here.row(number).holder == second.holder, "the next worker adopts")

    assert here.row(number).adoptions == 0
    here.leave(second)


@pytest.mark.usefixtures("quick")
def test_a_worker_that_was_stopped_on_its_way_starts_and_prepares_nothing_once_another_holds_the_attempt(
    here: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, number = here.sling(STAYS)
    first, second = here.worker(), here.worker()
    prepared: list[str] = []
    prepare = sessions.worksite.prepare

    def note(*args: object, **more: object) -> object:
        prepared.append("x")
        return prepare(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(sessions.worksite, "prepare", note)
    previous = run.__dict__["host"]
    assert previous is host

    def be_late(_session: object, _row: object) -> None:
        """SIGSTOP just before the worktree is made ready, until another worker has the attempt."""
        monkeypatch.setattr(supervising, "_previous_branch", lambda *_args: None)
        here.expire()
        late.append(here.watch(second, number))
        wait_until(lambda: here.process(number), "the second worker starts the agent", within_s=30)

    import sys

    supervising = sys.modules[sessions.supervise.__module__]
    late: list[object] = []
    monkeypatch.setattr(supervising, "_previous_branch", be_late)

    assert here.watch(first, number).result() == "left to the next worker"

    assert (prepared, here.row(number).runs) == (["x"], 1)
    with unit_of_work() as session, pytest.raises(LeaseLost):
        assignments.note_run(session, number, 1, actor="agent", start=RunStart("0" * 64, holder=first.holder))
    here.leave(second)


def test_of_one_attempt_a_single_agent_runs_whatever_starts_come_late(here: Host) -> None:
    _, number = here.sling(STAYS)
    office = here.worker()
    here.watch(office, number)
    process = wait_until(lambda: here.process(number), "the agent runs")
    folder = process.dir.with_name("run-9")
    folder.mkdir()
    spec = host.SessionSpec(dir=folder, argv=["true"], cwd=folder, env={}, lock=process.dir.with_name("agent.lock"))

    with pytest.raises(host.KeeperUnavailable, match="another run of the attempt goes on"):
        host.start(office.keeper_socket, spec)

    other = replace(spec, lock=folder / "other.lock")
    assert host.start(office.keeper_socket, other).agent_pid
    here.leave(office)


def test_sessions_go_on_and_new_ones_start_when_the_zygote_is_killed(here: Host) -> None:
    _, first = here.sling(STAYS)
    _, second = here.sling(STAYS)
    office = here.worker()
    here.watch(office, first)
    process = wait_until(lambda: here.process(first), "the agent runs")

    assert host.end_zygote(config.run_dir(here.settings.town))
    here.watch(office, second)

    wait_until(lambda: here.process(second), "the next agent runs", within_s=30)
    assert host.is_alive(process)
    here.leave(office)


def test_a_bead_is_tried_anew_when_the_keeper_of_its_agent_is_killed(here: Host) -> None:
    bead_id, number = here.sling(STAYS)
    watch = here.watch(here.worker(), number)
    process = wait_until(lambda: here.process(number), "the agent runs")

    os.kill(process.keeper_pid, signal.SIGKILL)

    assert watch.result() == "lost"
    assert here.last(bead_id).reason is Reason.TAKEOVER


def test_a_session_is_left_in_peace_when_the_row_of_its_attempt_is_removed_by_hand(here: Host) -> None:
    """Its agent is stopped; nothing is written, and the worker goes on with its other work."""
    _, number = here.sling(STAYS)
    office = here.worker()
    watch = here.watch(office, number)
    wait_until(lambda: here.process(number), "the agent runs")
    with unit_of_work() as session:
        session.execute(update(beads.Bead).values(title="edited"))
        session.delete(assignments.get(session, number))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "HANDED_IN_PATIENCE_S", 0.0)
        patch.setattr(run, "LOOK_EVERY_S", 0.1)
        office.book.beat()
        assert watch.result() == "over"

    assert here.process(number) is None
