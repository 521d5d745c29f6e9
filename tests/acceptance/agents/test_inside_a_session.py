"""What an agent has around it: no secret but its own, and commands that wait for a worker that is away."""

import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gastown import assignments, sessions
from gastown.town import supervision
from tests.support.towns import Town, make_town, wait_until

from .conftest import add_rig, git, make_remote, status_of

pytestmark = pytest.mark.acceptance

OWN_KEY = "own-key-of-the-agent-31c9"
# What the person who starts the town may have in their shell, none of which is an agent's business.
FOREIGN = {
    "AWS_SECRET_ACCESS_KEY": "cloud-secret-8812",
    "ANTHROPIC_API_KEY": "other-agents-key-0417",
    "GITHUB_TOKEN": "forge-token-5563",
    "GASTOWN_LOG_LEVEL": "DEBUG",
    "PGPASSWORD": "database-password-9027",
}
SETUP_GATE = "setup=test -e setup-was-run"
SECRETS = [OWN_KEY, *(value for name, value in FOREIGN.items() if name != "GASTOWN_LOG_LEVEL")]


@dataclass
class Place:
    """A town that is up, and its one rig's repository."""

    town: Town
    remote: Path

    def sling(self, title: str, script: str) -> str:
        """Have an agent run this shell script on a new bead."""
        bead = str(self.town.bd_json("create", title, "--rig", "app")["id"])
        (self.town.home / f"{bead}.sh").write_text(script)
        self.town.gt("sling", bead, "app")
        return bead

    def attempt(self, bead: str) -> assignments.Assignment:
        """The bead's newest attempt."""
        with self.town.read() as session:
            return assignments.history(session, bead)[-1]

    def await_run(self, bead: str) -> Path:
        """The folder of the agent's run, once the agent has made `$TMPDIR/here`."""

        def look() -> Path | None:
            with self.town.read() as session:
                row = next(iter(assignments.history(session, bead)), None)
            folder = sessions.run_dir(self.town.settings, row.id or 0, 1) if row else None
            return folder if folder and (folder / "tmp" / "here").exists() else None

        return wait_until(look, "the agent is at work")

    def await_landing(self, bead: str) -> str:
        """The commit of the closed bead."""

        ends = ("closed", "escalated")
        wait_until(lambda: status_of(self.town, bead) in ends, f"{bead} has landed")
        story = self.town.gt_json("log", bead)
        assert story["status"] == "closed", json.dumps(story["attempts"], indent=1)
        return str(story["landed_sha"])


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    made = make_town()
    try:
        made.env |= {**FOREIGN, "OWN_KEY": OWN_KEY, "GASTOWN_DATABASE_URL": f"sqlite:///{made.folder / 'gastown.db'}"}
        remote = make_remote(made.home)
        made.gt("config", "set", "agents.mine.shell", 'sh "$HOME/$GT_BEAD.sh"')
        made.gt("config", "set", "agents.mine.login_env", "OWN_KEY")
        add_rig(made, remote, "--agent", "mine", "--setup", "echo done > setup-was-run", "--gate", SETUP_GATE)
        made.gt("up")
        yield Place(made, remote)
    finally:
        made.close()


def pausing(name: str, then: str = "gt done") -> str:
    """An agent that commits a file, says so, and goes on when `$TMPDIR/go` is made."""
    return (
        f"gt prime && echo hi > {name}.txt && git add {name}.txt && git commit -qm 'Add {name}' && "
        f'touch "$TMPDIR/here" && while ! test -e "$TMPDIR/go"; do sleep 0.05; done; {then}'
    )


def environ_of(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return dict(pair.decode().split("=", 1) for pair in pairs if b"=" in pair)


def read_command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def files_with(folder: Path, words: list[str]) -> list[tuple[str, str]]:
    """Every file under a folder that holds one of the words, with the word."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            with contextlib.suppress(FileNotFoundError):
                data = path.read_bytes()
                found += [(str(path), word) for word in words if word.encode() in data]
    return found


def test_agent_gets_its_own_login_and_no_other_secret(place: Place) -> None:
    bead = place.sling("discreet", pausing("discreet"))
    folder = place.await_run(bead)
    card = json.loads((folder / "keeper.json").read_text())
    agent, keeper = environ_of(card["agent_pid"]), environ_of(card["keeper_pid"])
    command_lines = [read_command_line(pid) for pid in place.town.processes()]
    (folder / "tmp" / "go").touch()
    place.await_landing(bead)

    secrets = [*SECRETS, agent["GT_SESSION_PASS"]]
    assert agent["OWN_KEY"] == OWN_KEY
    # Names the session's folder, by which its processes are known; nothing else of the town's own is handed on.
    assert [name for name in agent if name.startswith("GASTOWN_")] == ["GASTOWN_RESIDENT", "GASTOWN_SESSION_DIR"]
    assert not FOREIGN.keys() & agent.keys()
    assert not [name for name, value in agent.items() if "redis" in value or "sqlite" in value or ".db" in value]
    assert not [name for name, value in keeper.items() if value in secrets or name.startswith("GASTOWN_")], keeper
    assert len(command_lines) > 5
    assert not [line for line in command_lines for word in secrets if word.encode() in line]
    assert files_with(place.town.folder, secrets) == []
    assert files_with(place.remote, secrets) == []
    assert files_with(place.town.folder, ["Add discreet"]), "nothing would be found at all"


def test_worktree_is_set_up_before_the_agent_starts_when_the_rig_has_a_setup_command(place: Place) -> None:
    bead = place.sling("ready", f"cat setup-was-run; gt prime; {pausing('ready')}")
    folder = place.await_run(bead)
    (folder / "tmp" / "go").touch()
    place.await_landing(bead)

    output = (folder / "stdout.log").read_text()
    assert output.startswith("done\n"), output
    assert "`echo done > setup-was-run` was run here before you" in output
    assert (folder / "tmp" / "setup.log").read_text() == "exit status 0\n"


def refuses(path: Path) -> bool:
    """Whether nobody listens on the socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return True
    return False


def clients(town: Town) -> list[int]:
    """The processes that wait for an answer to an agent's `gt`."""
    return [pid for pid in town.processes() if b"session_client.py" in read_command_line(pid)]


def test_gt_done_waits_and_succeeds_when_the_worker_is_killed_before_it(place: Place) -> None:
    bead = place.sling("patient", pausing("patient", 'gt done; echo "$?" > "$TMPDIR/status"'))
    folder = place.await_run(bead)
    before = place.attempt(bead)
    channel = sessions.socket_path(place.town.settings, before.id or 0)
    assert not refuses(channel)

    supervisor = int((supervision.services_dir(place.town.settings) / "supervisor.pid").read_text())
    worker = place.town.services()["sessions"]
    os.kill(supervisor, signal.SIGSTOP)  # else there is a new worker before the call
    try:
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: refuses(channel), "the worker is gone")
        (folder / "tmp" / "go").touch()
        wait_until(lambda: clients(place.town), "gt done was called", pause_s=0.01)
        called_in_vain = refuses(channel)
    finally:
        os.kill(supervisor, signal.SIGCONT)
    sha = place.await_landing(bead)

    assert called_in_vain
    assert (folder / "tmp" / "status").read_text() == "0\n"
    after = place.attempt(bead)
    assert (after.id, after.fence, after.runs) == (before.id, before.fence, 1)
    assert after.holder != before.holder
    assert git(place.remote, "log", "-1", "--format=%H", "main", "--", "patient.txt")
    assert git(place.remote, "branch", "--contains", sha) == "* main"


FORBIDDEN = {
    "gt down": 3,
    "gt config set default_agent codex": 3,
    'gt sling "$GT_BEAD" app': 3,
    "gt rig remove app": 3,
    'bd close "$GT_BEAD"': 1,
    "bd show no-such-bead": 1,
    "gt no-such-command": 2,
}


@pytest.mark.parametrize("words", ["", " --status NO_CHANGE --reason looked"])
def test_second_gt_done_succeeds_and_changes_nothing(words: str, place: Place) -> None:
    done = f'gt done{words}; echo "$?" >> "$TMPDIR/statuses"'
    bead = place.sling("anxious", f'{pausing(f"anxious{len(words)}", done)}; {done}; touch "$TMPDIR/over"')
    folder = place.await_run(bead)
    (folder / "tmp" / "go").touch()
    wait_until((folder / "tmp" / "over").exists, "both calls were answered")

    assert (folder / "tmp" / "statuses").read_text() == "0\n0\n", (folder / "stderr.log").read_text()
    with place.town.read() as session:
        assert len(assignments.history(session, bead)) == 1


def test_agent_is_told_what_to_do_when_a_command_is_not_for_it(place: Place) -> None:
    calls = [
        f'{call} > "$TMPDIR/out" 2> "$TMPDIR/err.{number}"; echo "$?" >> "$TMPDIR/statuses"'
        for number, call in enumerate(FORBIDDEN)
    ]
    bead = place.sling(
        "curious", "\n".join([*calls, 'touch "$TMPDIR/here"', "gt done --status NO_CHANGE --reason looked"])
    )

    scratch = place.await_run(bead) / "tmp"

    assert [int(line) for line in (scratch / "statuses").read_text().split()] == list(FORBIDDEN.values())
    for number, call in enumerate(FORBIDDEN):
        errors = (scratch / f"err.{number}").read_text()
        assert errors.startswith("Error"), call
        assert 1 <= errors.count("\n") <= 2, errors
        assert not any(word in errors for word in ("--force", "delete", "reset", "Traceback")), errors
