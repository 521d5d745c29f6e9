"""The supervisor's program: what a process that is forked from its imports is, and how it ends."""

import dataclasses
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from gastown import config
from gastown.config import Settings
from gastown.town import supervision
from gastown.town.processes import Process
from tests.support.stragglers import end_processes_of
from tests.support.towns import ROOT, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks of imported code are Linux's")

# What the processes of these tests do, by their first argument.
ODD = """
import atexit, os, signal, sys, threading, time

how = sys.argv[1]
if how == "tell":
    umask = os.umask(0)
    print("argv", sys.argv[1:], "name", __name__)
    print("sqlmodel", "sqlmodel" in sys.modules, "cwd", os.getcwd(), "umask", oct(umask))
    print("services", "GASTOWN_SERVICES" in os.environ, "supervisor", any("SUPERVISOR" in name for name in os.environ))
    print("own", os.environ.get("OWN"), "given", os.environ.get("GIVEN"))
    print("int", signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    others = (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR2)
    print("defaults", all(signal.getsignal(number) == signal.SIG_DFL for number in others))
    print("blocked", sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
    print("open", sorted(int(n) for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")))
elif how == "exit":
    sys.exit(int(sys.argv[2]))
elif how == "words":
    sys.exit("this went wrong")
elif how == "raise":
    raise LookupError("nothing is there")
elif how == "late":
    atexit.register(lambda: print("at the end"))
    threading.Thread(target=lambda: (time.sleep(0.3), print("a thread is done"))).start()
    print("the program is done")
elif how == "wait":
    time.sleep(60)
"""


class Supervised:
    """A town's folder with a supervisor of processes that are no workers."""

    def __init__(self, settings: Settings, code: Path) -> None:
        self.settings = settings
        self.code = code

    def start(self, *processes: Process, **more: str) -> None:
        """Start the supervisor."""
        for folder in (supervision.services_dir(self.settings), supervision.logs_dir(self.settings)):
            folder.mkdir(parents=True, exist_ok=True)
        config.make_run_dir(self.settings.town)
        path = os.pathsep.join([str(ROOT), str(self.code)])
        with supervision.starting(self.settings) as lock:
            supervision.start(self.settings, list(processes), {**os.environ, "PYTHONPATH": path, **more}, lock)

    def states(self) -> Mapping[str, supervision.ProcessState]:
        """What the supervisor says, by name; empty before it listens."""
        try:
            return {state.name: state for state in supervision.list_processes(self.settings)}
        except supervision.SupervisorAway:
            return {}

    def pid(self, name: str) -> int:
        """The number of one that runs, else 0."""
        state = self.states().get(name)
        return state.pid if state is not None else 0

    def ended(self, name: str) -> supervision.ProcessState | None:
        """The state of one that has ended."""
        state = self.states().get(name)
        return state if state is not None and state.state == "EXITED" else None

    def said_at(self, words: str) -> list[datetime]:
        """When the supervisor wrote lines with these words."""
        lines = [line for line in self.log("supervisor").splitlines() if words in line]
        return [datetime.fromisoformat(line[:23].replace(",", ".")) for line in lines]

    def log(self, name: str) -> str:
        """What one has written."""
        path = supervision.logs_dir(self.settings) / f"{name}.log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    """One with a module `odd` that its processes may run."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "odd.py").write_text(ODD)
    made = Supervised(Settings(tmp_path / "town"), code)
    yield made
    end_processes_of(tmp_path)


def odd(name: str, *words: str, **more: object) -> Process:
    process = Process(name, (config.python(), "-m", "odd", *words), 30, start_s=0, may_end=True, by_fork=True)
    return dataclasses.replace(process, **more)  # type: ignore[arg-type]


def private_share(pid: int) -> float:
    """How much of its memory a process shares with nobody."""
    memory = psutil.Process(pid).memory_full_info()
    return memory.uss / memory.rss


def test_a_fork_has_its_place_and_nothing_of_the_supervisor(supervised: Supervised) -> None:
    supervised.start(odd("teller", "tell", "a b", "$HOME;", env={"OWN": "mine"}), GIVEN="from the caller")

    wait_until(lambda: supervised.ended("teller"), "it has told")

    run = config.make_run_dir(supervised.settings.town)
    assert supervised.log("teller").splitlines()[:7] == [
        "argv ['tell', 'a b', '$HOME;'] name __main__",
        f"sqlmodel True cwd {run} umask 0o77",
        "services False supervisor False",
        "own mine given from the caller",
        "int True",
        "defaults True",
        "blocked []",
    ]
    files = supervised.log("teller").splitlines()[7]
    assert files == "open [0, 1, 2, 3]", "its streams and its lock"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("exit", "0"), 0, ""),
        (("exit", "3"), 3, ""),
        (("words",), 1, "this went wrong\n"),
        (("raise",), 1, "LookupError: nothing is there\n"),
        (("late",), 0, "the program is done\na thread is done\nat the end\n"),
    ],
    ids=["zero", "a number", "words", "an error", "after its threads"],
)
def test_a_fork_ends_as_an_interpreter_does(
    supervised: Supervised, words: tuple[str, ...], code: int, said: str
) -> None:
    supervised.start(odd("ender", *words, start_s=30))

    wait_until(lambda: "exited: ender (" in supervised.log("supervisor"), "it has ended")

    assert f"exited: ender (exit status {code};" in supervised.log("supervisor")
    assert supervised.log("ender").endswith(said)
    assert "child process was not spawned" not in supervised.log("ender")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_a_fork_and_not_its_supervisor(supervised: Supervised, number: signal.Signals) -> None:
    supervised.start(odd("waiter", "wait"))
    before = wait_until(lambda: supervised.pid("waiter"), "it runs")

    os.kill(before, number)

    wait_until(lambda: supervised.pid("waiter") not in (0, before), "it is started again")
    assert "received SIG" not in supervised.log("supervisor").replace("received SIGCHLD", "")


def test_what_ended_is_started_again_without_waiting_for_a_poll(supervised: Supervised) -> None:
    """The log is looked at and not the supervisor asked, which would wake it; the best of three, on a busy machine."""
    supervised.start(odd("waiter", "wait"))
    wait_until(lambda: supervised.pid("waiter"), "it runs")
    took = []
    for times in (1, 2, 3):
        wait_until(lambda times=times: len(supervised.said_at("spawned: 'waiter'")) == times, "it is started")
        killed = datetime.fromtimestamp(time.time())  # noqa: DTZ006 - the log's local time
        os.kill(
            int(supervised.log("supervisor").rpartition("spawned: 'waiter' with pid ")[2].split()[0]), signal.SIGKILL
        )
        wait_until(lambda times=times: len(supervised.said_at("spawned: 'waiter'")) == times + 1, "it is there again")
        took.append((supervised.said_at("spawned: 'waiter'")[-1] - killed).total_seconds())
    assert min(took) < 0.5, took


def test_a_supervisor_that_is_asked_to_begins_anew(supervised: Supervised) -> None:
    supervised.start(odd("waiter", "wait"))
    before = wait_until(lambda: supervised.pid("waiter"), "it runs")
    supervisor = int((supervision.services_dir(supervised.settings) / "supervisor.pid").read_text())

    os.kill(supervisor, signal.SIGHUP)

    wait_until(lambda: supervised.pid("waiter") not in (0, before), "it is started again")
    assert not psutil.pid_exists(before)
    assert psutil.Process(supervised.pid("waiter")).ppid() == supervisor
    assert supervision.is_up(supervised.settings)


def test_what_is_imported_once_is_shared(supervised: Supervised) -> None:
    # The one apart comes later: an interpreter that writes what it has compiled into a folder of the path changes it.
    forked, apart = odd("forked", "wait"), odd("apart", "wait", by_fork=False, order=40)
    supervised.start(forked, apart)
    wait_until(lambda: all(supervised.pid(name) for name in ("forked", "apart")), "both run")
    pids = {name: supervised.pid(name) for name in ("forked", "apart")}
    wait_until(lambda: "gt forked" in " ".join(psutil.Process(pids["forked"]).cmdline()), "its title tells its name")
    wait_until(lambda: psutil.Process(pids["apart"]).cmdline()[1:3] == ["-m", "odd"], "the other is what it will be")

    assert psutil.Process(pids["forked"]).memory_info().rss > 3 * psutil.Process(pids["apart"]).memory_info().rss
    assert private_share(pids["forked"]) < 0.3


def test_code_that_changed_is_imported_anew(supervised: Supervised) -> None:
    """Else a worker that is started again after an upgrade would mix what was imported with what is there now."""
    supervised.start(odd("worker", "wait"))
    before = wait_until(lambda: supervised.pid("worker"), "it runs")

    (supervised.code / "installed.py").write_text("")
    os.kill(before, signal.SIGKILL)

    wait_until(lambda: supervised.pid("worker") not in (0, before), "it is started again")
    fresh = psutil.Process(supervised.pid("worker"))
    wait_until(lambda: fresh.cmdline()[1:3] == ["-m", "odd"], "it has an interpreter of its own")


def test_imports_that_fail_leave_each_process_to_itself(supervised: Supervised) -> None:
    (supervised.code / "psycopg.py").write_text("raise ImportError('half an upgrade')")

    supervised.start(odd("ender", "exit", "0"), PYTHONPATH=os.pathsep.join([str(supervised.code), str(ROOT)]))

    wait_until(lambda: supervised.ended("ender"), "it has run by itself")
    assert "half an upgrade" in supervised.log("supervisor")
