"""A town for killing workers in."""

import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gastown import config
from gastown.runtimes import host
from tests.support import scratch
from tests.support.crashpoints import CrashTown, make_crash_town
from tests.support.databases import PostgresServer

Make = Callable[..., CrashTown]


@pytest.fixture
def make(sqlite_template: Path, request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes the test's town, on SQLite or on PostgreSQL, in a short path, since it holds sockets."""
    root = scratch.make("gtk-")
    towns: list[CrashTown] = []
    dropped: list[Callable[[], None]] = []

    def made(shell: str, *, kind: str = "sqlite", gated: bool = False) -> CrashTown:
        if kind == "sqlite":
            shutil.copyfile(sqlite_template, root / "gastown.db")
            url = f"sqlite:///{root / 'gastown.db'}"
        else:
            server: PostgresServer = request.getfixturevalue("postgres_server")
            url = server.create_database()
            dropped.append(lambda: server.drop_database(url))
        towns.append(make_crash_town(root, url, shell, gated=gated))
        return towns[-1]

    yield made
    for town in towns:
        _end(town)
    config.use(None)
    for drop in dropped:
        drop()
    shutil.rmtree(root, ignore_errors=True)


def _end(town: CrashTown) -> None:
    town.clock.close()
    host.end_zygote(config.run_dir(town.settings.town))
    for folder in town.settings.town.glob("sessions/*/run-*"):
        process = host.find(folder)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.keeper_pid, signal.SIGKILL)
            host.wait(process, 5)
