"""A town whose agents are the real Claude Code and Codex, and whose only way out is a scripted model server."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gastown import assignments, beads
from gastown.assignments import Assignment
from tests.support import agent_clis, model_server
from tests.support.model_server import Recorded, Step
from tests.support.towns import COMMAND_WITHIN_S, Town, make_town, new_town, town, wait_until

__all__ = ["new_town", "town"]

KEYS = {"claude": ("ANTHROPIC_API_KEY", "key-of-claude-7f3a91"), "codex": ("OPENAI_API_KEY", "key-of-codex-52bd04")}
ATTEMPTS = 2  # failed ones after which a person is asked
SUM = "def add(a, b):\n    return a + b\n"
TEST = """import unittest

from sums import add


class AddTest(unittest.TestCase):
    def test_adds(self):
        self.assertEqual(add(2, 3), 5)
"""


@dataclass
class Village:
    """A town with one rig, which is up, and the model that its agents ask."""

    town: Town
    scripts: model_server.Scripts
    remote: Path

    def file_bead(self, name: str, steps: Sequence[Step], title: str = "Write a file") -> str:
        """A bead of the rig whose agent will follow these steps."""
        text = f"Say hello to the world. {self.scripts.add(name, steps)}"
        return str(self.town.bd_json("create", title, "--rig", "app", "--description", text)["id"])

    def await_status(self, bead: str, *wanted: str, within_s: float = 60) -> dict[str, Any]:
        """The bead's story once it has one of these statuses."""

        wait_until(lambda: status_of(self.town, bead) in wanted, f"{bead} is {' or '.join(wanted)}", within_s=within_s)
        story: dict[str, Any] = self.town.gt_json("log", bead)
        return story

    def attempts(self, bead: str) -> Sequence[Assignment]:
        """The bead's attempts as they are in SQL, oldest first."""
        with self.town.read() as session:
            return assignments.history(session, bead)

    def run_folder(self, attempt: Assignment, run: int = 1) -> Path:
        """Where one run of an attempt left its files."""
        return self.town.folder / "sessions" / str(attempt.id) / f"run-{run}"

    def asked(self, name: str) -> list[Recorded]:
        """What the agents of one script asked the model, in order."""
        return self.scripts.of(name)

    def git(self, *words: str) -> str:
        """What git says in the rig's remote."""
        return git(self.remote, *words)


def status_of(made: Town, bead: str) -> str:
    """The bead's status, from SQL: asking through `gt` in a loop would slow down what is waited for."""
    with made.read() as session:
        return str(beads.get(session, bead).status)


def git(folder: Path, *words: str) -> str:
    """Run git as nobody in particular."""
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    person = ["-c", "user.name=pat", "-c", "user.email=pat@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *person, *words], cwd=folder, env=env, capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout.strip()


def make_remote(folder: Path) -> Path:
    """A bare repository with a module and its test on main."""
    seed, remote = folder / "seed", folder / "remote.git"
    seed.mkdir()
    (seed / "sums.py").write_text(SUM)
    (seed / "test_sums.py").write_text(TEST)
    (seed / ".gitignore").write_text("__pycache__/\nsetup-was-run\n")
    git(seed, "init", "--quiet")
    git(seed, "add", ".")
    git(seed, "commit", "--quiet", "--message", "Add sums")
    git(folder, "clone", "--quiet", "--bare", str(seed), str(remote))
    return remote


def add_rig(made: Town, remote: Path, *more: str) -> str:
    """Add the rig `app` with a real test suite as its gate."""
    return made.gt("rig", "add", "app", str(remote), "--gate", "test=python3 -m unittest", *more)


@pytest.fixture(scope="session")
def clis() -> agent_clis.Clis:
    """The real command lines; where they cannot be had, CI fails and others skip."""
    found = agent_clis.install()
    if found.folder is None:
        if os.environ.get("CI"):
            pytest.fail(found.reason)
        pytest.skip(found.reason)
    return found


def up(made: Town, space: agent_clis.LoopbackOnly | None) -> None:
    """`gt up`, where possible inside a network that has nothing but loopback: the agents inherit it."""
    argv = [sys.executable, "-c", "from gastown.cli.entry import gt; gt()", "up", "--json"]
    done = subprocess.run(
        argv if space is None else space.wrap(argv),
        env=made.env,
        cwd=made.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["ready_s"] > 0


@pytest.fixture(scope="module")
def village(clis: agent_clis.Clis) -> Iterator[Village]:
    """One town for the tests of a module; each has its own beads."""
    network = agent_clis.LoopbackOnly()
    space = None if network.open() else network
    made = make_town()
    try:
        with model_server.running(space.listen() if space else None) as server:
            made.env |= agent_clis.prepare_home(made.home, server.url, f"{clis.bin}:{made.env['PATH']}")
            made.env |= {"TMPDIR": "/tmp", **dict(KEYS.values())}
            made.gt("config", "set", "cooldown_s", "0")
            made.gt("config", "set", "cap.agent_failures", str(ATTEMPTS))
            remote = make_remote(made.home)
            add_rig(made, remote, "--agent", "claude")
            up(made, space)
            yield Village(made, server.scripts, remote)
    finally:
        made.close()
        network.close()


@pytest.fixture
def bare_town(new_town: Callable[..., Town]) -> Town:
    """A town that is not up, with a repository beside it; nothing in its environment logs an agent in."""
    made = new_town()
    make_remote(made.home)
    return made
