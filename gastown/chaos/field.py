"""The town of a chaos run: founded in a folder of its own on one or two hosts, started with its faults inside."""

import shlex
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlmodel import Session

from gastown import beads, config, convoys, policy, queue, rigs, sling
from gastown.beads import NewBead
from gastown.chaos import launcher, repositories
from gastown.chaos.collect import Remote
from gastown.chaos.launcher import Order
from gastown.chaos.plan import Kind, Step, rig_names
from gastown.chaos.servers import PostgresServer
from gastown.chaos.wanted import Wanted, policy_of
from gastown.db import unit_of_work as work
from gastown.errors import Refused
from gastown.town import add_rig, presets, services, setup
from gastown.town.processes import WORKER_ROLES, Options, Process

T = TypeVar("T")
Say = Callable[[str], None]

PRESET = "chaos"
HOST_NAMES = ("alpha", "beta")
# The worker whose clock is ahead, on the last host.
SKEWED = "town"
GATE_TIMEOUT_S = 60
_AT_ONCE = 50


class DatabaseTaken(Refused):
    """The database that was named holds something."""


@dataclass
class Field:
    """Where the run happens."""

    wanted: Wanted
    say: Say
    hosts: list[config.Settings] = field(default_factory=list)
    remotes: dict[str, Remote] = field(default_factory=dict)
    server: PostgresServer | None = None
    ids: dict[int, str] = field(default_factory=dict)
    """Beads by the number of their step."""
    convoys: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The town's database."""
        return self.hosts[0].database

    @property
    def journal(self) -> Path:
        """The agents' journal."""
        return self.wanted.folder / "journal.jsonl"

    @property
    def orders(self) -> Path:
        """What the agents are told, a file a bead."""
        return self.wanted.folder / "orders"

    @property
    def tally(self) -> Path:
        """A letter for each doorbell that went wrong."""
        return self.wanted.folder / "doorbells"

    def transact(self, act: Callable[[Session], T]) -> T:
        """Run `act` in a unit of work."""
        return work.transact(act, self.url)

    def ask(self, look: Callable[[Session], T]) -> T:
        """What `look` sees."""
        with work.reading(self.url) as session:
            return look(session)

    def wrong(self) -> Order:
        """What is wrong with the doorbells that our processes ring."""
        wanted = self.wanted
        share = wanted.doorbell_faults / 100
        if wanted.drop_doorbells:
            return Order(lost=1, tally=str(self.tally))
        return Order(lost=share, doubled=share, overtaken=share, seed=wanted.seed, tally=str(self.tally))


def found(field: Field) -> None:
    """Make the town and its rigs, and start it."""
    wanted = field.wanted
    wanted.folder.mkdir(parents=True, exist_ok=True)
    field.orders.mkdir()
    field.journal.touch()
    config.forget_variables()
    database = _database(field)
    _install(field, setup.Wanted(wanted.folder / HOST_NAMES[0], database=database, host=HOST_NAMES[0]))
    config.use(field.hosts[0])
    field.transact(partial(_set, wanted=wanted, orders=field.orders, journal=field.journal))
    _up(field, field.hosts[0])
    for name in HOST_NAMES[1 : wanted.hosts]:
        redis = f"unix://{field.hosts[0].run / 'redis.sock'}"
        _install(field, setup.Wanted(wanted.folder / name, database=field.url, redis=redis, host=name))
        _up(field, field.hosts[-1])
    with ThreadPoolExecutor(wanted.rigs) as pool:
        list(pool.map(partial(_add_rig, field), rig_names(wanted.rigs)))
    queue.warm()


def _database(field: Field) -> str:
    wanted = field.wanted
    if wanted.database == "sqlite":
        return ""
    if wanted.database == "postgresql":
        field.say("starting a PostgreSQL server of the run's own")
        field.server = PostgresServer.start()
        return field.server.url
    url = setup.urls.check_database(wanted.database)
    from sqlalchemy import inspect

    from gastown.db.engine import get_engine

    if inspect(get_engine(url)).get_table_names():
        raise DatabaseTaken("the database is not empty", hint="Name an empty one: a run fills it and leaves it so.")
    return url


def _install(field: Field, wanted: setup.Wanted) -> None:
    given = replace(wanted, slots=field.wanted.slots, name="chaos")
    field.say(f"$ gt install {shlex.quote(str(given.folder))} --host {given.host} --slots {given.slots}")
    made = setup.install(given, work.unit_of_work, actor=field.wanted.actor)
    field.hosts.append(made.settings)


def _set(session: Session, *, wanted: Wanted, orders: Path, journal: Path) -> None:
    for name, value in policy_of(wanted).items():
        policy.set_value(session, name, str(value), actor=wanted.actor)
    agent = Path(launcher.__file__).with_name("agent.py")
    words = [shutil.which("python3") or config.python(), "-I", "-S", str(agent), str(orders), str(journal)]
    presets.set_value(session, f"{presets.PREFIX}{PRESET}.shell", f"exec {shlex.join(words)}", actor=wanted.actor)


def _up(field: Field, host: config.Settings) -> None:
    is_first = host is field.hosts[0]
    only = WORKER_ROLES if field.wanted.beats == 0 or not is_first else (*WORKER_ROLES, "beat")
    field.say(f"$ gt up   (host {host.host_id})")
    seconds = services.up(
        host,
        Options(only=tuple(only)),
        reading=partial(work.reading, field.url),
        say=lambda _text: None,
        amend=partial(_amend, field, host),
    )
    field.say(f"host {host.host_id} is up ({seconds:.1f} s)")


def _amend(field: Field, host: config.Settings, planned: list[Process]) -> list[Process]:
    """Start the workers with their faults inside, and as many beats as are wanted."""
    amended = []
    for process in planned:
        order = field.wrong() if process.name in WORKER_ROLES else Order()
        if process.name == SKEWED and host is field.hosts[-1]:
            order = replace(order, ahead_s=field.wanted.skew_s)
        amended.append(process if order.is_plain else _through_launcher(process, order))
        if process.name == "beat":
            amended += [replace(process, name=f"beat-{number}") for number in range(2, field.wanted.beats + 1)]
    return amended


def _through_launcher(process: Process, order: Order) -> Process:
    python, _, _, *words = process.argv  # python -m celery ...
    return replace(process, argv=(python, launcher.__file__, order.words(), *words))


def _add_rig(field: Field, name: str) -> None:
    remote = repositories.make(field.wanted.folder / f"{name}.git")
    field.remotes[name] = remote
    request = add_rig.Request(
        name=name,
        source=str(remote.path),
        cwd=field.wanted.folder,
        branch=remote.branch,
        gates=[rigs.GateSpec(repositories.GATE_NAME, repositories.GATE, GATE_TIMEOUT_S)],
        agent=PRESET,
    )
    add_rig.add(
        request,
        field.hosts[0],
        read=partial(work.reading, field.url),
        write=partial(work.unit_of_work, field.url),
        actor=field.wanted.actor,
    )


def fill(field: Field, steps: Sequence[Step]) -> None:
    """File the beads and the convoys, tell the agents what to do, and sling it all."""
    actor = field.wanted.actor
    prefixes = field.ask(lambda session: {rig.name: rig.prefix for rig in rigs.list_all(session)})

    def file(session: Session, some: Sequence[Step]) -> dict[int, str]:
        made = dict(field.ids)
        for step in some:
            new = NewBead(
                title=f"{step.kind} bead {step.number}",
                prefix=prefixes[step.rig],
                priority=step.priority,
                deps=tuple(made[need] for need in step.needs),
            )
            made[step.number] = beads.create(session, new, actor=actor).id
        return made

    for some in _chunks(steps):
        field.ids = field.transact(partial(file, some=some))
    for step in steps:
        (field.orders / field.ids[step.number]).write_text(step.order())
    members: dict[int, list[str]] = {}
    for step in steps:
        if step.convoy is not None:
            members.setdefault(step.convoy, []).append(field.ids[step.number])
    for number, names in sorted(members.items()):
        made = partial(convoys.create, title=f"Convoy {number}", bead_ids=names, actor=actor)
        field.convoys.append(field.transact(made).id)
    launcher.meddle(field.wrong())
    for names in [field.convoys, *([field.ids[step.number] for step in some] for some in _chunks(steps, alone=True))]:
        if names:
            target = sling.Target(names, None)
            field.transact(partial(sling.sling, target=target, actor=actor))


def _chunks(steps: Sequence[Step], *, alone: bool = False) -> list[list[Step]]:
    chosen = [step for step in steps if not (alone and step.convoy is not None)]
    return [chosen[start : start + _AT_ONCE] for start in range(0, len(chosen), _AT_ONCE)]


def of_kind(field: Field, steps: Sequence[Step], kind: Kind) -> frozenset[str]:
    """The beads of one kind."""
    return frozenset(field.ids[step.number] for step in steps if step.kind is kind)
