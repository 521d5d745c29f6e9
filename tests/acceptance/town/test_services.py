"""The embedded services, started and stopped for real."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from gastown import config, queue
from gastown.db import get_engine
from gastown.db.engine import dispose
from gastown.town import supervision
from tests.support.towns import ROOT, Town, wait_until

pytestmark = pytest.mark.acceptance

MOST_WAITING = 20  # as beat.app has it, which needs a town to be imported
EVERYTHING = {"redis", "keeper", "sessions", "refinery", "gates", "town", "beat"}


# Enough of a town where the number of its processes does not matter.
SOME = ("--only", "gates,beat")
FEW = {"redis", "gates", "beat"}


def supervisor_pid(town: Town) -> int:
    return int((supervision.services_dir(town.settings) / "supervisor.pid").read_text())


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_the_town_is_ready_when_up_returns_and_gone_when_down_does(town: Town) -> None:
    said = town.gt_json("up")

    status = town.gt_json("status")
    assert status["up"]
    assert {service["name"] for service in status["services"]} == EVERYTHING
    assert {worker["role"] for worker in status["workers"] if worker["present"]} == {
        "sessions",
        "refinery",
        "gates",
        "town",
    }
    pids = {service["name"]: service["pid"] for service in status["services"]}
    assert all(is_alive(pid) for pid in pids.values())
    assert {worker["pid"] for worker in status["workers"]} <= set(pids.values())
    assert said["ready_s"] > 0

    assert town.gt_json("down")["stopped"]

    assert not any(is_alive(pid) for pid in pids.values())
    assert town.processes() == []
    after = town.gt_json("status")
    assert not after["up"]
    assert after["workers"] == []


def test_a_second_up_is_refused_and_changes_nothing(shared_town: Town) -> None:
    before = shared_town.services()

    said = shared_town.gt("up", status=5)

    assert re.fullmatch(r"Error: the town at \S+ is up already on this host\nHint: .*gt status.*\n", said)
    assert shared_town.services() == before


def test_installing_a_town_that_is_up_says_so_and_changes_nothing(shared_town: Town) -> None:
    before = shared_town.services()

    assert "nothing was changed" in shared_town.gt("install", str(shared_town.folder))
    assert shared_town.services() == before


def test_no_process_listens_on_a_port(shared_town: Town) -> None:
    listening = [
        (pid, connection.laddr)
        for pid in shared_town.processes()
        for connection in psutil.Process(pid).net_connections("inet")
    ]

    assert listening == []


def test_sockets_and_files_are_the_owners_alone(shared_town: Town) -> None:
    settings = shared_town.settings
    private = [settings.run, *(settings.town / name for name in ("services", "logs", "redis"))]
    sockets = [path for path in settings.run.iterdir() if path.is_socket()]

    assert len(sockets) >= 3
    assert [path for path in [*private, *sockets] if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize("name", ["sessions", "redis", "town", "beat"])
def test_a_process_is_started_again_when_it_is_killed(shared_town: Town, name: str) -> None:
    killed = shared_town.services()[name]

    os.kill(killed, signal.SIGKILL)

    wait_until(
        lambda: shared_town.services().get(name, killed) != killed, f"{name} starts again", within_s=40, pause_s=0.5
    )
    wait_until(lambda: set(shared_town.services()) == EVERYTHING, "everything runs", within_s=40, pause_s=0.5)


def test_nothing_hinders_the_next_up_when_the_supervisor_was_killed(town: Town) -> None:
    town.gt("up", *SOME)
    before = town.services()

    os.kill(supervisor_pid(town), signal.SIGKILL)
    said = town.gt("up", *SOME)

    assert "The town is up" in said
    assert set(town.services()) == FEW
    assert not any(is_alive(pid) for pid in before.values())


def test_nothing_hinders_the_next_up_when_everything_was_killed_at_once(town: Town) -> None:
    """As after a power cut: sockets, locks and pid files are there, processes are not."""
    town.gt("up", *SOME)
    pids = [supervisor_pid(town), *town.services().values()]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for pid in pids:
        wait_until(lambda pid=pid: not is_alive(pid), "it is gone")  # type: ignore[misc]
    # The number of the dead supervisor belongs to an innocent process now.
    (supervision.services_dir(town.settings) / "supervisor.pid").write_text(str(os.getpid()))
    (supervision.services_dir(town.settings) / "redis.lock").write_text(str(os.getpid()))

    town.gt("up", *SOME)

    assert set(town.services()) == FEW


def test_down_and_up_are_harmless_when_there_is_nothing_to_do(town: Town) -> None:
    assert town.gt_json("down")["stopped"] is False
    town.gt("up", "--only", "beat")

    assert set(town.services()) == {"redis", "beat"}


def test_everything_stops_when_foreground_is_asked_to_end(town: Town) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "gastown", "up", "--foreground", *SOME],
        env=town.env,
        cwd=town.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as stays:
        assert stays.stdout is not None
        for line in stays.stdout:
            if line.startswith("The town is up"):
                break
        assert stays.poll() is None
        assert set(town.services()) == FEW
        stays.send_signal(signal.SIGTERM)
        stays.communicate(timeout=60)

    assert stays.returncode == 0
    assert town.processes() == []


# In every interpreter of the town: the refinery does not get as far as the town's settings.
BROKEN = """
import sys

class NoRefinery:
    def find_spec(self, name, path=None, target=None):
        if name == "workers.app" and "refinery" in sys.argv:
            sys.exit("no refinery today")

sys.meta_path.insert(0, NoRefinery())
"""


def test_up_stops_again_what_it_started_when_a_process_does_not_come_up(town: Town) -> None:
    (town.home / "broken").mkdir()
    (town.home / "broken" / "sitecustomize.py").write_text(BROKEN)
    town.env["PYTHONPATH"] = f"{town.home / 'broken'}{os.pathsep}{ROOT}"

    said = town.gt("up", status=6)

    assert "refinery does not start: no refinery today" in said
    assert "refinery.log" in said
    assert len(said.splitlines()) == 2
    assert town.processes() == []


def test_up_is_refused_when_the_disk_is_read_only(town: Town) -> None:
    """The locks' folder is replaced by a file: nobody, root included, can write in it."""
    services = supervision.services_dir(town.settings)
    services.write_text("in the way")

    said = town.gt("up", status=6)

    assert re.match(r"Error: cannot write in \S+: ", said)
    assert town.processes() == []


def test_up_is_refused_when_the_database_is_newer(town: Town) -> None:
    with get_engine(town.settings.database).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    dispose()

    said = town.gt("up", status=3)

    assert "newer version" in said
    assert town.processes() == []


def test_up_is_refused_when_the_redis_that_was_named_is_away(new_town: Callable[..., Town], redis_url: str) -> None:
    town = new_town("--redis", redis_url)
    toml = town.folder / config.TOWN_FILE
    toml.write_text(toml.read_text().replace(redis_url, "redis://:hush@127.0.0.1:1/0"))

    said = town.gt("up", status=6)

    assert re.match(r"Error: no Redis answers at redis://:\*\*\*@127.0.0.1:1/0\n", said)
    assert town.processes() == []


def test_a_host_with_redis_of_its_own_service_starts_none(new_town: Callable[..., Town], redis_url: str) -> None:
    town = new_town("--redis", redis_url)

    town.gt("up", "--only", "gates,town,beat")

    assert set(town.services()) == {"gates", "town", "beat"}


def test_up_is_refused_when_flowers_port_is_taken(town: Town) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        said = town.gt("up", "--flower", "--flower-port", str(port), status=5)

    assert f"port {port} is taken" in said
    assert town.processes() == []


def test_a_town_in_a_folder_with_odd_characters_comes_up(new_town: Callable[..., Town]) -> None:
    plain = new_town()
    odd = plain.home / "a b'd\"e $(id) | f"
    plain.folder.rename(odd)
    town = Town(odd, plain.home, plain.env)
    try:
        town.gt("up", "--only", "sessions,beat")
        assert set(town.services()) == {"redis", "keeper", "sessions", "beat"}
    finally:
        town.close()


def test_ticks_do_not_pile_up_when_nobody_takes_them(town: Town) -> None:
    town.gt("up", "--only", "beat")
    config.use(town.settings)
    try:
        for _ in range(MOST_WAITING + 1):
            queue.get_app().send_task("town.reconcile", queue=queue.TOWN_QUEUE)
        log = supervision.logs_dir(town.settings) / "beat.log"
        wait_until(lambda: "not sent" in log.read_text(), "beat holds a tick back", within_s=30)
        with queue.get_app().connection_for_read() as connection:
            waiting = connection.default_channel._size(queue.TOWN_QUEUE)
    finally:
        config.use(None)

    assert waiting <= MOST_WAITING + 3


def test_shutdown_of_an_idle_town_stops_it(town: Town) -> None:
    town.gt("up", *SOME)

    assert town.gt_json("shutdown")["agents_left"] == 0

    assert town.processes() == []
    town.gt("up", *SOME)
    assert town.gt("config", "get", "dispatch.paused").strip().endswith("0")


def test_logs_say_what_happened(shared_town: Town) -> None:
    logs = supervision.logs_dir(shared_town.settings)

    for name in ("sessions", "refinery", "gates", "town"):
        assert f"{name}@" in (logs / f"{name}.log").read_text()
    assert shutil.disk_usage(logs).free > 0
    assert not [path for path in Path(logs).iterdir() if path.stat().st_mode & 0o077]
