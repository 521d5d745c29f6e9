"""What piles up on a host beside its sessions, and what is deleted under them."""

import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from gastown import assignments, policy, rigs, sessions
from gastown.assignments import Assignment, AssignmentState
from gastown.db import database_time
from gastown.db.unit_of_work import unit_of_work
from gastown.runtimes import host, strays
from gastown.sessions import paths, upkeep, worksite
from tests.support.refinery_town import RIG, run_git
from tests.support.session_host import Host
from tests.support.towns import wait_until

STAYS = "while ! [ -e go ]; do sleep 0.05; done; exit 3"


def run_agent(here: Host, shell: str = STAYS) -> tuple[int, sessions.Office, host.SessionProcess]:
    _, number = here.sling(shell)
    office = here.worker()
    here.watch(office, number)
    return number, office, wait_until(lambda: here.process(number), "the agent runs", within_s=30)


def end_attempt(number: int, *, ago_s: float) -> None:
    """End an attempt in SQL only, as if its worker had missed it."""
    with unit_of_work() as session:
        ended_at = database_time(session) - timedelta(seconds=ago_s)
        values = {"state": AssignmentState.FAILED, "ended_at": ended_at}
        session.execute(update(Assignment).where(Assignment.id == number).values(**values))


def test_an_agent_without_an_attempt_is_ended_with_its_work_saved(here: Host) -> None:
    number, office, process = run_agent(here, f"echo half > draft.txt; {STAYS}")
    wait_until(lambda: (here.worktree() / "draft.txt").exists(), "the agent works")
    here.leave(office)
    here.watches[-1].result()
    end_attempt(number, ago_s=1)
    other = here.worker()
    assert upkeep.end_orphans(other) == 0, "it may still say goodbye"

    end_attempt(number, ago_s=3600)
    assert upkeep.end_orphans(other) == 1

    assert not host.is_alive(process)
    work = rigs.work_git(here.settings.town, RIG)
    assert run_git(work, "show", f"{here.row(number).branch}:draft.txt") == "half"
    assert upkeep.end_orphans(other) == 0


def test_an_agent_whose_attempt_was_removed_from_the_database_is_ended(here: Host) -> None:
    number, office, process = run_agent(here)
    here.leave(office)
    here.watches[-1].result()
    with unit_of_work() as session:
        session.delete(assignments.get(session, number))

    assert upkeep.end_orphans(here.worker()) == 1

    assert not host.is_alive(process)


def test_agents_at_work_are_no_orphans_whoever_holds_them(here: Host) -> None:
    _, office, process = run_agent(here)

    assert upkeep.end_orphans(office) == 0
    assert upkeep.end_orphans(here.worker()) == 0
    here.leave(office)
    here.watches[-1].result()
    assert upkeep.end_orphans(here.worker()) == 0

    assert host.is_alive(process)


@pytest.mark.usefixtures("quick")
def test_a_session_whose_folder_is_deleted_is_ended_and_its_bead_tried_anew(here: Host) -> None:
    number, _, process = run_agent(here, f"echo half > draft.txt; {STAYS}")
    wait_until(lambda: (here.worktree() / "draft.txt").exists(), "the agent works")

    shutil.rmtree(process.dir)

    assert here.watches[-1].result() == "lost"
    assert not host.is_alive(process)
    row = here.row(number)
    assert "folder of its session was deleted" in row.outcome
    assert here.at_remote(row.branch, "draft.txt") == "half\n"


def test_an_adopted_session_without_its_folder_gets_no_second_agent_beside_it(here: Host) -> None:
    number, office, process = run_agent(here)
    here.leave(office)
    here.watches[-1].result()
    shutil.rmtree(paths.session_dir(here.settings, number))

    here.watch(here.worker(), number)

    wait_until(lambda: here.process(number), "an agent runs", within_s=30)
    assert not host.is_alive(process)
    running = wait_until(lambda: strays.list_running(here.settings.town / "sessions"), "it is there under its name")
    assert list(running) == [here.process(number).dir]  # type: ignore[union-attr]


@pytest.mark.usefixtures("quick")
def test_a_deleted_socket_is_served_anew(here: Host) -> None:
    number, office, _ = run_agent(here)
    office.answer = lambda _number, _request: sessions.Answer("here", "", 0)
    path = paths.socket_path(here.settings, number)
    path.unlink()
    wait_until(path.exists, "the socket is there again", within_s=10)

    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(path))
        client.sendall(b"{}\n")
        assert b"here" in client.recv(1000)


def make_lock(here: Host, *, age_s: float = 3600) -> Path:
    lock = rigs.work_git(here.settings.town, RIG) / "packed-refs.lock"
    lock.touch()
    os.utime(lock, (time.time() - age_s,) * 2)
    return lock


def test_the_lock_of_a_killed_git_is_removed_and_a_young_one_stays(here: Host) -> None:
    lock = make_lock(here)
    young = lock.with_name("config.lock")
    young.touch()

    assert upkeep.sweep_locks(here.worker()) == 1

    assert (lock.exists(), young.exists()) == (False, True)


def test_no_lock_is_removed_while_a_git_is_at_work_there(here: Host) -> None:
    """An agent's commit may wait for its editor for longer than any command of ours runs."""
    lock = make_lock(here)
    waiting = subprocess.Popen(["git", "cat-file", "--batch"], cwd=lock.parent, stdin=subprocess.PIPE)
    try:
        wait_until(lambda: upkeep.git.is_at_work(lock.parents[1]), "git runs")
        assert upkeep.sweep_locks(here.worker()) == 0
        assert lock.exists()
    finally:
        assert waiting.stdin is not None
        waiting.stdin.close()
        waiting.wait(20)
    assert upkeep.sweep_locks(here.worker()) == 1


def test_scratch_of_runs_that_ended_long_ago_is_removed_and_their_output_stays(here: Host) -> None:
    number, office, _ = run_agent(here, "echo said; echo x > $TMPDIR/junk; sleep 2; exit 3")
    here.watches[-1].result()
    folder = paths.latest_run_dir(here.settings, number)
    assert folder is not None
    assert upkeep.tidy_scratch(office) == 0
    with unit_of_work() as session:
        policy.set_value(session, "session.scratch_s", "0", actor="me")

    assert upkeep.tidy_scratch(office) == 1

    assert not (folder / "tmp").exists()
    assert (folder / "stdout.log").read_text() == "said\n"
    assert upkeep.tidy_scratch(office) == 0


def test_a_snapshot_is_let_go_once_its_attempt_ended_with_its_work_noted(here: Host) -> None:
    number, office, _ = run_agent(here, f"echo half > draft.txt; {STAYS}")
    wait_until(lambda: (here.worktree() / "draft.txt").exists(), "the agent works")
    with unit_of_work() as session:
        row, rig = assignments.get(session, number), rigs.get(session, RIG)
    site = worksite.site_of(here.settings, rig, row, here.polecat())
    oid, _ = worksite.snapshot(site, number, agent="agent", why="it runs")
    here.leave(office)
    here.watches[-1].result()
    assert upkeep.drop_old_snapshots(office) == 0
    end_attempt(number, ago_s=3600)
    assert upkeep.drop_old_snapshots(office) == 0, "its work is nowhere else"
    with unit_of_work() as session:
        assignments.get(session, number).head_oid = oid

    assert upkeep.drop_old_snapshots(office) == 1


def test_upkeep_is_done_at_its_own_rates_and_goes_on_when_a_part_fails(
    here: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def sweep_locks(_office: sessions.Office) -> int:
        done.append("locks")
        raise OSError(28, "No space left on device")

    def tidy_scratch(_office: sessions.Office) -> int:
        done.append("scratch")
        return 3

    monkeypatch.setattr(upkeep, "sweep_locks", sweep_locks)
    monkeypatch.setattr(upkeep, "tidy_scratch", tidy_scratch)
    office = here.worker()

    assert sessions.tidy_host(office).scratch == 3
    assert sessions.tidy_host(office).scratch == 0

    assert done == ["locks", "scratch"]


def test_an_agent_is_held_to_the_limits_that_are_set_and_is_the_first_to_go(here: Host) -> None:
    with unit_of_work() as session:
        policy.set_value(session, "session.file_mb", "1", actor="me")
        policy.set_value(session, "session.memory_mb", "4096", actor="me")
    shell = (
        "cat /proc/self/oom_score_adj; ulimit -v; ulimit -c; head -c 3000000 /dev/zero > big || echo refused; exit 3"
    )
    number, _, _ = run_agent(here, f"sleep 0.5; {shell}")
    here.watches[-1].result()

    folder = paths.latest_run_dir(here.settings, number)
    assert folder is not None
    said = (folder / "stdout.log").read_text().split()
    assert said == ["500", str(4096 * 1024), "0", "refused"]
    assert (here.worktree() / "big").stat().st_size == 1 << 20
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_what_forks_faster_than_it_can_be_listed_ends_with_its_session(here: Host) -> None:
    """Each process lives for a moment only, and leaves a child behind; a bomb does the same, and wider."""
    hop = (
        "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile not os.fork(): time.sleep(0.001)"
    )
    run_agent(here, f"{sys.executable} -c '{hop}'; exit 3")

    assert here.watches[-1].result() == "failed"

    assert strays.list_running(here.settings.town / "sessions") == {}
