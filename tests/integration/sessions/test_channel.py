"""An agent's commands over the session's socket."""

import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gastown.cli import session_client
from gastown.sessions.channel import Answer, Channel


class Pump:
    """The part of a supervising thread that answers."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self.done.is_set():
            if select.select([self.channel.fileno()], [], [], 0.05)[0]:
                self.channel.accept()

    def stop(self) -> None:
        self.done.set()
        self.thread.join(timeout=10)
        self.channel.close()


@pytest.fixture
def asked() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def served(tmp_path: Path, asked: list[dict[str, Any]]) -> Iterator[Path]:
    def answer(number: int, request: dict[str, Any]) -> Answer:
        asked.append(request)
        if request["argv"] == ["explode"]:
            raise RuntimeError("boom")
        return Answer(f"{number} {' '.join(request['argv'])}\n", "careful\n", 5)

    path = tmp_path / "s.sock"
    pump = Pump(Channel(path, 7, answer))
    yield path
    pump.stop()


def call(path: Path, *argv: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    client = Path(session_client.__file__)
    env = {"GT_SESSION_SOCKET": str(path), "GT_SESSION_PASS": "secret", "PATH": os.environ["PATH"]}
    words = [sys.executable, "-I", "-S", str(client), "gt", *argv]
    return subprocess.run(words, env=env, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def test_output_errors_and_status_come_back(served: Path, asked: list[dict[str, Any]]) -> None:
    done = call(served, "done", "--json")
    assert (done.stdout, done.stderr, done.returncode) == ("7 done --json\n", "careful\n", 5)
    assert asked[0]["pass"] == "secret"
    assert asked[0]["program"] == "gt"


def test_standard_input_is_sent_only_when_it_is_asked_for(served: Path, asked: list[dict[str, Any]]) -> None:
    call(served, "handoff", "--stdin", stdin="a note")
    call(served, "prime", stdin="not for you")
    assert [request["stdin"] for request in asked] == ["a note", ""]


def test_a_command_that_fails_inside_says_so_and_harms_nobody(served: Path) -> None:
    assert call(served, "explode").returncode == 70
    assert call(served, "prime").returncode == 5


def test_nonsense_is_dropped(served: Path) -> None:
    for junk in (b"\n", b"[1]\n", b"{" * 100 + b"\n", b"\xff\xfe\n"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(served))
            connection.sendall(junk)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100) == b""
    assert call(served, "prime").returncode == 5


def test_a_call_waits_for_the_next_worker_when_none_serves(tmp_path: Path) -> None:
    path = tmp_path / "late.sock"
    found: list[int] = []
    caller = threading.Thread(target=lambda: found.append(call(path, "done").returncode))
    caller.start()
    assert caller.is_alive()
    pump = Pump(Channel(path, 1, lambda _n, _r: Answer("", "", 0)))
    caller.join(timeout=30)
    pump.stop()
    assert found == [0]


def test_an_adopter_takes_the_path_and_the_old_worker_leaves_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    old = Channel(path, 1, lambda _n, _r: Answer("old", "", 0))
    new = Pump(Channel(path, 1, lambda _n, _r: Answer("new", "", 0)))
    old.close()
    assert path.exists()
    assert call(path, "prime").stdout == "new"
    new.stop()
    assert not path.exists()


def test_the_socket_is_private(served: Path) -> None:
    assert served.stat().st_mode & 0o077 == 0


def test_a_call_waits_while_the_database_is_away(tmp_path: Path) -> None:
    away = [Answer("", "Error: the database is away\n", 6, is_away=True)] * 3
    path = tmp_path / "a.sock"
    pump = Pump(Channel(path, 1, lambda _n, _r: away.pop() if away else Answer("done\n", "", 0)))

    done = call(path, "done")

    pump.stop()
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)
    assert not away


def test_a_call_waits_longer_for_a_database_than_for_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage is nothing that an agent could mend; where no worker is, somebody should be told."""
    answers: list[dict[str, Any]] = [{"err": "Error: the database is away\n", "away": True}] * 3
    monkeypatch.setenv("GT_SESSION_SOCKET", "/nowhere")
    monkeypatch.setattr(session_client, "PATIENCE_S", 0.0)
    monkeypatch.setattr(session_client, "_ask", lambda _path, _request: answers.pop() if answers else {"out": "done"})
    assert session_client.call("gt", ["done"], "") == {"out": "done"}

    answers += [{"err": "Error: the database is away\n", "away": True}]
    monkeypatch.setattr(session_client, "AWAY_PATIENCE_S", 0.0)
    given_up = session_client.call("gt", ["done"], "")
    assert (given_up["code"], given_up["err"].splitlines()[0]) == ("6", "Error: the database is away")
