"""Which processes a host of the town runs, and how each is started and stopped. Decides only; starts nothing."""

import multiprocessing
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import gastown
from gastown import config, queue
from gastown.errors import Bug, Invalid
from gastown.runtimes import host
from gastown.town import redis_server

WORKER_ROLES = ("sessions", "refinery", "gates", "town")
ROLES = (*WORKER_ROLES, "beat", "flower")
FLOWER_PORT = 5555

# A worker says to Flower that it lives; our own presence rows are what decides.
_HEARTBEAT_S = 10
# A session costs its worker a handful (its socket, its agent's calls, its exit); the usual limit is 1,024.
_WORKER_FILES = 65536
# Threads of the sessions worker beyond the slots: for adoption while every slot is taken.
_SPARE_THREADS = 2


class UnknownRole(Invalid):
    """No process of the town has this role."""


@dataclass(frozen=True)
class Process:
    """One process that the supervisor keeps alive."""

    name: str
    argv: tuple[str, ...]
    order: int
    """Started from low to high, stopped from high to low."""
    stop_s: int = 10
    """Seconds between the request to stop and SIGKILL."""
    kill_group: bool = False
    """Whether SIGKILL goes to its children as well; never where agents or their keepers could be among them."""
    start_s: int = 3
    """Seconds after which a start counts as one that worked: dying earlier makes the next one wait longer."""
    open_files: int = 0
    """Files it may have open at once, as far as the system lets us; 0 for the limit we were started with."""
    may_end: bool = False
    """Whether ending by itself with exit code 0 is right."""
    by_fork: bool = False
    """Whether it is `python -m MODULE ...` of ours, which may start as a fork of one that has imported all."""
    env: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.by_fork and self.argv[1:2] != ("-m",):
            raise Bug(f"{self.name} is no module: it cannot be a fork")


@dataclass(frozen=True)
class Options:
    """What `gt up` was asked for."""

    only: tuple[str, ...] = ()
    """Roles of this host; empty for all."""
    flower: bool = False
    flower_port: int = FLOWER_PORT


def plan_processes(settings: config.Settings, options: Options, services: Path) -> list[Process]:
    """The processes of this host, in starting order; refuses roles that there are not."""
    roles = _roles(options)
    planned = []
    if settings.embedded_redis:
        planned.append(Process("redis", (redis_server.program(), str(services / "redis.conf")), 10, start_s=1))
    if "sessions" in roles:
        planned.append(_keeper(settings))
    planned += [_worker(role, settings) for role in WORKER_ROLES if role in roles]
    if "beat" in roles:
        argv = _python("-m", "beat", "--loglevel", settings.log_level)
        planned.append(Process("beat", argv, 40, start_s=1, by_fork=True))
    if "flower" in roles:
        planned.append(_flower(settings, options))
    return planned


def _roles(options: Options) -> frozenset[str]:
    unknown = sorted(set(options.only) - set(ROLES))
    if unknown:
        raise UnknownRole(f"no process has the role {unknown[0]!r}", hint=f"Roles: {', '.join(ROLES)}.")
    roles = frozenset(options.only or (*WORKER_ROLES, "beat"))
    return roles | {"flower"} if options.flower else roles


def _python(*args: str) -> tuple[str, ...]:
    return (config.python(), *args)


def _keeper(settings: config.Settings) -> Process:
    script = Path(gastown.__file__).parent / "runtimes" / "keeper.py"
    socket = str(settings.run / host.SOCKET_NAME)
    # The sessions' keepers are forks of this one that must outlive it: never its group. It ends at once, with code 0,
    # where an earlier one still serves the socket. Every session's keeper inherits its environment: nothing of ours.
    clean = ("/usr/bin/env", "-i", f"PATH={os.defpath}", "LANG=C.UTF-8")
    argv = (*clean, *_python("-I", "-S", str(script), socket))
    return Process("keeper", argv, 20, stop_s=5, start_s=0, may_end=True)


def _worker(role: str, settings: config.Settings) -> Process:
    here = settings.host_id
    pools = {
        "sessions": ("threads", settings.slots + _SPARE_THREADS),
        "refinery": ("threads", 1),
        "gates": ("threads", settings.gate_runners),
        "town": ("prefork" if has_semaphores() else "threads", 1),
    }
    # The queues of rigs are followed by the worker itself; with none named here it would begin on the town's.
    queues = {"sessions": queue.host_queue(here), "gates": queue.GATES_QUEUE, "town": queue.TOWN_QUEUE}
    pool, concurrency = pools[role]
    argv = (
        *_python("-m", "workers"),
        *("--role", role, "--hostname", f"{role}@{here}"),
        *("--pool", pool, "--concurrency", str(concurrency)),
        *(("--queues", queues[role]) if role in queues else ()),
        *("--task-events", "--without-gossip", "--without-mingle", "--heartbeat-interval", str(_HEARTBEAT_S)),
        *("--loglevel", settings.log_level),
    )
    return Process(role, argv, 30, stop_s=30, kill_group=pool == "prefork", open_files=_WORKER_FILES, by_fork=True)


def has_semaphores() -> bool:
    """Whether processes may share semaphores here: a prefork pool needs them, and small containers lack /dev/shm."""
    try:
        multiprocessing.get_context("spawn").Lock()
    except (OSError, ImportError):
        return False
    return True


def _flower(settings: config.Settings, options: Options) -> Process:
    argv = (*_python("-m", "celery", "-A", "workers"), "flower", "--address=127.0.0.1", f"--port={options.flower_port}")
    # Flower's own API is open, since only this machine can reach the port; without that its pages cannot refresh.
    return Process("flower", argv, 50, env={"FLOWER_UNAUTHENTICATED_API": "true"})


def environment(settings: config.Settings) -> dict[str, str]:
    """What every process of the town finds in its environment: the caller's, the town's folder, our packages' path."""
    inherited = {key: value for key, value in config.environment().items() if not key.startswith("GT_SESSION")}
    inherited["GASTOWN_TOWN"] = str(settings.town)
    root = Path(gastown.__file__).parents[1]
    if root.name not in {"site-packages", "dist-packages"}:  # a checkout that is not installed
        path = inherited.get("PYTHONPATH", "")
        inherited["PYTHONPATH"] = os.pathsep.join([str(root), path]) if path else str(root)
    return inherited


def become(settings: config.Settings, role: str) -> NoReturn:
    """Turn this process into the one of `role`, where something else than `gt up` keeps it alive."""
    folder = config.make_run_dir(settings.town)
    planned = {
        process.name: process
        for process in plan_processes(settings, Options(only=ROLES), folder)
        if process.name in (*ROLES, "keeper")
    }
    if role not in planned:
        raise UnknownRole(f"no process has the role {role!r}", hint=f"Roles: {', '.join(sorted(planned))}.")
    process = planned[role]
    os.chdir(folder)
    os.umask(0o077)
    os.execve(process.argv[0], process.argv, {**environment(settings), **process.env})  # noqa: S606 - no shell
