"""`gt up` and `gt down`: the processes of this host, started until they are ready, stopped without losing anything."""

import contextlib
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from gastown import clock, config, queue, sessions
from gastown.errors import Conflict, Unavailable
from gastown.runtimes import host
from gastown.town import presence, processes, redis_server, supervision, urls
from gastown.town.processes import Options, Process
from gastown.town.readiness import NotReady, Reading, Watch
from gastown.town.supervision import ProcessState

Say = Callable[[str], None]
Amend = Callable[[list[Process]], list[Process]]
"""Changes which processes are started, and how."""

READY_WITHIN_S = 60.0
# Workers get 30 s to let go of what they do, then Redis and the supervisor a little more.
STOPPED_WITHIN_S = 75.0
# Less than this and databases, logs and worktrees start to fail half-way.
LEAST_FREE_MB = 64
_POLL_S = 0.1
# Each look costs the starting processes a part of their cores.
_READY_POLL_S = 0.2
_STOPPED = frozenset({"STOPPED", "EXITED", "FATAL"})
# Stopped after the workers, in this order: what workers still need while they stop.
_LAST = ("keeper", "redis")


class DiskFull(Unavailable):
    """The town's disk is as good as full."""


class HostTaken(Conflict):
    """Another machine of the town has this host's name."""


class PortTaken(Conflict):
    """Another program listens where Flower should."""


class CannotStart(Unavailable):
    """The town's folder cannot be written."""


def up(settings: config.Settings, options: Options, *, reading: Reading, say: Say, amend: Amend = list) -> float:
    """Start this host's processes (`amend` has the last word) and return, once every one is ready, the seconds it took.

    Refuses when they run already. When one does not come up in a minute, everything is stopped again and NotReady says
    which and why.
    """
    began = clock.monotonic()
    services = supervision.services_dir(settings)
    planned = amend(processes.plan_processes(settings, options, services))
    with _folders(settings) as made, supervision.starting(settings) as lock:
        _preflight(settings, options)
        for name in supervision.end_leftovers(settings):
            say(f"stopped {name}, left over from a start that was cut short")
        _check_host_name(settings, reading)
        if settings.embedded_redis:
            supervision.write_private(services / "redis.conf", redis_server.configuration(settings, made / "redis"))
        supervision.start(settings, planned, processes.environment(settings), lock)
    try:
        _await_ready(settings, Watch(settings, options, reading), planned, say)
    except BaseException:
        with contextlib.suppress(Unavailable):
            down(settings, say=lambda _text: None)
        raise
    return clock.monotonic() - began


@contextlib.contextmanager
def _folders(settings: config.Settings) -> Iterator[Path]:
    try:
        config.make_run_dir(settings.town)
        for folder in (supervision.services_dir(settings), supervision.logs_dir(settings), settings.town / "redis"):
            folder.mkdir(mode=0o700, exist_ok=True)
        yield settings.town
    except OSError as error:
        raise CannotStart(
            f"cannot write in {settings.town}: {error.strerror}", hint="Make room or mend permissions, then `gt up`."
        ) from None


def _preflight(settings: config.Settings, options: Options) -> None:
    """What can be known to fail is refused before anything starts."""
    free = shutil.disk_usage(settings.town).free // 1_000_000
    if free < LEAST_FREE_MB:
        raise DiskFull(f"the town's disk has {free} MB left", hint=f"Make room for {LEAST_FREE_MB} MB, then `gt up`.")
    if settings.redis_url and not queue.redis_answers():
        raise NotReady(
            f"no Redis answers at {urls.mask(settings.redis_url)}", hint="Start it, or mend redis_url in town.toml."
        )
    if options.flower or "flower" in options.only:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", options.flower_port))
            except OSError:
                raise PortTaken(
                    f"port {options.flower_port} is taken", hint="Give another one with --flower-port PORT."
                ) from None


def _check_host_name(settings: config.Settings, reading: Reading) -> None:
    """Refuse a name under which another machine or folder works: each would take the other's sessions for its own."""
    host = settings.host_id
    boot = _boot_of(sessions.make_holder(host, os.getpid()))
    with reading() as session:
        present = [row.id for row in presence.list_present(session, host)]
    if not settings.embedded_database and any(_boot_of(worker) != boot for worker in present):
        raise HostTaken(
            f"workers of another machine are at work under the host name {host}",
            hint="Give this host a name of its own in town.toml (host = ...); if it has just rebooted, wait a minute.",
        )
    if not all(sessions.is_dead_here(worker, host) for worker in present):  # those of this folder have ended by now
        raise HostTaken(
            f"workers of another folder of this machine are at work under the host name {host}",
            hint="Stop those, or give this folder a host name of its own in its town.toml (host = ...).",
        )


def _boot_of(worker_id: str) -> str:
    return worker_id.rpartition(":")[2]


def _await_ready(settings: config.Settings, watch: Watch, planned: list[Process], say: Say) -> None:
    deadline = clock.monotonic() + READY_WITHIN_S
    wanted = {process.name for process in planned}
    while True:
        for name in watch.look(_states(settings)):
            say(f"{name}: ready")
        missing = sorted(wanted - watch.ready)
        if not missing:
            return
        if clock.monotonic() > deadline:
            raise NotReady(
                f"not ready after {READY_WITHIN_S:g} s: {', '.join(missing)}",
                hint=f"Read {supervision.logs_dir(settings) / missing[0]}.log, then `gt up` again.",
            )
        time.sleep(_READY_POLL_S)


def _states(settings: config.Settings) -> list[ProcessState]:
    """The supervisor's list; empty while it is not listening yet."""
    try:
        return supervision.list_processes(settings)
    except supervision.SupervisorAway:
        if not supervision.is_up(settings):
            log = supervision.logs_dir(settings) / "supervisor.out"
            raise NotReady("the supervisor ended", hint=f"Read {log}, then `gt up` again.") from None
        return []


def list_services(settings: config.Settings) -> list[ProcessState]:
    """This host's processes as the supervisor sees them; empty when the town is down here."""
    return supervision.list_processes(settings) if supervision.is_up(settings) else []


def down(settings: config.Settings, *, say: Say) -> bool:
    """Stop this host's processes: ticks and workers first, Redis last. Agents' sessions go on in their grace.

    Return False when nothing ran. Raises SupervisorAway when something does not stop in 75 s.
    """
    if not supervision.services_dir(settings).is_dir():
        return False
    if not supervision.is_up(settings):
        left = supervision.end_leftovers(settings)
        return host.end_zygote(settings.run) or bool(left)
    deadline = clock.monotonic() + STOPPED_WITHIN_S
    with contextlib.suppress(supervision.ShuttingDown):  # somebody else's `gt down` is at it
        for state in _wait_for_list(settings, deadline):
            supervision.ask_to_stop(settings, state.name)
        _await(lambda: all(state.state in _STOPPED for state in _first(settings)), settings, deadline)
        say("workers: stopped")
        supervision.ask_to_shut_down(settings)
    _await(lambda: _is_gone(settings), settings, deadline)
    host.end_zygote(settings.run)  # where a worker had to start one itself
    return True


def _is_gone(settings: config.Settings) -> bool:
    # The supervisor sees the end of a process when something wakes it: asking it does, else a second passes each time.
    with contextlib.suppress(supervision.SupervisorAway):
        supervision.list_processes(settings)
    return not supervision.is_up(settings)


def _first(settings: config.Settings) -> list[ProcessState]:
    return [state for state in supervision.list_processes(settings) if state.name not in _LAST]


def _wait_for_list(settings: config.Settings, deadline: float) -> list[ProcessState]:
    """The processes to stop first; waits for a supervisor that has just been started to listen."""
    while True:
        try:
            return _first(settings)
        except supervision.ShuttingDown:
            raise
        except supervision.SupervisorAway:
            if not supervision.is_up(settings):
                return []
            if clock.monotonic() > deadline:
                raise
        time.sleep(_POLL_S)


def _await(done: Callable[[], bool], settings: config.Settings, deadline: float) -> None:
    while not done():
        if clock.monotonic() > deadline:
            raise supervision.SupervisorAway(
                f"not everything stopped in {STOPPED_WITHIN_S:g} s",
                hint=f"`gt status` shows what runs; look into {supervision.logs_dir(settings)}.",
            )
        time.sleep(_POLL_S / 2)


def stay(settings: config.Settings) -> None:
    """Return when this process is asked to end (ctrl-C, SIGTERM, the terminal closes) or the supervisor is gone."""
    asked = threading.Event()
    before = {
        number: signal.signal(number, lambda *_args: asked.set())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        while not asked.wait(2.0) and supervision.is_up(settings):
            pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
