"""One worker's supervision of sessions when something under it gives way. Real keepers, git and SQL; no Celery."""

import contextlib
import json
import shutil
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gastown import assignments, beads, events, policy, sessions
from gastown.agents import WorktreeState
from gastown.assignments import AssignmentState, HeldLease, Reason
from gastown.beads import BeadStatus, NewBead
from gastown.cli import database
from gastown.db import DatabaseAway
from gastown.db.unit_of_work import transact, unit_of_work
from gastown.events import EventKind
from gastown.runtimes import host, session_facts
from gastown.runtimes.host import KeeperUnavailable
from gastown.sessions import LeaseBook, Office, list_orphans, run, supervise, sweep_leftovers
from gastown.sessions import channel as channels
from tests.support import scratch
from tests.support.refinery_town import RIG
from tests.support.session_host import Host, here
from tests.support.towns import wait_until

__all__ = ["here"]

COMMIT = "echo work > new.txt && git add new.txt && git -c user.name=a -c user.email=a@b commit -qm work"


def raising(error: Exception) -> Callable[..., Any]:
    def act(*_args: object, **_more: object) -> Any:
        raise error

    return act


def test_nothing_is_claimed_and_nothing_lost_when_the_disk_is_low(here: Host) -> None:
    _, number = here.sling("true")
    with unit_of_work() as session:
        policy.set_value(session, "disk.floor_mb", "10000000", actor="me")

    assert supervise(here.worker(), number) == "nothing to take"

    assert here.row(number).state is AssignmentState.OFFERED


@pytest.mark.parametrize("error", [KeeperUnavailable("no keeper"), ValueError("a bug of ours")])
def test_an_attempt_is_lost_with_a_delay_when_its_agent_cannot_be_started(
    here: Host, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    bead_id, number = here.sling("true")
    monkeypatch.setattr(host, "start", raising(error))

    assert supervise(here.worker(), number) == "lost"

    assert here.row(number).state is AssignmentState.LOST
    following = here.last(bead_id)
    assert (following.state, following.reason, following.fence) == (AssignmentState.WAITING, Reason.TAKEOVER, 2)
    assert following.not_before is not None
    assert here.polecat().worktree_state is WorktreeState.SPENT


def test_a_bead_is_escalated_when_every_attempt_hits_the_same_bug(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    bead_id, number = here.sling("true")
    monkeypatch.setattr(host, "start", raising(ValueError("a bug of ours")))
    office = here.worker()
    for _ in range(5):
        assert supervise(office, number) == "lost"
        with unit_of_work() as session:
            row = assignments.find_open(session, bead_id)
            if row is None:
                break
            row.not_before = None
            assignments.offer(session, row, actor="town")
            number = row.id or 0

    with unit_of_work() as session:
        assert beads.get(session, bead_id).status == BeadStatus.ESCALATED
        ended = [event.kind for event in events.for_bead(session, bead_id)]
        assert ended.count(EventKind.BEAD_ESCALATED) == 1


def test_what_an_agent_committed_is_kept_when_its_end_cannot_be_judged(
    here: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    bead_id, number = here.sling(f"{COMMIT}; echo more > loose.txt")
    monkeypatch.setattr(run, "measure", raising(ValueError("a bug of ours")))

    assert supervise(here.worker(), number) == "lost"

    head = here.row(number).head_oid
    assert head
    assert here.last(bead_id).base_oid == head


def test_a_session_that_ended_while_the_database_was_away_is_booked_when_it_is_back(
    here: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, number = here.sling("exit 3")
    away = [DatabaseAway("no answer")] * 3
    book = assignments.book_usage

    def answer(*args: Any, **more: Any) -> None:
        if away:
            raise away.pop()
        book(*args, **more)

    monkeypatch.setattr(assignments, "book_usage", answer)
    monkeypatch.setattr(sys.modules[supervise.__module__], "AWAY_PAUSE_S", 0.01)

    assert supervise(here.worker(), number) == "failed"

    row = here.row(number)
    assert (row.state, row.runs, row.booked_runs) == (AssignmentState.FAILED, 1, 1)


def test_a_session_that_ended_while_the_database_was_away_is_booked_by_the_next_worker(
    here: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    bead_id, number = here.sling("exit 3")
    stopping, office = here.worker(), here.worker()

    def stop(*_args: object, **_more: object) -> None:
        stopping.stopping.set()
        raise DatabaseAway("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(assignments, "book_usage", stop)
        assert supervise(stopping, number) == "unbooked"
    assert here.row(number).state is AssignmentState.RUNNING
    here.expire()

    assert list_orphans(office) == (number,)
    assert supervise(office, number) == "failed"

    row = here.row(number)
    assert (row.state, row.runs, row.booked_runs) == (AssignmentState.FAILED, 1, 1)
    assert here.last(bead_id).reason is Reason.RETRY
    assert list_orphans(office) == ()


def test_one_session_goes_on_and_one_worker_lets_go_when_the_first_was_stopped_beyond_its_lease(here: Host) -> None:
    """SIGSTOP, another worker of the host adopts, SIGCONT."""
    bead_id, number = here.sling("while ! [ -e go ]; do sleep 0.05; done; exit 3")
    first, second = here.worker(), here.worker()
    results: dict[str, str] = {}

    def watch(name: str, office: Office) -> threading.Thread:
        thread = threading.Thread(target=lambda: results.__setitem__(name, supervise(office, number)), daemon=True)
        thread.start()
        return thread

    one = watch("first", first)
    wait_until(lambda: here.process(number), "the agent runs")
    agent = here.process(number)
    here.expire()
    assert list_orphans(second) == (number,)
    two = watch("second", second)
    wait_until(lambda: here.row(number).holder == second.holder, "the second worker adopts")

    first.book.beat()
    one.join(20)
    assert results == {"first": "left to the next worker"}
    assert here.process(number) == agent

    here_folder = here.settings.town / "rigs" / RIG / "polecats"
    next(path for path in here_folder.iterdir() if path.is_dir()).joinpath("go").touch()
    two.join(20)

    assert results["second"] == "failed"
    row = here.row(number)
    assert (row.fence, row.runs, row.booked_runs) == (1, 1, 1)
    with unit_of_work() as session:
        kinds = [event.kind for event in events.for_bead(session, bead_id)]
    assert kinds.count(EventKind.SESSION_STARTED) == 1
    assert kinds.count(EventKind.SESSION_ENDED) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # how the worker dies here
def test_an_agent_is_answered_and_its_polecat_freed_when_its_worker_died_just_after_it_handed_in(here: Host) -> None:
    """The submission is in SQL, its answer was never sent: nobody adopts the attempt, and yet its agent still waits."""
    _, number = here.sling(f'{COMMIT}; gt done; echo $? > "$TMPDIR/code"')
    first, second = here.worker(), here.worker()

    def die(_number: int, _request: dict[str, Any]) -> sessions.Answer:
        oid = here.row(number).base_oid
        transact(lambda session: assignments.submit(session, number, 1, head_oid=oid, actor="agent"))
        first.stopping.set()
        first.book.stir_all()
        raise SystemExit

    first.answer = die
    assert supervise(first, number) == "detached"
    assert here.polecat().worktree_state is WorktreeState.BUSY
    second.answer = lambda _number, _request: sessions.Answer("", "over", 5)

    assert sweep_leftovers(second).to_see_off == (number,)
    assert sessions.see_off(second, number) == "submitted"

    folder = sessions.latest_run_dir(here.settings, number)
    assert folder is not None
    assert (folder / "tmp" / "code").read_text() == "5\n"
    assert here.polecat().worktree_state is WorktreeState.CLEAN
    row = here.row(number)
    assert (row.state, row.booked_runs) == (AssignmentState.SUBMITTED, 1)
    assert sweep_leftovers(second).to_see_off == ()
    assert sessions.see_off(second, number) == "nothing to see off"


def test_a_polecat_at_work_is_left_alone_when_its_newest_attempt_was_claimed_before(here: Host) -> None:
    """Numbers are given when beads are slung: a polecat may well claim a lower one after a higher one."""
    _, early = here.sling("true")
    with unit_of_work() as session:
        assignments.get(session, early).priority = 4
    bead_id, late = here.sling(COMMIT)
    office = here.worker()
    assert supervise(office, late) == "failed"
    with unit_of_work() as session:
        assignments.release(session, bead_id, actor="me", why="not now")
        policy.set_preset(session, "command", {"shell": "sleep 600"}, actor="me")
    thread = threading.Thread(target=lambda: supervise(office, early), daemon=True)
    thread.start()
    wait_until(lambda: here.process(early), "the agent runs")

    found = sweep_leftovers(here.worker())

    assert (found.to_see_off, found.saved) == ((), 0)
    assert here.polecat().worktree_state is WorktreeState.BUSY
    office.stopping.set()
    office.book.stir_all()
    thread.join(20)


def test_a_session_is_stopped_and_its_worktree_freed_when_its_attempt_was_made_anew_elsewhere(here: Host) -> None:
    """The worker was cut off for so long that the town gave the attempt up; then it comes back."""
    _, number = here.sling("echo half > done.txt; sleep 600")
    office = here.worker()
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(supervise(office, number)), daemon=True)
    thread.start()
    wait_until(lambda: here.process(number), "the agent runs")
    with unit_of_work() as session:
        assignments.lose(session, number, 1, actor="town", outcome="its host is gone")

    office.book.beat()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "HANDED_IN_PATIENCE_S", 0.0)
        office.book.stir_all()
        thread.join(30)
    assert results == ["lost"]
    assert here.process(number) is None
    assert here.polecat().worktree_state is WorktreeState.CLEAN


def test_a_session_is_stopped_when_the_disk_has_no_room_for_the_reason(
    here: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, number = here.sling("sleep 600")
    office = here.worker()
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(supervise(office, number)), daemon=True)
    thread.start()
    wait_until(lambda: here.process(number), "the agent runs")
    with unit_of_work() as session:
        assignments.release(session, here.row(number).bead_id, actor="me", why="changed my mind")
    monkeypatch.setattr(session_facts, "write_text", raising(OSError(28, "No space left on device")))

    office.book.beat()
    thread.join(30)

    assert results == ["released"]
    assert here.process(number) is None


def test_leases_are_renewed_for_the_others_when_one_session_ends_in_the_middle_of_a_beat(tmp_path: Path) -> None:
    standings = [HeldLease(number, 1, True, False, assignments.Desired.RUN) for number in (1, 2)]
    book = LeaseBook(lambda _leases, _signs: standings, heartbeat_s=3600, grace_s=600)
    ending, other = book.add(1, 1, "a"), book.add(2, 1, "b")
    ending.folder, other.folder = tmp_path / "gone", tmp_path
    book.remove(ending)
    book.add(1, 1, "a").folder = tmp_path / "gone"

    book.beat()

    assert (tmp_path / "deadline").exists()


def test_a_flood_of_calls_is_hung_up_on_and_the_next_call_is_answered(tmp_path: Path) -> None:
    answered = threading.Event()

    def slow(_number: int, _request: dict[str, Any]) -> sessions.Answer:
        answered.wait(20)
        return sessions.Answer("ok", "", 0)

    folder = scratch.make("gtc-")
    channel = channels.Channel(folder / "s", 1, slow)
    most = channels.AT_ONCE + channels.WAITING
    clients: list[socket.socket] = []

    def call() -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(20)
        client.connect(str(folder / "s"))
        clients.append(client)
        client.sendall(json.dumps({}).encode() + b"\n")
        channel.accept()
        return client

    before = threading.active_count()
    try:
        calls = [call() for _ in range(most)]
        refused = call()
        with contextlib.suppress(ConnectionResetError):
            assert refused.recv(10) == b""
        assert threading.active_count() - before <= most
        answered.set()
        assert b"ok" in calls[0].recv(1000)
        wait_until(lambda: b"ok" in call().recv(1000), "the next call is answered")
    finally:
        answered.set()
        for client in clients:
            client.close()
        channel.close()
        shutil.rmtree(folder)


def test_a_command_of_a_stale_session_reaches_no_row(here: Host) -> None:
    _, number = here.sling("true")
    assert supervise(here.worker(), number) == "failed"

    with pytest.raises(assignments.StaleFence), database.writing_for(here.settings, number, 1) as session:
        beads.create(session, NewBead("not wanted", prefix=RIG), actor="agent")
