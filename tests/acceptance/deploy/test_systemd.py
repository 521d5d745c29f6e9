"""The units, started, killed, restarted and stopped under a systemd of their own."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect
from sqlmodel import Session

from gastown.db.engine import make_engine
from gastown.town import presence, redis_server
from tests.support import systemd_machine
from tests.support.databases import PostgresServer
from tests.support.systemd_machine import Machine
from tests.support.towns import ROOT, wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.systemd, pytest.mark.timeout(300)]

UNITS = ROOT / "deploy" / "systemd"
TOWN = "/var/lib/gastown/town"
ROLES = {"sessions", "refinery", "gates", "town"}
ENABLED = ("gastown-beat", *(f"gastown-worker@{role}" for role in sorted(ROLES)))
REDIS_UNIT = """
[Service]
Type=exec
RuntimeDirectory=gt-redis
ExecStart={program} --port 0 --unixsocket /run/gt-redis/redis.sock --unixsocketperm 777 --dir /run/gt-redis --save ""
"""
# Asks the keeper for a session as a worker does; prints the agent's process id.
START_SESSION = f"""
from pathlib import Path
from gastown.runtimes import host
folder = Path("{TOWN}/sessions/by-hand/run-1")  # no number of an attempt: those are ended when no row has them
folder.mkdir(parents=True)
spec = host.SessionSpec(dir=folder, argv=("sleep", "600"), cwd=folder, env={{"PATH": "/usr/bin:/bin"}}, grace_s=600)
print(host.start(Path("{TOWN}/run/keeper.sock"), spec).agent_pid)
"""


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty PostgreSQL database."""
    url = postgres_server.create_database(empty=True)
    yield url
    postgres_server.drop_database(url)


def _visible_tmp() -> str:
    """The line that lets units see this checkout when it lies where their private /tmp would hide it."""
    hidden = [str(path) for path in (ROOT, sys.prefix) if str(path).startswith(("/tmp/", "/var/tmp/"))]
    return f"BindReadOnlyPaths={' '.join(hidden)}\n" if hidden else ""


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def machine(database: str, postgres_server: PostgresServer) -> Iterator[Machine]:
    """A machine with the units as deploy/README.md installs them, PostgreSQL and a Redis service."""
    reason = systemd_machine.why_not()
    if reason:
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    gt = f'#!/bin/sh\nexport PYTHONPATH={ROOT} PYTHONDONTWRITEBYTECODE=1\nexec {sys.executable} -m gastown "$@"\n'
    settings = {
        "GASTOWN_TOWN": TOWN,
        "GASTOWN_HOST": "inner",
        "GASTOWN_DATABASE_URL": database.replace(str(postgres_server.folder), "/srv/postgres"),
        "GASTOWN_REDIS_URL": "unix:///run/gt-redis/redis.sock",
    }
    files = {
        "/opt/gastown/bin/gt": gt,
        "/etc/gastown/gastown.env": "".join(f"{name}={value}\n" for name, value in settings.items()),
        "/etc/systemd/system/redis-server.service": REDIS_UNIT.format(program=redis_server.program()),
        # The interpreter of these tests may live in somebody's home or under /tmp; an installed one does not.
        "/etc/systemd/system/gastown-.service.d/tests.conf": f"[Service]\nProtectHome=no\n{_visible_tmp()}",
        "/usr/lib/sysusers.d/gastown.conf": (UNITS / "gastown.sysusers.conf").read_text(),
        **{
            f"/etc/systemd/system/{path.relative_to(UNITS)}": path.read_text()
            for path in UNITS.rglob("*.*")
            if path.is_file()
        },
    }
    before = postgres_server.folder.stat().st_mode
    postgres_server.folder.chmod(0o711)  # the inner machine's user may connect
    with systemd_machine.machine(files, shown={postgres_server.folder: "/srv/postgres"}) as made:
        yield made
    postgres_server.folder.chmod(before)


@pytest.fixture
def workers(database: str) -> Iterator[Callable[..., set[str]]]:
    """Reads from outside which workers are on the town's list: all, or those of one role."""
    engine = make_engine(database)

    def read(*roles: str) -> set[str]:
        if not inspect(engine).has_table("workers"):
            return set()  # the set-up has not come so far
        with Session(engine) as session:
            return {row.id for row in presence.list_workers(session) if not roles or row.role in roles}

    yield read
    engine.dispose()


def as_gastown(machine: Machine, command: str) -> str:
    """What a shell command prints that the town's user runs with the town's settings."""
    script = f"cd {TOWN} && set -a && . /etc/gastown/gastown.env && export PYTHONPATH={ROOT} && {command}"
    return machine.run("setpriv", "--reuid=gastown", "--regid=gastown", "--init-groups", "sh", "-c", script).stdout


def start_session(machine: Machine) -> int:
    """An agent under the keeper; its process id inside."""
    return int(as_gastown(machine, f"{sys.executable} -B - <<'END'\n{START_SESSION}\nEND\n"))


def all_there(workers: Callable[..., set[str]], but: set[str] | None = None) -> None:
    """Wait until a worker of every role is there that is none of `but`."""
    wait_until(lambda: all(workers(role) - (but or set()) for role in ROLES), "every worker says hello", within_s=90)


def test_the_town_lives_through_kills_and_restarts(machine: Machine, workers: Callable[..., set[str]]) -> None:
    machine.run("systemctl", "enable", *ENABLED)
    machine.run("systemctl", "start", "redis-server.service", "gastown.target")
    all_there(workers)
    status = json.loads(as_gastown(machine, "/opt/gastown/bin/gt status --json"))
    assert status["town"]["host"] == "inner"
    agent = start_session(machine)
    group = f"/proc/{agent}/cgroup"
    assert "gastown-keeper.service" in machine.run("cat", group).stdout

    # Killed: systemd starts it again, and the agent never notices.
    killed = workers("sessions")
    machine.run("systemctl", "kill", "--signal=KILL", "--kill-who=main", "gastown-worker@sessions.service")
    all_there(workers, killed)
    assert machine.show("gastown-worker@sessions.service", "NRestarts") == "1"

    # Restarted, as an upgrade does.
    before = workers("sessions", "refinery")
    machine.run("systemctl", "restart", "gastown-worker@sessions.service", "gastown-worker@refinery.service")
    machine.run("systemctl", "restart", "gastown-keeper.service", "gastown-beat.service")
    all_there(workers, before)
    assert workers() & before == killed
    assert "gastown-keeper.service" in machine.run("cat", group).stdout

    # Stopped: nothing of the town is left but the agent in its grace.
    machine.run("systemctl", "stop", "gastown.target")
    wait_until(lambda: workers() == killed, "workers said goodbye", within_s=60)
    for unit in (*(f"gastown-worker@{role}" for role in ROLES), "gastown-keeper", "gastown-beat"):
        wait_until(lambda unit=unit: machine.show(unit, "ActiveState") != "deactivating", f"{unit} stops")  # type: ignore[misc]
        assert machine.show(unit, "ActiveState") == "inactive"
        assert machine.show(unit, "Result") == "success", machine.journal(unit)
    assert "sleep" in machine.run("cat", f"/proc/{agent}/cmdline").stdout


def test_the_town_comes_up_when_redis_comes_late(machine: Machine, workers: Callable[..., set[str]]) -> None:
    machine.run("systemctl", "enable", *ENABLED)
    machine.run("systemctl", "start", "--no-block", "gastown.target")
    wait_until(
        lambda: machine.show("gastown-migrate.service", "Result") == "exit-code", "the set-up misses Redis", within_s=60
    )

    machine.run("systemctl", "start", "redis-server.service")

    all_there(workers)
