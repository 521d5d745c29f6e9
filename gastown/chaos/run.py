"""A run of chaos from its first folder to its result: found a town, give it work, hurt it, wait, judge."""

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from gastown import clock, config, policy
from gastown.chaos import checker, collect, filling, founding, plan, recovery, standing
from gastown.chaos.evidence import Fault
from gastown.chaos.faults import KILLS, Begun, Bringer, Flush, LowDisk, RestartDatabase, RestartRedis, StopWorker
from gastown.chaos.ground import Ground
from gastown.chaos.leftovers import find_leftovers
from gastown.chaos.plan import Kind, Step
from gastown.chaos.result import Result, judge
from gastown.chaos.schedule import Moment, make_schedule
from gastown.chaos.screen import Teller
from gastown.chaos.standing import Standing
from gastown.chaos.wanted import Wanted
from gastown.errors import Conflict, GastownError
from gastown.logs import get
from gastown.town.demo.endings import take_down

log = get(__name__)

LOOK_S = 0.2
# Between two looks whether all has ended: each counts every bead.
STANDING_EVERY_S = 0.5
QUIET_WITHIN_S = 60.0
TIDY_S = 60.0
SLOWEST_TOLD = 10


class FolderTaken(Conflict):
    """The folder holds something."""


@dataclass
class _Run:
    """What is known while the run goes on."""

    ground: Ground
    screen: Teller
    steps: Sequence[Step]
    to_come: list[Moment]
    chance: random.Random
    began: float = field(default_factory=clock.monotonic)
    brought: list[Fault] = field(default_factory=list)
    lasting: list[tuple[float, Begun]] = field(default_factory=list)
    standing: Standing = field(default_factory=Standing)
    looked_at: float = 0.0

    @property
    def seconds(self) -> float:
        """Since the start."""
        return clock.monotonic() - self.began


BRINGERS: Mapping[str, Bringer] = {
    **{kind: kill for kind, (kill, _) in KILLS.items()},
    **{one.kind: one for one in (Flush(), RestartRedis(), RestartDatabase(), StopWorker(), LowDisk())},
}


def run(wanted: Wanted, screen: Teller, stop_sessions: Callable[[int], object]) -> Result:
    """Do it. Whatever happens, no process is left; the folder stays."""
    if wanted.folder.is_dir() and any(wanted.folder.iterdir()):
        raise FolderTaken(f"{wanted.folder} is not empty", hint="Name a folder that is empty or not there yet.")
    began, started_at = clock.monotonic(), clock.now()
    ground = Ground(wanted, screen.say)
    weights = {kind: weight for kind, (_, weight) in KILLS.items() if wanted.beats or kind != "kill.beat"}
    state = _Run(
        ground=ground,
        screen=screen,
        steps=plan.make_plan(wanted.beads, plan.rig_names(wanted.rigs), hopeless=wanted.hopeless, seed=wanted.seed),
        to_come=make_schedule(wanted.counts, weights, seed=wanted.seed),
        chance=random.Random(f"victims {wanted.seed}"),  # noqa: S311 - nothing secret
        began=began,
    )
    try:
        founding.found(ground)
        screen.say(f"the town is up after {state.seconds:.1f} s; filing and slinging {wanted.beads} beads")
        filling.fill(ground, state.steps)
        screen.say(f"all slung after {state.seconds:.1f} s; {len(state.to_come)} faults are to come")
        quiet_at = _endure(state)
        screen.say(f"{_words(state.standing)} after {state.seconds:.1f} s; collecting evidence")
        _let_tidy(ground)
        evidence = collect.collect(_facts(state, started_at, quiet_at))
    finally:
        _end(state, stop_sessions)
    screen.say(f"checking after {state.seconds:.1f} s")
    violations = checker.check(evidence)
    times = {
        "recovery_s": recovery.percentiles(evidence),
        "recovery_by_fault": recovery.by_fault(evidence),
        "slowest_recoveries": recovery.slowest(evidence, SLOWEST_TOLD),
    }
    return judge(wanted, evidence, violations, times, state.seconds, _meddled(ground))


def _endure(state: _Run) -> datetime | None:
    """Hurt the town while it works; when it was quiet, None if it never was."""
    deadline = state.began + state.ground.wanted.timeout_s
    total = state.ground.wanted.beads
    while clock.monotonic() < deadline:
        _end_lasting(state)
        _look(state)
        if state.standing.settled >= total and not state.lasting:
            return _await_quiet(state)
        _bring_due(state)
        time.sleep(LOOK_S)
    _end_lasting(state, at_once=True)
    state.screen.say(f"the time is up: {_words(state.standing)}")
    return None


def _let_tidy(ground: Ground) -> None:
    """Give the hosts the minute that I21 gives them to see to what killed processes left behind."""
    until, towns = clock.monotonic() + TIDY_S, [host.town for host in ground.hosts]
    while clock.monotonic() < until and find_leftovers(towns):
        time.sleep(1)


def _look(state: _Run) -> None:
    if clock.monotonic() - state.looked_at < STANDING_EVERY_S:
        return
    with contextlib.suppress(GastownError):  # the database is away just now
        seen = state.ground.ask(standing.read)
        if seen.ended // 10 != state.standing.ended // 10:
            state.screen.say(f"{_words(seen)}; {len(state.brought)} faults so far")
        state.standing = seen
        state.screen.show(seen, state.ground.wanted.beads, len(state.brought))
    state.looked_at = clock.monotonic()


def _words(seen: Standing) -> str:
    return f"{seen.landed} landed, {seen.escalated} escalated, {seen.at_work} at work, {seen.in_queue} in the queues"


def _bring_due(state: _Run) -> None:
    """Bring about the first fault that is due; a kill that finds nobody makes way for another kill."""
    share = state.standing.done / state.ground.wanted.beads
    if not state.to_come or state.to_come[0].share > share:
        return
    moment = state.to_come.pop(0)
    try:
        begun = BRINGERS[moment.kind].begin(state.ground, state.chance)
    except GastownError as error:
        log.info("%s not brought about yet: %s", moment.kind, error)
        begun = None
    if begun is None:
        state.to_come.insert(0, _instead(state, moment))
        return
    state.screen.say(f"FAULT {begun.fault.kind}: {begun.fault.target} {begun.fault.bead}".rstrip())
    if begun.lasts_s:
        state.lasting.append((clock.monotonic() + begun.lasts_s, begun))
    else:
        state.brought.append(begun.fault)


def _instead(state: _Run, moment: Moment) -> Moment:
    if moment.kind not in KILLS:
        return moment
    return replace(moment, kind=state.chance.choice(["kill.agent", "kill.git", "kill.worker.sessions"]))


def _end_lasting(state: _Run, *, at_once: bool = False) -> None:
    now = clock.monotonic()
    over = [(until, begun) for until, begun in state.lasting if at_once or until <= now]
    for item in over:
        state.lasting.remove(item)
        begun = item[1]
        try:
            if begun.end is not None:
                begun.end()
        except GastownError as error:  # the database is away just now
            log.info("%s does not end yet: %s", begun.fault.kind, error)
            state.lasting.append((now + LOOK_S, begun))
            continue
        state.brought.append(replace(begun.fault, until=clock.now()))
        state.screen.say(f"over: {begun.fault.kind}: {begun.fault.target}")


def _await_quiet(state: _Run) -> datetime | None:
    ended_at = clock.now()
    deadline = clock.monotonic() + QUIET_WITHIN_S
    left: Mapping[str, int] = {}
    while clock.monotonic() < deadline:
        with contextlib.suppress(GastownError):
            left = state.ground.ask(standing.disturbances)
            if not left:
                return ended_at
        time.sleep(LOOK_S)
    state.screen.say(f"not quiet: {', '.join(f'{name}: {number}' for name, number in left.items())}")
    return ended_at


def _facts(state: _Run, started_at: datetime, quiet_at: datetime | None) -> collect.RunFacts:
    ground = state.ground
    scratch = ground.wanted.folder / "scratch"
    scratch.mkdir()
    return collect.RunFacts(
        database=ground.url,
        remotes=ground.remotes,
        journal=ground.journal,
        towns=[host.town for host in ground.hosts],
        slung=[ground.ids[step.number] for step in state.steps],
        bad=filling.of_kind(ground, state.steps, Kind.BAD),
        hopeless=filling.of_kind(ground, state.steps, Kind.HOPELESS),
        faults=sorted(state.brought, key=lambda fault: fault.at),
        settings=dict(ground.ask(policy.load).values),
        started_at=started_at,
        quiet_at=quiet_at,
        ended_at=clock.now(),
        scratch=scratch,
    )


def _end(state: _Run, stop_sessions: Callable[[int], object]) -> None:
    """Leave no process."""
    with contextlib.suppress(Exception):
        _end_lasting(state, at_once=True)
    try:
        for host in reversed(state.ground.hosts):
            with contextlib.suppress(GastownError):
                take_down(host, stop_sessions, patient=True)
    finally:
        config.use(None)
        if state.ground.server is not None:
            state.ground.server.stop()


def _meddled(ground: Ground) -> Counter[str]:
    """Doorbells that went wrong."""
    names = {"l": "doorbell.lost", "d": "doorbell.doubled", "o": "doorbell.late"}
    text = ground.tally.read_text() if ground.tally.exists() else ""
    return Counter(names[letter] for letter in text if letter in names)
