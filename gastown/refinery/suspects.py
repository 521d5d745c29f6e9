"""Requests that were set aside: with each of them a train was red that was green without it.

Its own tree, the target as it was then with its head, is run again. Red once more, and it goes back to its polecat;
green, and the gate was flaky: it boards anew.
"""

from gastown import git
from gastown.refinery import blame, gate_runs, lifecycle, odds, planning, queries
from gastown.refinery.boarding import send_back
from gastown.refinery.desk import Desk, Entry, View
from gastown.refinery.evidence import Line
from gastown.refinery.gate_runs import Wanted
from gastown.refinery.guard import (
    advice_of,
    ask_for_target,
    failure,
    is_due,
    is_silent,
    judge_request,
    red_details,
    set_target,
)
from gastown.refinery.judgement import GREEN, Judgement, Standing
from gastown.refinery.landing import Move, requeue, rest
from gastown.refinery.models import GateRun, RunState
from gastown.rigs import TargetState


def settle(desk: Desk, view: View, line: Line) -> Move | None:
    """Decide about one of those set aside, where that can be done by now; None: none can."""
    if not view.aside:
        return None
    with desk.write() as session:
        chances = odds.learn(session, view.rig.name)
    for entry in view.aside:
        if entry.change.request.base_oid not in line:
            return requeue(desk, [entry], "the target moved")
        with desk.write() as session:
            judgement = judge_request(session, view, entry.change.request)
        move = _settle(desk, view, entry, judgement, chances)
        if move is not None:
            return move
    return None


def _settle(desk: Desk, view: View, entry: Entry, judgement: Judgement, chances: planning.Odds) -> Move | None:
    match judgement.standing:
        case Standing.GREEN:
            return requeue(desk, [entry], "it passed when it was run again")
        case Standing.RED if planning.is_condemned(judgement.reds, chances):
            summary = f"Merged with {view.rig.branch} it fails twice: {failure(judgement.run)}."
            return _blame(desk, view, entry, judgement.run, "red", summary)
        case Standing.STUCK:
            return find_out_who(desk, view, entry, judgement)
        case Standing.RED | Standing.ASK | Standing.ASKED:
            return None


def _blame(desk: Desk, view: View, entry: Entry, run: GateRun | None, kind: str, summary: str) -> Move:
    """Send it back with the gate's words, and with what else was in the merge."""
    request = entry.change.request
    with desk.write() as session:
        runs = queries.list_runs(session, view.rig.name, request.tree_oid, view.config_hash)
    details = {**red_details(run, request.base_oid, summary), "advice": advice_of(runs)}
    return send_back(desk, entry, kind, details | blame.explain(desk, view, entry, run, summary))


def ask(desk: Desk, view: View, entry: Entry) -> GateRun:
    """Ask for the run that decides about one set aside, or find the open one."""
    with desk.write() as session:
        attempt = judge_request(session, view, entry.change.request).reds + 1
        request = entry.change.request
        wanted = Wanted(
            view.rig.name,
            base_oid=request.base_oid,
            commit_oid=request.candidate_oid,
            tree_oid=request.tree_oid,
            config_hash=view.config_hash,
            head_oid=entry.change.head.head_oid,
            riders=tuple(request.riders),
            request_id=request.id,
            bead_id=request.bead_id,
        )
        run = gate_runs.request(session, wanted, attempt=attempt, actor=desk.actor)
        if request.gate_run_id != run.id:
            lifecycle.follow_run(session, request, run, actor=desk.actor)
        return run


def find_out_who(desk: Desk, view: View, entry: Entry, stuck: Judgement) -> Move:
    """The gates could not run with it: run them on the target, which has passed them, to see whose fault it is.

    They run there: the change broke them (it removed the tests, say), and goes back. They do not: the rig is broken,
    the queue stops, and is tried again after a pause. So it is at once where an external check has not answered: that
    it answers for the target tells nothing of the change.
    """
    if is_silent(stuck.run):
        return _stop(desk, view, entry, stuck, "an external check does not answer")
    request = entry.change.request
    target = request.base_oid
    tree = git.tree_of(view.repository.land, target)
    since = stuck.run.id or 0 if stuck.run else 0
    with desk.write() as session:
        runs = queries.list_runs(session, view.rig.name, tree, view.config_hash)
        control = [run for run in runs if (run.id or 0) > since and run.state is not RunState.CANCELLED]
        is_green = any(run.verdict in GREEN for run in control)
        if not is_green and (not control or control[-1].state is not RunState.FINISHED):
            run = ask_for_target(session, desk, view, target, tree, 1)
            return rest(f"gate run {run.id} of the target: the gates could not run on {request.bead_id}")
    if not is_green:
        return _stop(desk, view, entry, stuck, "the gates cannot run any more")
    summary = f"The gates cannot run with it, and do without it: {failure(stuck.run)}."
    return _blame(desk, view, entry, stuck.run, "gates_cannot_run", summary)


def _stop(desk: Desk, view: View, entry: Entry, stuck: Judgement, what: str) -> Move:
    target, why = entry.change.request.base_oid, f"{what}: {failure(stuck.run)}"
    with desk.write() as session:
        set_target(session, desk, TargetState.BROKEN, target, why)
    if is_due(stuck):
        ask(desk, view, entry)
    return rest(why, target=target)
