"""The trains of a rig beside each other: what each does next, who has which runners, who is tested on top of whom.

A rig has one train, and one more for each area that is declared and has riders. Each lands what was tested on the
target as it is. So a landing by one costs each of the others one run, of what it knows to be good. Until that has
landed, others are tested on top of what it tests: they land after it, without another run, and overtake it no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gastown.refinery import evidence, odds, planning
from gastown.refinery.desk import Desk, View
from gastown.refinery.evidence import OPEN, Findings, Line
from gastown.refinery.models import GateRun, RequestState
from gastown.refinery.planning import Odds, Plan, Prefix, Situation
from gastown.rigs import COMMON


@dataclass(frozen=True)
class Course:
    """One train, what the gates have said of it, and what it does next."""

    view: View
    riders: Prefix
    runners: int
    findings: Findings
    plan: Plan
    ahead: Prefix = ()
    """Who is about to land, of this train and of others: both are about the rest, on the target with them in it."""
    waiting: Prefix = ()
    """Those of this train among them: green, on top of others that have to land first."""

    @property
    def tested(self) -> set[int]:
        """The requests of which a run speaks."""
        prefixes = (self.waiting, *self.findings.runs, *self.findings.before)
        return {number for prefix in prefixes for number in prefix}


@dataclass(frozen=True)
class Courses:
    """All trains of a rig, in the order of their first seats."""

    trains: Sequence[Course]
    runs: Sequence[GateRun]
    line: Line
    chances: Odds

    def on_each_other(self) -> list[Course]:
        """The same trains, as they are tested: those that need one more run first, each on the others; the rest on all.

        A train without a runner waits itself: nobody is tested on it.
        """
        if len(self.trains) == 1:
            return [*self.trains]
        once = sorted((one for one in self.trains if one.plan.again and one.runners), key=self._asked_at)
        ahead: Prefix = ()
        made: list[Course] = []
        for course in once:
            made.append(self._after(course, ahead))
            ahead = made[-1].ahead + made[-1].plan.again
        first = {course.view.area for course in once}
        others = [course for course in self.trains if course.view.area not in first]
        return made + [self._after(course, ahead) for course in others]

    def _asked_at(self, course: Course) -> int:
        """The order in which those runs were asked for stays: nothing that stands on another is torn up."""
        tail = _heads(course.view, course.plan.again)
        mine = [run for run in self.runs if (*run.riders[-len(tail) :],) == tail and evidence.is_on(run, self.line)]
        return min((run.id or 0 for run in mine), default=1 + max((run.id or 0 for run in self.runs), default=0))

    def _after(self, course: Course, ahead: Prefix) -> Course:
        """The train once those ahead have landed, and its own that may land then: it goes on with the others."""
        while ahead != course.ahead:
            findings = evidence.read(course.view, self.runs, self.line, _heads(course.view.of(None), ahead))
            plan = _plan(course.view, course.riders, findings, self.chances, course.runners)
            course = replace(course, findings=findings, plan=plan, ahead=ahead)
            ahead += plan.land
            left = tuple(number for number in course.riders if number not in plan.land)
            course = replace(course, riders=left, waiting=course.waiting + plan.land)
        return course


def _heads(view: View, riders: Prefix) -> tuple[int, ...]:
    heads = {entry.change.request.id: entry.change.head.id or 0 for entry in view.train}
    return tuple(heads[number] for number in riders)


def plan_each(desk: Desk, view: View, line: Line) -> tuple[Courses, dict[str, int]]:
    """What each train does next, on the target as it is; and for how many each area's train has use."""
    trains = view.trains
    riders = [tuple(entry.change.request.id or 0 for entry in train.train) for train in trains]
    with desk.write() as session:
        runs = evidence.list_runs(session, view, view.train, line)
        chances = odds.learn(session, view.rig.name)
    found = [evidence.read(train, runs, line) for train in trains]
    shares = _share_out(view.runners, riders, found)
    courses = [
        Course(train, mine, share, findings, _plan(train, mine, findings, chances, share))
        for train, mine, findings, share in zip(trains, riders, found, shares, strict=True)
    ]
    known = {course.view.area or COMMON: course.runners for course in courses}
    rooms = {area: _room(view, area, known.get(area, 1), chances) for area in view.areas}
    return Courses(courses, runs, line, chances), rooms


def _plan(view: View, riders: Prefix, findings: Findings, chances: Odds, runners: int) -> Plan:
    return planning.plan(Situation(riders, runners, findings.evidence(), chances, view.mode, view.gates_each))


def _room(view: View, area: str, runners: int, chances: Odds) -> int:
    waiting = min(view.most_riders, len(view.of(area).train) + len(view.in_state(RequestState.QUEUED)))
    return planning.room(waiting, max(runners, 1), chances, view.mode, gates_each=view.gates_each)


def _share_out(runners: int, riders: Sequence[Prefix], found: Sequence[Findings]) -> list[int]:
    """Runners for each train: one as far as they reach, and the rest by length.

    First come those that are tested already, so that no run is torn up for another train; the others by their seats.
    """
    if len(riders) == 1:
        return [runners]
    at_work = [any(run.state in OPEN for run in findings.all_runs) for findings in found]
    first = sorted(range(len(riders)), key=lambda i: not at_work[i])[:runners]
    shares = [int(i in first) for i in range(len(riders))]
    more = [len(mine) - 1 for mine in riders]
    if runners > len(riders) and any(more):
        shares = [1 + share for share in planning.share_out(more, runners - len(riders))]
    return shares


def say_waiting(courses: Sequence[Course]) -> str:
    """Who could land but for those on top of whom it was tested, for people; empty: nobody."""
    held = [name_of(course.view) for course in courses if course.waiting]
    return f"{', '.join(held)} lands after those it was tested with" if held else ""


def name_of(view: View) -> str:
    """A train in words."""
    return f"the train of {view.area}" if view.area else "the common train"
