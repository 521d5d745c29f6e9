"""The first hour of a stranger: what the README says about "your own repository", on a town that really runs."""

import json
import shutil
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from tests.support.towns import Town, wait_until

pytestmark = pytest.mark.acceptance

# Works for as long as a file says, then commits one of its own and hands in.
AGENT = """#!/bin/sh
cat > prompt.txt && rm prompt.txt
echo "at work on $(gt hook)"
while [ -e {hold} ]; do echo working; sleep 0.2; done
echo change > "$(gt hook | sed 's/:.*//;q').txt"
git add . && git commit -qm "Do the work" && gt done && echo "handed in"
"""
ODD_NAMES = ("name with spaces.txt", "-dash", "$(touch pwned).txt", "two\nlines.txt", "ümlaut.txt")
JSON_COMMANDS = (
    "gt status",
    "gt rig list",
    "gt rig show app",
    "gt convoy list",
    "gt mq list",
    "gt mq status",
    "gt feed",
    "gt config list",
    "gt config get default_agent",
    "gt doctor",
    "gt help",
    "gt help glossary",
    "gt db version",
    "gt completion bash",
    "bd list",
    "bd ready",
    "bd blocked",
    "bd count",
    "bd status",
    "bd search work",
    "bd where",
    "bd version",
)


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=Pat", "-c", "user.email=pat@example.com", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


def make_repository(folder: Path, branch: str = "main") -> Path:
    """A repository with a gate of its own and a few odd files."""
    folder.mkdir()
    git(folder, "init", "--quiet", f"--initial-branch={branch}")
    (folder / "check.sh").write_text("#!/bin/sh\ntest -e README\n")
    (folder / "check.sh").chmod(0o755)
    (folder / "README").write_text("A repository.\n")
    for name in ODD_NAMES:
        (folder / name).write_text("odd\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "Begin")
    return folder


@pytest.fixture
def hold(town: Town) -> Path:
    """While this file is there agents go on working; the town's agent is a script that looks for it."""
    script, hold = town.home / "agent.sh", town.home / "hold"
    script.write_text(AGENT.format(hold=hold))
    script.chmod(0o755)
    town.gt("config", "set", "agents.command.shell", str(script))
    town.gt("config", "set", "default_agent", "command")
    return hold


def add_rigs(town: Town) -> dict[str, Path]:
    """A bare repository, a clone of another one, and a checkout without a remote; each rig's commits end up there."""
    work = make_repository(town.home / "work", "trunk")
    bare, origin = town.home / "bare.git", town.home / "origin.git"
    for made in (bare, origin):
        git(town.home, "clone", "--quiet", "--bare", str(work), str(made))
    clone = town.home / "clone"
    git(town.home, "clone", "--quiet", str(origin), str(clone))
    alone = make_repository(town.home / "alone")
    places = {"app": (str(bare), bare), "web": (str(clone), origin), "docs": (f"file://{alone}", alone)}
    for name, (source, _) in places.items():
        town.gt("rig", "add", name, source, "--gate", "test=./check.sh")
    return {name: place for name, (_, place) in places.items()}


def file_bead(town: Town, title: str, rig: str, *more: str) -> str:
    return str(town.bd_json("create", title, "--rig", rig, *more)["id"])


def await_landing(town: Town, bead: str) -> str:
    """The commit that a bead landed as."""
    shown = wait_until(
        lambda: next((row for row in town.bd_json("show", bead) if row["status"] == "closed"), None),
        f"{bead} lands",
        pause_s=0.5,
    )
    return str(shown["landed_sha"])


def follow(town: Town, *argv: str) -> "subprocess.Popen[str]":
    """Start a command that goes on printing."""
    script = "from gastown.cli.entry import gt; gt()"
    return subprocess.Popen(
        [sys.executable, "-c", script, *argv],
        cwd=town.folder,
        env=town.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_strangers_repositories_get_their_agents_commits(town: Town, hold: Path) -> None:
    town.gt("up")
    places = add_rigs(town)
    hold.touch()
    first = file_bead(town, "First", "app")
    second = file_bead(town, "Second, in another repository", "web", "--deps", first)
    third = file_bead(town, "Third", "docs")
    convoy = town.gt_json("convoy", "create", "The first hour", first, second, third)["id"]
    slung = {row["bead_id"]: row["is_offered"] for row in town.gt_json("sling", convoy)}
    assert slung == {first: True, second: False, third: True}

    feed = follow(town, "feed", "--follow", "--json")
    wait_until(lambda: "working" in town.run("gt", "peek", first).stdout, "the agent's output is shown")
    peek = follow(town, "peek", first, "--follow")
    assert town.gt("rig", "remove", "app", status=5).count("\n") == 2
    for command in JSON_COMMANDS:
        program, *argv = command.split()
        assert json.loads(town.run(program, *argv, "--json").stdout) is not None, command
    hold.unlink()

    landed = {bead: await_landing(town, bead) for bead in (first, second, third)}
    for bead, rig, branch in ((first, "app", "trunk"), (second, "web", "trunk"), (third, "docs", "main")):
        assert git(places[rig], "show", f"{branch}:{bead}.txt") == "change"
        assert landed[bead] == git(places[rig], "rev-parse", branch)
        assert set(ODD_NAMES) <= set(git(places[rig], "ls-tree", "-z", "--name-only", branch).split("\0"))
    assert (places["docs"] / f"{third}.txt").read_text() == "change\n", "a clean checkout follows its branch"
    assert git(places["docs"], "status", "--porcelain") == ""
    assert not list(town.home.rglob("pwned"))

    seen, said = peek.communicate(timeout=30)
    assert (peek.returncode, said) == (0, "")
    assert "handed in" in seen
    assert feed.stdout is not None
    closed = (line for line in feed.stdout if json.loads(line)["kind"] == "bead.closed")
    assert len(list(islice(closed, 3))) == 3
    feed.send_signal(signal.SIGINT)
    seen, said = feed.communicate(timeout=30)
    assert (feed.returncode, said.strip()) == (130, "")
    assert "bead.closed" not in seen
    assert f"landed as {landed[first]}" in town.gt("log", first)
    assert town.gt_json("convoy", "status", convoy)["status"] == "landed"
    assert town.gt_json("doctor")["errors"] == 0


def test_work_goes_on_after_every_kind_of_stop(town: Town, hold: Path) -> None:
    repository = make_repository(town.home / "repo")
    town.gt("rig", "add", "app", str(repository), "--gate", "test=false")
    town.gt("up")
    hold.touch()
    bead = file_bead(town, "Long", "app")
    town.gt("sling", bead, "app")
    wait_until(lambda: "working" in town.run("gt", "peek", bead).stdout, "the agent works")

    town.gt("shutdown")
    assert town.processes() == []
    assert "the town was shut down" in town.gt("log", bead)
    assert "slung already" in town.gt("sling", bead, "app", status=3)

    # A second folder may join, under a name of its own, and only while the town's Redis answers.
    words = (
        "--database",
        f"sqlite:///{town.folder / 'gastown.db'}",
        "--redis",
        f"unix://{town.settings.run}/redis.sock",
    )
    assert "Redis" in town.gt("install", str(town.home / "second"), *words, status=6)
    assert not (town.home / "second").exists()
    town.gt("up")
    town.gt("install", str(town.home / "second"), *words)
    second = Town(town.home / "second", town.home, town.env)
    assert "host name" in second.gt("up", status=5)
    shutil.rmtree(second.folder)

    wait_until(lambda: town.gt_json("status")["rigs"][0]["polecats"][0]["bead"] == bead, "the work is taken up again")
    hold.unlink()

    # Its gate is wrong: nothing lands, nobody is blamed, until it is mended.
    wait_until(lambda: town.gt_json("rig", "show", "app")["target_state"] == "red", "the target is seen to be red")
    assert "gt rig set" in town.run("gt", "doctor").stdout
    town.gt("rig", "set", "app", "--gate", "test=./check.sh")
    sha = await_landing(town, bead)
    assert git(repository, "rev-parse", "main") == sha
    assert town.gt_json("log", bead)["attempts"][-1]["state"] == "submitted"
