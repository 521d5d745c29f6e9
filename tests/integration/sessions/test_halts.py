"""An emergency stop halts what runs where it stands."""

import time
from pathlib import Path

import pytest

from gastown import rigs, sessions
from gastown.db.unit_of_work import unit_of_work
from gastown.sessions import run
from tests.support.refinery_town import RIG
from tests.support.session_host import Host
from tests.support.towns import wait_until

# Writes without pause, from a process of its own below the agent's.
BUSY = "(while ! [ -e go ]; do echo x >> ticks; sleep 0.02; done) & wait; exit 3"


def freeze(here: Host) -> None:
    with unit_of_work() as session:
        rigs.freeze(session, RIG, actor="me", why="fire")


def thaw(here: Host) -> None:
    with unit_of_work() as session:
        rigs.thaw(session, RIG, actor="me")


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def stands_still(path: Path) -> bool:
    before = size(path)
    time.sleep(0.3)
    return size(path) == before


@pytest.mark.usefixtures("quick")
def test_agents_stand_still_while_their_rig_is_stopped_and_go_on_from_there(here: Host) -> None:
    _, number = here.sling(BUSY)
    office = here.worker()
    watch = here.watch(office, number)
    wait_until(lambda: here.process(number) and size(here.worktree() / "ticks") > 4, "the agent works")
    ticks = here.worktree() / "ticks"
    process = here.process(number)

    freeze(here)
    assert sessions.keep_frozen(office) == 1
    assert sessions.keep_frozen(office) == 1
    wait_until(lambda: stands_still(ticks), "all of the agent stands still", within_s=10)
    folder = sessions.latest_run_dir(here.settings, number)
    assert folder is not None
    started = (folder / "prompt.txt").stat().st_mtime

    thaw(here)
    assert sessions.keep_frozen(office) == 0
    at_thaw = size(ticks)
    wait_until(lambda: size(ticks) > at_thaw, "the agent goes on", within_s=10)

    assert here.process(number) == process
    assert (folder / "prompt.txt").stat().st_mtime > started, "the halt counts as time of the agent"
    (here.worktree() / "go").touch()
    assert watch.result() == "failed"


@pytest.mark.usefixtures("quick")
def test_a_halted_agent_is_neither_silent_nor_too_old(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    _, number = here.sling(BUSY)
    office = here.worker()
    watch = here.watch(office, number)
    wait_until(lambda: here.process(number) and size(here.worktree() / "ticks") > 4, "the agent works")
    freeze(here)
    sessions.keep_frozen(office)
    entry = office.book.find(number)
    assert entry is not None
    silent_since = entry.active_at

    wait_until(lambda: entry.active_at > silent_since, "its silence does not count", within_s=10)

    thaw(here)
    sessions.keep_frozen(office)
    (here.worktree() / "go").touch()
    assert watch.result() == "failed"


@pytest.mark.usefixtures("quick")
def test_no_agent_is_started_in_a_stopped_rig_until_it_goes_on(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    _, number = here.sling("exit 3")
    office = here.worker()
    start = run._start

    def late(*args: object) -> object:
        pytest.fail("started")

    monkeypatch.setattr(run, "_start", late)
    prepare = sessions.worksite.prepare

    def stop_the_rig(*args: object, **more: object) -> object:
        freeze(here)
        return prepare(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(sessions.worksite, "prepare", stop_the_rig)
    watch = here.watch(office, number)
    wait_until(lambda: here.row(number).branch, "the worktree is ready", within_s=20)
    time.sleep(0.5)
    assert watch.thread.is_alive()

    monkeypatch.setattr(run, "_start", start)
    thaw(here)

    assert watch.result() == "failed"


@pytest.mark.usefixtures("quick")
def test_work_in_a_stopped_rig_is_kept_here_and_not_pushed(here: Host) -> None:
    _, number = here.sling("echo half > draft.txt; while ! [ -e go ]; do sleep 0.05; done; exit 3")
    office = here.worker()
    watch = here.watch(office, number)
    wait_until(lambda: here.process(number) and (here.worktree() / "draft.txt").exists(), "the agent works")
    freeze(here)
    (here.worktree() / "go").touch()

    assert watch.result() == "failed"

    row = here.row(number)
    assert row.head_oid
    assert here.at_remote(row.branch, "draft.txt") is None


def test_an_agent_that_hands_in_is_told_to_wait_while_its_rig_is_stopped(here: Host) -> None:
    freeze(here)
    with unit_of_work() as session, pytest.raises(sessions.Halted, match="gt thaw"):
        sessions.check_not_halted(session, rigs.get(session, RIG))
    thaw(here)
    with unit_of_work() as session:
        sessions.check_not_halted(session, rigs.get(session, RIG))
