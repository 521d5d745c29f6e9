"""Whole towns for tests: made in a short temporary folder, started for real, driven through `gt` and `bd` as people do.

A town's processes are known by its folder, which is in their environment or on their command line, so that tearing down
ends exactly those, whatever became of their parents.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlmodel import Session

from gastown import config
from gastown.db import unit_of_work as work
from gastown.db.engine import dispose
from gastown.town import redis_server
from tests.support import residents, scratch
from tests.support.stragglers import end_processes_of, processes_of

ROOT = Path(__file__).parents[2]
COMMAND_WITHIN_S = 90
WAIT_WITHIN_S = 60
PROGRAMS = {name: str(Path(sysconfig.get_path("scripts")) / name) for name in ("gt", "bd")}

T = TypeVar("T")


class CommandFailed(AssertionError):
    """A command ended with another status than the test expects."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """A whole environment for commands: PATH is the caller's, HOME their own, the checkout is on PYTHONPATH.

    One resident runs the commands of all towns, as it does for a person; `gt up` and its like never go there.
    """
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        **residents.environment(),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",
        "PYTHONPATH": str(ROOT),
        "GT_ACTOR": "tester",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        **more,
    }


def run(
    program: str,
    *args: str,
    env: Mapping[str, str],
    cwd: Path,
    stdin: str = "",
    timeout_s: float = COMMAND_WITHIN_S,
    through: Sequence[str] = (),
) -> "subprocess.CompletedProcess[str]":
    """Run `gt` or `bd` as a process, `through` another command if one is given; return what it did."""
    # Behind another command lies another machine, or part of one: the resident of this one is no help there.
    alone = {"GASTOWN_RESIDENT": "off"} if through else {}
    return subprocess.run(
        [*through, PROGRAMS[program], *args],
        env={**env, **alone},
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def wait_until(condition: Callable[[], T], what: str, within_s: float = WAIT_WITHIN_S, pause_s: float = 0.05) -> T:
    """The first true answer of `condition`; fails with `what` when there is none in time."""
    deadline = time.monotonic() + within_s
    while True:
        asked = time.monotonic()
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        # Who asks with a command leaves at least as much to those whom they wait for.
        time.sleep(max(pause_s, time.monotonic() - asked))


@dataclass
class Town:
    """One host's part of a town."""

    folder: Path
    home: Path
    env: dict[str, str] = field(default_factory=dict)
    through: Sequence[str] = ()
    """A command in front of each command, such as one that enters a network."""

    @property
    def settings(self) -> config.Settings:
        """The town's settings, read anew."""
        return config.load(self.folder, {})

    def run(self, program: str, *args: str, stdin: str = "", timeout_s: float = COMMAND_WITHIN_S) -> Any:
        """Run a command in the town, whatever its status."""
        return run(
            program, *args, env=self.env, cwd=self.folder, stdin=stdin, timeout_s=timeout_s, through=self.through
        )

    def _checked(self, program: str, args: tuple[str, ...], status: int, stdin: str, timeout_s: float) -> str:
        done = self.run(program, *args, stdin=stdin, timeout_s=timeout_s)
        if done.returncode != status:
            raise CommandFailed(
                f"{program} {' '.join(args)}: status {done.returncode}, not {status}\n{done.stdout}{done.stderr}"
            )
        return str(done.stdout if status == 0 else done.stderr)

    def gt(self, *args: str, status: int = 0, stdin: str = "", timeout_s: float = COMMAND_WITHIN_S) -> str:
        """Run `gt`, expecting `status`; return what it printed (to standard error when it is to fail)."""
        return self._checked("gt", args, status, stdin, timeout_s)

    def bd(self, *args: str, status: int = 0, stdin: str = "") -> str:
        """Run `bd`, expecting `status`."""
        return self._checked("bd", args, status, stdin, COMMAND_WITHIN_S)

    def gt_json(self, *args: str) -> Any:
        """The object that `gt ... --json` prints."""
        return json.loads(self.gt(*args, "--json"))

    def bd_json(self, *args: str) -> Any:
        """The object that `bd ... --json` prints."""
        return json.loads(self.bd(*args, "--json"))

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """A reading session on the town's database."""
        with work.reading(self.settings.database) as session:
            yield session

    def services(self) -> dict[str, int]:
        """The supervised processes that run, by name."""
        return {row["name"]: row["pid"] for row in self.gt_json("status")["services"] if row["pid"]}

    def processes(self) -> list[int]:
        """Every process on this machine that belongs to the town, agents and their keepers included."""
        return processes_of(self.folder)

    def close(self) -> None:
        """Stop everything and remove the folder; never fails, and leaves no process behind."""
        end_processes_of(self.folder)
        dispose()
        shutil.rmtree(config.run_dir(self.folder), ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)


def make_town(*install: str, through: Sequence[str] = (), **more: str) -> Town:
    """Install a town in a new temporary folder; `install` are more arguments of `gt install`, `more` variables."""
    home = scratch.make("gt-")
    folder = home / "town"
    env = environment(home, **more)
    done = run("gt", "install", str(folder), *install, env=env, cwd=home, through=through)
    town = Town(folder, home, env, through)
    if done.returncode != 0:
        town.close()
        raise CommandFailed(f"gt install: {done.stdout}{done.stderr}")
    return town


@pytest.fixture
def new_town() -> Iterator[Callable[..., Town]]:
    """Makes towns that are torn down after the test."""
    made: list[Town] = []

    def make(*install: str, through: Sequence[str] = (), **more: str) -> Town:
        town = make_town(*install, through=through, **more)
        made.append(town)
        return town

    yield make
    for town in made:
        town.close()


@pytest.fixture
def town(new_town: Callable[..., Town]) -> Town:
    """A town that is installed and not up."""
    return new_town()


@pytest.fixture(scope="module")
def shared_town() -> Iterator[Town]:
    """A town that is up, for the tests of a module that leave it so."""
    made = make_town()
    try:
        made.gt("up")
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis that is no town's own, on a private socket; dies with the tests."""
    folder = scratch.make("gt-redis-")
    path = folder / "redis.sock"
    words = ["--port", "0", "--unixsocket", str(path), "--dir", str(folder), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen([redis_server.program(), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: path.exists() or server.poll() is not None, "Redis listens", within_s=20)
        yield f"unix://{path}"
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
