"""Flower beside a town: queues by rig, workers, and running sessions by bead."""

import json
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.towns import Town, wait_until

pytestmark = pytest.mark.acceptance


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def ask(port: int, path: str) -> Any:
    """What Flower's API answers; None while it does not."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return json.load(answer)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return None


def make_repository(folder: Path) -> None:
    settings = ("-c", "user.name=tester", "-c", "user.email=tester@localhost")
    folder.mkdir()
    for words in (("init", "-q", "-b", "main"), ("commit", "-q", "--allow-empty", "-m", "Begin")):
        subprocess.run(["git", *settings, *words], cwd=folder, check=True, timeout=30)


def test_queues_workers_and_running_sessions_are_shown(town: Town) -> None:
    port = free_port()
    said = town.gt("up", "--flower", "--flower-port", str(port))
    assert f"http://127.0.0.1:{port}/" in said
    make_repository(town.home / "repo")
    town.gt("config", "set", "agents.sleeper.shell", "sleep 60")
    town.gt("rig", "add", "app", str(town.home / "repo"), "--no-gates", "--agent", "sleeper")
    bead = str(town.bd_json("create", "Sleep on it", "--rig", "app")["id"])

    town.gt("sling", bead, "app")

    def running() -> list[str]:
        tasks = ask(port, "/api/tasks?state=STARTED") or {}
        return [task["args"] for task in tasks.values() if task["name"] == "sessions.supervise"]

    shown = wait_until(running, "Flower shows the session", within_s=40, pause_s=0.5)
    assert bead in shown[0]
    workers = wait_until(lambda: ask(port, "/api/workers?refresh=1"), "Flower knows the workers", pause_s=0.5)
    here = town.settings.host_id
    assert {f"{role}@{here}" for role in ("sessions", "refinery", "gates", "town")} <= set(workers)

    def served() -> bool:
        names = {queue["name"] for queue in ask(port, "/api/workers?refresh=1")[f"sessions@{here}"]["active_queues"]}
        return {"rig.app", f"host.{here}"} <= names

    wait_until(served, "the rig's queue is shown", pause_s=0.5)


def test_flower_listens_on_loopback_only(town: Town) -> None:
    port = free_port()

    town.gt("up", "--only", "flower", "--flower-port", str(port))

    assert ask(port, "/api/workers") == {}
    sockets = psutil.Process(town.services()["flower"]).net_connections("inet")
    assert {one.laddr for one in sockets if one.status == psutil.CONN_LISTEN} == {("127.0.0.1", port)}
