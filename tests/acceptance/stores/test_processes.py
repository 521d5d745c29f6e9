"""Whole processes on one folder: several at once, and some of them killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import residents
from tests.support.towns import PROGRAMS

BD = (sys.executable, "-c", "from gastown.cli.entry import bd; bd()")
WITHIN_S = 120
ROUNDS = 3


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GASTOWN_RESIDENT": "off",
        "BEADS_ACTOR": "ada",
        "GIT_CONFIG_NOSYSTEM": "1",
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def start(project: Path, environment: dict[str, str], *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*BD, *words], cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(project: Path, environment: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command that nobody kills: by the resident of the tests."""
    variables = {name: value for name, value in environment.items() if name != "GASTOWN_RESIDENT"}
    return subprocess.run(
        [PROGRAMS["bd"], *words],
        cwd=project,
        env=variables | residents.environment(),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


def measure(project: Path, environment: dict[str, str], *words: str) -> float:
    """The seconds that a command takes when nobody kills it."""
    begun = time.monotonic()
    process = start(project, environment, *words)
    _, said = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 0, said
    return time.monotonic() - begun


def kill_in(process: "subprocess.Popen[str]", seconds: float) -> None:
    """Kill the process when it has run so long, unless it has ended by then."""
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=WITHIN_S)


def line(number: int) -> str:
    moment = "2026-01-01T00:00:00Z"
    bead = {"id": f"web-{number:04x}", "title": f"Bead {number}", "status": "open", "priority": 2, "issue_type": "task"}
    return json.dumps({**bead, "created_at": moment, "updated_at": moment}) + "\n"


def test_of_several_inits_at_once_one_makes_the_store(project: Path, environment: dict[str, str]) -> None:
    started = [start(project, environment, "init", "--prefix", f"p{number}") for number in range(6)]
    ended = [(process.communicate(timeout=WITHIN_S), process.returncode) for process in started]

    codes = sorted(code for _, code in ended)
    assert codes == [0, 10, 10, 10, 10, 10], ended
    assert not [text for (_, text), _ in ended if "Traceback" in text]
    assert run(project, environment, "doctor").returncode == 0
    assert (project / "AGENTS.md").read_text().count("BEGIN BEADS") == 1


def test_an_init_that_is_killed_at_any_moment_is_no_store_or_a_whole_one(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    dice = random.Random(20260101)
    lines = "".join(line(number) for number in range(1500))
    whole = tmp_path / "timed"
    (whole / ".beads").mkdir(parents=True)
    (whole / ".beads" / "issues.jsonl").write_text(lines)
    takes = measure(whole, environment, "init")
    seen = set()

    for number in range(ROUNDS):
        project = tmp_path / f"project{number}"
        (project / ".beads").mkdir(parents=True)
        (project / ".beads" / "issues.jsonl").write_text(lines)
        kill_in(start(project, environment, "init"), takes * (0.3 + 0.8 * dice.random()))

        is_made = (project / ".beads" / "beads.db").exists()
        seen.add(is_made)
        again = run(project, environment, "init")
        assert again.returncode == (10 if is_made else 0), again.stderr
        assert len(run(project, environment, "list", "--limit", "0", "--json").stdout.split('"id"')) > 1500
        assert run(project, environment, "doctor", "--deep").returncode == 0
        assert (project / ".beads" / "issues.jsonl").read_text() == lines
    assert False in seen, "no init was killed before its end"


def test_a_forced_init_that_is_killed_loses_no_bead(tmp_path: Path, environment: dict[str, str]) -> None:
    dice = random.Random(7)
    project = tmp_path / "project"
    project.mkdir()
    assert run(project, environment, "init", "-q", "--prefix", "app").returncode == 0
    bead = run(project, environment, "q", "precious").stdout.strip()
    takes = measure(project, environment, "init", "--force", "-q")

    for _ in range(ROUNDS):
        kill_in(start(project, environment, "init", "--force", "-q"), takes * (0.5 + 0.6 * dice.random()))
        assert run(project, environment, "doctor").returncode == 0
    copies = json.loads(run(project, environment, "backup", "status", "--json").stdout)["backups"]
    assert all(copy["beads"] is not None for copy in copies)
    holders = [copy["path"] for copy in copies if copy["beads"]]
    assert holders
    assert run(project, environment, "backup", "restore", holders[-1]).returncode == 0
    assert run(project, environment, "show", bead).returncode == 0


def test_the_doctor_finds_nothing_while_others_write(project: Path, environment: dict[str, str]) -> None:
    assert run(project, environment, "init", "-q", "--prefix", "app").returncode == 0
    epic = run(project, environment, "create", "all", "-t", "epic", "--silent").stdout.strip()
    writers = [start(project, environment, "create", f"w{number}", "--parent", epic) for number in range(6)]
    doctors = [start(project, environment, "doctor") for _ in range(2)]
    copies = [start(project, environment, "backup", "sync") for _ in range(2)]
    ended = [(process.communicate(timeout=WITHIN_S), process.returncode) for process in (*writers, *doctors, *copies)]

    assert [code for _, code in ended] == [0] * 10, ended
    assert run(project, environment, "doctor").returncode == 0
    made = json.loads(run(project, environment, "children", epic, "--json").stdout)
    assert sorted(bead["id"] for bead in made) == [f"{epic}.{number}" for number in range(1, 7)]
