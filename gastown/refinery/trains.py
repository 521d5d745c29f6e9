"""The trains of a rig beside each other: what each does next, who has which runners, who lets another one land first.

A rig has one train, and one more for each area that is declared and has riders. They are built on one target, and each
lands on it what was tested there. So a landing by one costs each of the others one run: of what it knows to be good.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from gastown import clock
from gastown.refinery import evidence, odds, planning
from gastown.refinery.desk import Desk, View
from gastown.refinery.evidence import OPEN, Findings, Line
from gastown.refinery.models import RequestState
from gastown.refinery.planning import Before, Odds, Plan, Prefix, Situation
from gastown.rigs import COMMON

# A train that others have overtaken so often in a row, each time after it was green, lands before they go on landing.
MOST_OVERTAKEN = 3
# They wait no longer for it than this: its gates may not run at all.
LONGEST_HOLD = timedelta(hours=1)


@dataclass(frozen=True)
class Course:
    """One train, what the gates have said of it, and what it does next."""

    view: View
    riders: Prefix
    findings: Findings
    plan: Plan


def is_due(riders: Prefix, findings: Findings) -> bool:
    """Whether others let the train land first: they have overtaken it often enough, and it may well land now.

    Who has to search for a culprit first, among those who would land, holds nobody up.
    """
    overtaken = findings.overtaken(riders)
    if len(overtaken) < MOST_OVERTAKEN or clock.now() - max(overtaken) > LONGEST_HOLD:
        return False
    known = findings.evidence()
    said = [known[riders[:i]] for i in range(1, len(riders) + 1) if riders[:i] in known]
    telling = (one for one in said if one.is_green or one.reds or one.before is Before.GREEN)
    first = next(telling, None)
    return first is not None and not first.reds


def plan_each(desk: Desk, view: View, line: Line) -> tuple[list[Course], dict[str, int]]:
    """What each train does next, in the order of their first seats; and for how many each area's train has use."""
    trains = view.trains
    riders = [tuple(entry.change.request.id or 0 for entry in train.train) for train in trains]
    with desk.write() as session:
        found = [evidence.gather(session, train, train.train, line) for train in trains]
        chances = odds.learn(session, view.rig.name)
    shares = _share_out(view.runners, riders, found)
    courses = [
        Course(train, mine, findings, _plan(train, mine, findings, chances, share))
        for train, mine, findings, share in zip(trains, riders, found, shares, strict=True)
    ]
    known = {train.area or COMMON: share for train, share in zip(trains, shares, strict=True)}
    return courses, {area: _room(view, area, known.get(area, 1), chances) for area in view.areas}


def _plan(view: View, riders: Prefix, findings: Findings, chances: Odds, runners: int) -> Plan:
    return planning.plan(Situation(riders, runners, findings.evidence(), chances, view.mode, view.gates_each))


def _room(view: View, area: str, runners: int, chances: Odds) -> int:
    waiting = min(view.most_riders, len(view.of(area).train) + len(view.in_state(RequestState.QUEUED)))
    return planning.room(waiting, max(runners, 1), chances, view.mode, gates_each=view.gates_each)


def _share_out(runners: int, riders: Sequence[Prefix], found: Sequence[Findings]) -> list[int]:
    """Runners for each train: one as far as they reach, and the rest by length.

    First come those that are tested already, so that no run is torn up for another train; then those for which others
    hold their landings; then by their seats.
    """
    if len(riders) == 1:
        return [runners]
    at_work = [any(run.state in OPEN for run in findings.all_runs) for findings in found]
    due = [is_due(mine, findings) for mine, findings in zip(riders, found, strict=True)]
    first = sorted(range(len(riders)), key=lambda i: (not at_work[i], not due[i], i))[:runners]
    shares = [int(i in first) for i in range(len(riders))]
    more = [len(mine) - 1 for mine in riders]
    if runners > len(riders) and any(more):
        shares = [1 + share for share in planning.share_out(more, runners - len(riders))]
    return shares


def find_due(courses: Sequence[Course]) -> Course | None:
    """The train for which the others hold their landings, the first that there is; None: each lands when it can."""
    if len(courses) == 1:
        return None
    return next((course for course in courses if is_due(course.riders, course.findings)), None)


def next_to_land(courses: Sequence[Course]) -> Course | None:
    """The train that lands now; None: none can, or one that could lets another one go first."""
    due = find_due(courses)
    return next((course for course in courses if course.plan.land and due in (None, course)), None)


def say_hold(courses: Sequence[Course]) -> str:
    """Why a train does not land that could, for people; empty: there is none."""
    due, held = find_due(courses), [name_of(course.view) for course in courses if course.plan.land]
    if due is None or not held:
        return ""
    return f"{', '.join(held)} could land and lets {name_of(due.view)} go first, which others have overtaken"


def name_of(view: View) -> str:
    """A train in words."""
    return f"the train of {view.area}" if view.area else "the common train"
