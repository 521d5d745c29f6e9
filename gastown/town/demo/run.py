"""The demo from its first folder to its summary."""

import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlmodel import Session

from gastown import assignments, beads, clock, config, convoys, queue, rigs, sling
from gastown.assignments import AssignmentState
from gastown.beads import BeadStatus, NewBead
from gastown.events import EventKind, Tail
from gastown.town import add_rig, presets, services, setup
from gastown.town.demo import endings, faults, plan, repositories, sample
from gastown.town.demo.board import Line, is_at_rest, read_board
from gastown.town.demo.narrate import narrate
from gastown.town.demo.plan import Side, Step
from gastown.town.demo.repositories import Copy
from gastown.town.demo.screen import Screen
from gastown.town.demo.summary import Facts, Summary, gather, summarise
from gastown.town.processes import Options

Units = Callable[[], AbstractContextManager[Session]]

PRESET = "demo"
GATE_NAME = "test"
GATE_TIMEOUT_S = 120
_LONGEST_RECHECK_S = 30.0
_LOOK_S = 0.2


@dataclass(frozen=True)
class Wanted:
    """What the person asked for."""

    folder: Path
    """New or empty: it becomes the town's."""
    source: str | None
    """The repository to copy; None: the one around `cwd`, if there is one."""
    cwd: Path
    beads: int
    agents: int
    seed: int
    timeout_s: float
    actor: str


@dataclass(frozen=True)
class Ways:
    """How the demo reaches the town's database; handed in by the edge."""

    units: setup.Units
    """Units of work on the database at an address."""
    read: Units
    write: Units
    stop_sessions: Callable[[int], object]
    """Asks every agent to save its work and end, and waits so many seconds at most."""


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    summary: Summary
    town: Path
    duration_s: float
    phases: Sequence[tuple[str, float]]
    copies: Sequence[Copy]
    found: Sequence[tuple[str, str]]
    """Beads that agents filed on the way: id and title."""
    left: Sequence[Line]
    """Those that had neither landed nor escalated when the time was up."""


@dataclass
class _Demo:
    wanted: Wanted
    ways: Ways
    screen: Screen
    began: float = field(default_factory=clock.monotonic)
    phases: list[tuple[str, float]] = field(default_factory=list)
    marked: float = field(default_factory=clock.monotonic)

    def mark(self, phase: str) -> None:
        """A phase has ended."""
        now = clock.monotonic()
        self.phases.append((phase, now - self.marked))
        self.marked = now

    @property
    def settings(self) -> config.Settings:
        return config.current()

    @property
    def deadline(self) -> float:
        return self.began + self.wanted.timeout_s


@dataclass(frozen=True)
class _Slung:
    """The convoy on its way."""

    convoy: str
    members: Sequence[str]
    rig_of: dict[str, str]
    titles: dict[str, str]


def run(wanted: Wanted, ways: Ways, screen: Screen) -> Outcome:
    """Make a town, have the convoy landed through its faults, take the town down, and say what came of it.

    Refuses a folder that is taken and a repository that cannot be copied. Whatever happens, no process is left.
    """
    demo = _Demo(wanted, ways, screen)
    with _emptied_on_failure(wanted.folder):
        settings = _make_town(demo)
        copies = _make_copies(demo, settings.town / "demo")
    try:
        _start(demo, settings)
        tail = _tail(demo)
        slung = _fill(demo, copies)
        lines = _watch(demo, slung, tail)
        demo.mark("agents at work")
    except BaseException:
        _take_down(demo, patient=False)
        raise
    facts, rechecks = _finish(demo, slung, list(copies.values()), lines)
    summary = summarise(facts, rechecks)
    return Outcome(
        summary=summary,
        town=settings.town,
        duration_s=clock.monotonic() - demo.began,
        phases=demo.phases,
        copies=list(copies.values()),
        found=_found(demo, slung),
        left=[line for line in lines if not line.is_over],
    )


def _make_town(demo: _Demo) -> config.Settings:
    """Make the folder a town of its own, whatever the caller's variables say."""
    folder = demo.wanted.folder
    demo.screen.say(f"$ gt install {shlex.quote(str(folder))} --slots {demo.wanted.agents}")
    config.forget_variables()
    made = setup.install(setup.Wanted(folder, slots=demo.wanted.agents), demo.ways.units, actor=demo.wanted.actor)
    config.use(made.settings)
    demo.mark("install")
    return made.settings


@contextmanager
def _emptied_on_failure(folder: Path) -> Iterator[None]:
    """Refuse a folder that holds anything; leave it as it was found if the block raises."""
    was_there = folder.is_dir()
    if was_there and any(folder.iterdir()):
        raise setup.FolderTaken(f"{folder} is not empty", hint="Name a folder that is empty or not there yet.")
    try:
        yield
    except BaseException:
        for path in folder.iterdir() if folder.is_dir() else ():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not was_there:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _make_copies(demo: _Demo, folder: Path) -> dict[Side, Copy]:
    folder.mkdir(mode=0o700)
    source = repositories.find_source(demo.wanted.source, demo.wanted.cwd)
    if source is None:
        demo.screen.say("no repository was named, and the working folder is in none: a second sample takes its place")
    first = repositories.copy(source, folder) if source else repositories.make_project(folder)
    copies = {Side.PROJECT: first, Side.SAMPLE: repositories.make_sample(folder)}
    demo.mark("repositories")
    return copies


def _start(demo: _Demo, settings: config.Settings) -> None:
    demo.screen.say("$ gt up")
    seconds = services.up(settings, Options(), reading=demo.ways.read, say=demo.screen.say)
    demo.screen.say(f"the town is up ({seconds:.1f} s)")
    queue.warm()
    demo.mark("services up")


def _tail(demo: _Demo) -> Tail:
    with demo.ways.read() as session:
        return Tail(session)


def _fill(demo: _Demo, copies: dict[Side, Copy]) -> _Slung:
    """Add the rigs, file the beads as a convoy, and sling it."""
    with demo.ways.write() as session:
        shell = shlex.join([config.python(), "-I", str(Path(__file__).with_name("agent.py"))])
        presets.set_value(session, f"{presets.PREFIX}{PRESET}.shell", f"exec {shell}", actor=demo.wanted.actor)
    with ThreadPoolExecutor(len(copies)) as pool:
        list(pool.map(lambda copy: _add_rig(demo, copy), copies.values()))
    demo.mark("two rigs")
    steps = plan.make_plan(demo.wanted.beads, seed=demo.wanted.seed, folder=copies[Side.PROJECT].work_folder)
    slung = _file(demo, steps, copies)
    demo.screen.say(f"$ gt sling {slung.convoy}")
    with demo.ways.write() as session:
        sling.sling(session, sling.Target([slung.convoy], None), actor=demo.wanted.actor)
    demo.mark("beads filed and slung")
    return slung


def _add_rig(demo: _Demo, copy: Copy) -> None:
    python = shlex.quote(config.python())
    if copy.name == repositories.SAMPLE_NAME:
        gate = f"{python} {sample.GATE}"
    else:
        script = shlex.quote(str(Path(__file__).with_name("gate.py")))
        gate = f"{python} -I {script} {copy.base} {copy.work_folder}"
    demo.screen.say(f"$ gt rig add {copy.name} {shlex.quote(str(copy.path))} --agent {PRESET} --gate {GATE_NAME}=...")
    request = add_rig.Request(
        name=copy.name,
        source=str(copy.path),
        cwd=demo.wanted.cwd,
        branch=repositories.BRANCH,
        gates=[rigs.GateSpec(GATE_NAME, gate, GATE_TIMEOUT_S)],
        agent=PRESET,
    )
    add_rig.add(request, demo.settings, read=demo.ways.read, write=demo.ways.write, actor=demo.wanted.actor)
    origin = f"a copy of {copy.source}, which itself is not touched" if copy.source else "a sample with tests"
    demo.screen.say(f"rig {copy.name}: {origin}; its gate: {gate}")


def _file(demo: _Demo, steps: Sequence[Step], copies: dict[Side, Copy]) -> _Slung:
    ids: dict[str, str] = {}
    actor = demo.wanted.actor
    with demo.ways.write() as session:
        prefixes = {side: rigs.get(session, copy.name).prefix for side, copy in copies.items()}
        for step in steps:
            new = NewBead(
                title=step.work.title,
                prefix=prefixes[step.side],
                description=plan.describe(step),
                priority=step.work.priority,
                deps=tuple(ids[need] for need in step.needs),
            )
            ids[step.key] = beads.create(session, new, actor=actor).id
        convoy = convoys.create(session, "The demo", list(ids.values()), actor=actor).id
    across = sum(step.side is not other.side for step in steps for other in steps if other.key in step.needs)
    total = sum(len(step.needs) for step in steps)
    demo.screen.say(f"$ bd create ... ({len(ids)} beads, {total} dependencies, {across} of them across the rigs)")
    demo.screen.say(f'$ gt convoy create "The demo" ... ({convoy})')
    return _Slung(
        convoy=convoy,
        members=list(ids.values()),
        rig_of={ids[step.key]: copies[step.side].name for step in steps},
        titles={ids[step.key]: step.work.title for step in steps},
    )


def _watch(demo: _Demo, slung: _Slung, tail: Tail) -> list[Line]:
    """Show what happens until every bead has landed or escalated, or the time is up; kill the worker on the way."""
    first_landing: float | None = None
    is_killed = False
    while True:
        with demo.ways.read() as session:
            fresh = tail.read(session)
            lines = read_board(session, slung.members, slung.rig_of)
            at_work = sum(
                row.state is AssignmentState.RUNNING and row.runs > 0 for row in assignments.list_running(session)
            )
        for event in fresh:
            words = narrate(event, slung.titles)
            if words is not None:
                demo.screen.say(words)
            if event.kind is EventKind.REQUEST_LANDED and first_landing is None:
                first_landing = clock.monotonic()
        demo.screen.show(lines)
        if is_at_rest(lines) or clock.monotonic() > demo.deadline:
            return lines
        landed = sum(line.status == BeadStatus.CLOSED for line in lines)
        since = clock.monotonic() - first_landing if first_landing is not None else 0.0
        if not is_killed and faults.is_time(at_work=at_work, landed=landed, since_landing_s=since):
            is_killed = _kill(demo, at_work)
        time.sleep(_LOOK_S)


def _kill(demo: _Demo, at_work: int) -> bool:
    with demo.ways.read() as session:
        pid = faults.kill_worker(session, demo.settings.host_id)
    if pid is not None:
        agents = f"{at_work} agents" if at_work != 1 else "one agent"
        demo.screen.say(f"KILLED the worker that supervises the agents (pid {pid}, SIGKILL) while {agents} work")
    return pid is not None


def _finish(demo: _Demo, slung: _Slung, copies: Sequence[Copy], lines: Sequence[Line]) -> tuple[Facts, dict[str, bool]]:
    """Take the town down and run the gates once more on all that landed: at once, where nothing can land any more."""

    def look() -> tuple[Facts, dict[str, bool]]:
        facts = gather(demo.ways.read, slung.members, copies, slung.rig_of)
        demo.screen.say(f"the gates once more, on each of {len(facts.commits)} commits")
        return facts, endings.recheck(demo.settings, demo.ways.read, facts.commits, until=_LONGEST_RECHECK_S)

    if not is_at_rest(lines):
        _take_down(demo, patient=False)
        found = look()
    else:
        with ThreadPoolExecutor(1) as pool:
            looking = pool.submit(look)
            _take_down(demo, patient=True)
            found = looking.result()
    demo.mark("gates once more, services down")
    return found


def _found(demo: _Demo, slung: _Slung) -> list[tuple[str, str]]:
    with demo.ways.read() as session:
        rows = beads.list_(session, beads.Filters())
    return [(bead.id, bead.title) for bead in rows if bead.id not in slung.titles]


def _take_down(demo: _Demo, *, patient: bool) -> None:
    """Leave no process: agents first, unless they are done, then the services."""
    demo.screen.say("$ gt shutdown")
    endings.take_down(demo.settings, demo.ways.stop_sessions, patient=patient)
