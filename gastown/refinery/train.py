"""One move of a rig's trains: settle what was begun, make sure of the target, land what is green, board, ask for runs.

Each move is a few transactions with git between them and may be cut off anywhere: the next one starts from what SQL and
the remote say. Gates are only asked for here, never waited for. What is to be done next is decided in `planning.py`,
from nothing but the train and the verdicts on its prefixes.
"""

from collections.abc import Mapping, Sequence

from sqlmodel import Session

from gastown.beads import BeadStatus
from gastown.refinery import (
    boarding,
    evidence,
    gate_runs,
    hotfix,
    landing,
    lifecycle,
    pulls,
    queries,
    suspects,
    trains,
)
from gastown.refinery.desk import Desk, Entry, View, look
from gastown.refinery.evidence import Findings, Line
from gastown.refinery.gate_runs import Wanted
from gastown.refinery.guard import find_rewind, guard, set_target
from gastown.refinery.landing import Move, calm, requeue, rest
from gastown.refinery.models import GateRun, RequestState, RunState, Verdict
from gastown.refinery.planning import Prefix
from gastown.refinery.trains import Course
from gastown.rigs import COMMON


def advance(desk: Desk) -> tuple[Move, View]:
    """Do the one next thing; the view is what it was decided from."""
    view = look(desk)
    return _advance(desk, view), view


def _advance(desk: Desk, view: View) -> Move:
    first = _settle(desk, view)
    if first is not None:
        return first
    target = view.repository.target()
    first = find_rewind(desk, view, target) or landing.find_late(desk, view, target)
    if first is not None:
        return first
    pause = landing.find_pause(desk, view, target)
    if pause is not None:
        return rest(pause, target=target)
    homeless = [entry for entry in view.in_state(RequestState.TESTING) if entry not in (*view.train, *view.aside)]
    if homeless:  # of before there were trains, or edited by hand
        return requeue(desk, homeless, "it has no seat")
    with desk.write() as session:
        line = evidence.line_to(session, view.rig.name, target)
        _call_off_stale(session, desk, line)
    stop = guard(desk, view, target)
    if stop is not None:
        return stop
    moves = [boarding.keep_order(desk, train, target, line) for train in view.trains]
    return next((move for move in moves if move is not None), None) or _travel(desk, view, target, line)


def _call_off_stale(session: Session, desk: Desk, line: Line) -> None:
    """Stop runs on a target that was left by other hands than ours, before they keep those of the new one waiting."""
    for run in queries.list_open_runs(session, desk.rig):
        if run.riders and run.base_oid not in line:
            gate_runs.cancel(session, run.id or 0, actor=desk.actor, why="the target moved")


def _settle(desk: Desk, view: View) -> Move | None:
    """What comes before any look at the remote; None when there is reason to look."""
    if view.intent is not None:
        return pulls.recover_by(view)(desk, view, view.intent)
    if view.frozen is not None:
        return rest(view.frozen)
    for entry in view.entries:
        if entry.bead_status != BeadStatus.SUBMITTED:
            return _drop(desk, entry)
    if view.paused is not None:
        return rest(view.paused)
    left = pulls.close_left(desk, view)
    return None if view.entries or view.wants_look else rest(left)


def _drop(desk: Desk, entry: Entry) -> Move:
    with desk.write() as session:
        why = f"the bead is {entry.bead_status}, no longer submitted"
        lifecycle.cancel(session, entry.change.request.bead_id, actor=desk.actor, why=why)
    return Move(acted=True)


def _travel(desk: Desk, view: View, target: str, line: Line) -> Move:
    """The target is green, every candidate in order: land, set aside, decide, board or ask, the first that there is."""
    if view.rig.no_gates:
        return _land_ungated(desk, view, target)
    courses, rooms = trains.plan_each(desk, view, line)
    lands = next((course for course in courses.trains if course.plan.land), None)
    if lands is not None:
        return _land(desk, lands, target)
    suspected = next((entry for course in courses.trains for entry in _suspected(course)), None)
    if suspected is not None:
        return _set_aside(desk, suspected)
    decided = suspects.settle(desk, view, line)
    if decided is not None:
        return decided
    trains_now = courses.on_each_other()
    for course in trains_now if not view.rig.is_docked else ():
        overtaken = hotfix.make_way(desk, course.view, course.tested, target)
        if overtaken is not None:
            return overtaken
    boarded = _board(desk, view, target, rooms)
    if boarded.acted:
        return boarded
    return _ask(desk, view, trains_now, target, boarded.waits_for)


def _land_ungated(desk: Desk, view: View, target: str) -> Move:
    move = _board(desk, view, target, {COMMON: 1})
    if not move.acted and not move.waits_for:
        with desk.write() as session:
            set_target(session, desk, calm(view), target)
    return move


def _suspected(course: Course) -> list[Entry]:
    return [entry for entry in course.view.train if entry.change.request.id == course.plan.suspect]


def _land(desk: Desk, course: Course, target: str) -> Move:
    """The riders of a green prefix need not be those that sit first: what was tested without one of them lands so."""
    view, prefix = course.view, course.plan.land
    entries = {entry.change.request.id or 0: entry for entry in view.train}
    shortest = 1 if view.gates_each else len(prefix)
    runs = [course.findings.green(prefix[:place]) for place in range(shortest, len(prefix) + 1)]
    trees = [run.tree_oid for run in runs]
    return pulls.land_by(view)(desk, view, [entries[number] for number in prefix], trees, target, runs[-1])


def _set_aside(desk: Desk, entry: Entry) -> Move:
    with desk.write() as session:
        lifecycle.set_aside(session, entry.change.request, actor=desk.actor, lease=desk.proof.fence)
    return Move(acted=True)


def _board(desk: Desk, view: View, target: str, rooms: Mapping[str, int]) -> Move:
    if view.rig.is_docked:
        return rest(f"rig {view.rig.name} is docked: nothing boards", target=target)
    if not view.in_state(RequestState.QUEUED):
        return rest(target=target)
    seen = pulls.attend(desk, view, target)
    if seen.acted:
        return seen
    boarded = boarding.board(desk, view, target, rooms)
    return boarded if boarded.acted or boarded.waits_for else seen


def _ask(desk: Desk, view: View, courses: Sequence[Course], target: str, waits_for: str) -> Move:
    """Have the runs that the plans want, and no other; those set aside are tried when a runner is free, or is due."""
    asked: list[GateRun] = []
    wanted: list[tuple[Course, Prefix, Wanted]] = []
    shop = boarding.Workshop(desk, view, target)
    for course in courses:
        running = {prefix: run for prefix in course.plan.runs for run in course.findings.open_runs(prefix)}
        asked += running.values()
        for prefix in course.plan.runs:
            if prefix not in running and (want := _wanted(course, prefix, shop)) is not None:
                wanted.append((course, prefix, want))
    with desk.write() as session:
        set_target(session, desk, calm(view), target)
        for course, prefix, want in wanted:
            attempt = 1 + sum(run.verdict is Verdict.FAIL for run in course.findings.runs.get(prefix, ()))
            run = gate_runs.request(session, want, attempt=attempt, actor=desk.actor)
            _follow(session, desk, course.view, prefix, run)
            asked.append(run)
        _call_off(session, desk, view, [course.findings for course in courses], asked)
    asked += [suspects.ask(desk, view, entry) for entry in view.aside if _is_due(view, entry, len(asked))]
    told = [trains.say_waiting(courses), _say(asked)]
    return rest("; ".join(filter(None, told)) or waits_for, target=target)


def _is_due(view: View, entry: Entry, busy: int) -> bool:
    """Whether one set aside is tried now: a runner is free, or somebody has boarded since and may not overtake it."""
    boarded = [other.change.request.boarded_at for other in view.train]
    since = entry.change.request.aside_at
    return busy < view.runners or any(at > since for at in boarded if at and since)


def _say(runs: Sequence[GateRun]) -> str:
    return "gate run " + ", ".join(f"{run.id} of {run.bead_id}" for run in runs[:5]) if runs else ""


def _wanted(course: Course, prefix: Prefix, shop: boarding.Workshop) -> Wanted | None:
    """What a run of the prefix tests; None where its riders do not go together without those that it leaves out.

    What does not go together with those ahead is tested without them.
    """
    view = course.view
    last = next(entry for entry in view.train if entry.change.request.id == prefix[-1])
    on_others = shop.build(course.ahead + prefix) if course.ahead else None
    candidate = on_others or shop.build(prefix)
    if candidate is None:
        return None
    return Wanted(
        view.rig.name,
        base_oid=candidate.base_oid,
        commit_oid=candidate.commit_oid,
        tree_oid=candidate.tree_oid,
        config_hash=view.config_hash,
        head_oid=last.change.head.head_oid,
        riders=candidate.riders,
        request_id=last.change.request.id,
        bead_id=last.change.request.bead_id,
    )


def _follow(session: Session, desk: Desk, view: View, prefix: Prefix, run: GateRun) -> None:
    """Let the last rider of what the run tests wait for it."""
    request = next(entry.change.request for entry in view.train if entry.change.request.id == prefix[-1])
    if request.gate_run_id != run.id:
        lifecycle.follow_run(session, request, run, actor=desk.actor)


def _call_off(session: Session, desk: Desk, view: View, known: Sequence[Findings], asked: Sequence[GateRun]) -> None:
    """Stop runs that can tell nothing any more; and, where somebody waits for a runner, those that tell little."""
    kept = {run.id for run in asked} | {entry.change.request.gate_run_id for entry in view.aside}
    telling = {run.id for findings in known for run in findings.all_runs}
    is_short = any(run.state is RunState.REQUESTED for run in asked)
    for run in queries.list_open_runs(session, view.rig.name):
        if run.riders and run.id not in kept and (is_short or run.id not in telling):
            gate_runs.cancel(session, run.id or 0, actor=desk.actor, why="the train goes on without it")
