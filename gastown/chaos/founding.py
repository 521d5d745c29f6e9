"""Founding the town of a chaos run on one or two hosts, and starting it with its faults inside."""

import shlex
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from sqlalchemy import inspect
from sqlmodel import Session

from gastown import config, policy, queue, rigs
from gastown.chaos import launcher, repositories
from gastown.chaos.ground import Ground
from gastown.chaos.launcher import Order
from gastown.chaos.plan import rig_names
from gastown.chaos.servers import PostgresServer
from gastown.chaos.wanted import Wanted, policy_of
from gastown.db import unit_of_work as work
from gastown.errors import Refused
from gastown.town import add_rig, presets, services, setup, urls
from gastown.town.processes import WORKER_ROLES, Options, Process

PRESET = "chaos"
HOST_NAMES = ("alpha", "beta")
# The worker whose clock is ahead, on the last host.
SKEWED = "town"
GATE_TIMEOUT_S = 60
_FAULTY = "gastown.chaos.faulty"


class DatabaseTaken(Refused):
    """The database that was named holds something."""


def found(ground: Ground) -> None:
    """Make the town and its rigs, and start it."""
    wanted = ground.wanted
    config.forget_variables()
    database = _database(ground)
    wanted.folder.mkdir(parents=True, exist_ok=True)
    ground.orders.mkdir()
    ground.journal.touch()
    _install(ground, setup.Wanted(wanted.folder / HOST_NAMES[0], database=database, host=HOST_NAMES[0]))
    config.use(ground.hosts[0])
    ground.transact(partial(_set, wanted=wanted, orders=ground.orders, journal=ground.journal))
    _up(ground, ground.hosts[0])
    for name in HOST_NAMES[1 : wanted.hosts]:
        redis = f"unix://{ground.hosts[0].run / 'redis.sock'}"
        _install(ground, setup.Wanted(wanted.folder / name, database=ground.url, redis=redis, host=name))
        _up(ground, ground.hosts[-1])
    with ThreadPoolExecutor(wanted.rigs) as pool:
        list(pool.map(partial(_add_rig, ground), rig_names(wanted.rigs)))
    queue.warm()


def _database(ground: Ground) -> str:
    wanted = ground.wanted
    if wanted.database == "sqlite":
        return ""
    if wanted.database == "postgresql":
        ground.say("starting a PostgreSQL server of the run's own")
        ground.server = PostgresServer.start()
        return ground.server.url
    url = urls.check_database(wanted.database)
    if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).exists():
        return url  # asked about its tables, it would be made
    with work.reading(url) as session:
        tables = inspect(session.connection()).get_table_names()
    if tables:
        raise DatabaseTaken("the database is not empty", hint="Name an empty one: a run fills it and leaves it so.")
    return url


def _install(ground: Ground, wanted: setup.Wanted) -> None:
    given = replace(wanted, slots=ground.wanted.slots, name="chaos")
    ground.say(f"$ gt install {shlex.quote(str(given.folder))} --host {given.host} --slots {given.slots}")
    made = setup.install(given, work.unit_of_work, actor=ground.wanted.actor)
    ground.hosts.append(made.settings)


def _set(session: Session, *, wanted: Wanted, orders: Path, journal: Path) -> None:
    for name, value in policy_of(wanted).items():
        policy.set_value(session, name, str(value), actor=wanted.actor)
    agent = Path(launcher.__file__).with_name("agent.py")
    words = [shutil.which("python3") or config.python(), "-I", "-S", str(agent), str(orders), str(journal)]
    presets.set_value(session, f"{presets.PREFIX}{PRESET}.shell", f"exec {shlex.join(words)}", actor=wanted.actor)


def _up(ground: Ground, host: config.Settings) -> None:
    is_first = host is ground.hosts[0]
    only = WORKER_ROLES if ground.wanted.beats == 0 or not is_first else (*WORKER_ROLES, "beat")
    ground.say(f"$ gt up   (host {host.host_id})")
    seconds = services.up(
        host,
        Options(only=tuple(only)),
        reading=partial(work.reading, ground.url),
        say=lambda _text: None,
        amend=partial(_amend, ground, host),
    )
    ground.say(f"host {host.host_id} is up ({seconds:.1f} s)")


def _amend(ground: Ground, host: config.Settings, planned: list[Process]) -> list[Process]:
    """Start the workers with their faults inside, and as many beats as are wanted."""
    amended = []
    for process in planned:
        order = ground.wrong() if process.name in WORKER_ROLES else Order()
        if process.name == SKEWED and host is ground.hosts[-1]:
            order = replace(order, ahead_s=ground.wanted.skew_s)
        amended.append(process if order.is_plain else _through_launcher(process, order))
        if process.name == "beat":
            amended += [replace(process, name=f"beat-{number}") for number in range(2, ground.wanted.beats + 1)]
    return amended


def _through_launcher(process: Process, order: Order) -> Process:
    python, _, *words = process.argv  # python -m workers ...
    # As a fork where it would be one, unless its clock is wrong: what was imported has names of its own for the time.
    by_fork = process.by_fork and not order.ahead_s
    return replace(process, argv=(python, "-m", _FAULTY, order.words(), *words), by_fork=by_fork)


def _add_rig(ground: Ground, name: str) -> None:
    remote = repositories.make(ground.wanted.folder / f"{name}.git")
    ground.remotes[name] = remote
    request = add_rig.Request(
        name=name,
        source=str(remote.path),
        cwd=ground.wanted.folder,
        branch=remote.branch,
        gates=[rigs.GateSpec(repositories.GATE_NAME, repositories.GATE, GATE_TIMEOUT_S)],
        agent=PRESET,
    )
    add_rig.add(
        request,
        ground.hosts[0],
        read=partial(work.reading, ground.url),
        write=partial(work.unit_of_work, ground.url),
        actor=ground.wanted.actor,
    )
