"""One move of a rig's queue: settle what was begun, make sure of the target, judge what was tested, board the next.

Each move is a few transactions with git between them and may be cut off anywhere: the next one starts from what SQL and
the remote say. Gates are only asked for here, never waited for.
"""

from datetime import timedelta

from sqlmodel import Session

from gastown import assignments, clock, git, rigs
from gastown.beads import BeadStatus
from gastown.git import Conflicted
from gastown.refinery import gate_runs, landing, lifecycle, ordering, queries
from gastown.refinery.candidate import build, sides
from gastown.refinery.desk import Desk, Entry, View, look
from gastown.refinery.gate_runs import Wanted
from gastown.refinery.judgement import GREEN, Judgement, Standing, judge
from gastown.refinery.landing import Move, calm, rest
from gastown.refinery.lifecycle import Candidate
from gastown.refinery.models import GateRun, RequestState, RunState, Verdict
from gastown.rigs import TargetState

# A commit that no host and no remote shows for so long will not come any more.
HEAD_PATIENCE = timedelta(minutes=10)


def advance(desk: Desk) -> tuple[Move, View]:
    """Do the one next thing; the view is what it was decided from."""
    view = look(desk)
    return _advance(desk, view), view


def _advance(desk: Desk, view: View) -> Move:
    first = _settle(desk, view)
    if first is not None:
        return first
    target = view.repository.target()
    pause = landing.find_pause(desk, target)
    if pause is not None:
        return rest(pause, target=target)
    for entry in view.in_state(RequestState.TESTING):
        if entry.change.request.base_oid != target or entry.run is None or entry.run.config_hash != view.config_hash:
            return _requeue(desk, entry, "the target moved, or its gates were changed")
    stop = _guard(desk, view, target)
    if stop is not None:
        return stop
    testing = view.in_state(RequestState.TESTING)
    if testing:
        return _judge(desk, view, testing[0])
    if view.rig.is_docked:
        return rest(f"rig {view.rig.name} is docked: nothing boards", target=target)
    return _board_next(desk, view, target)


def _settle(desk: Desk, view: View) -> Move | None:
    """What comes before any look at the remote; None when there is reason to look."""
    if view.intent is not None:
        return landing.recover(desk, view, view.intent)
    if view.frozen is not None:
        return rest(view.frozen)
    for entry in view.entries:
        if entry.bead_status != BeadStatus.SUBMITTED:
            return _drop(desk, entry)
    return None if view.entries or view.wants_look else rest()


def _drop(desk: Desk, entry: Entry) -> Move:
    with desk.write() as session:
        why = f"the bead is {entry.bead_status}, no longer submitted"
        lifecycle.cancel(session, entry.change.request.bead_id, actor=desk.actor, why=why)
    return Move(acted=True)


def _requeue(desk: Desk, entry: Entry, why: str) -> Move:
    with desk.write() as session:
        lifecycle.requeue(session, entry.change.request, actor=desk.actor, lease=desk.proof.fence, why=why)
    return Move(acted=True)


def _runs(session: Session, view: View, tree: str) -> Judgement:
    runs = queries.list_runs(session, view.rig.name, tree, view.config_hash)
    return judge(runs, max_infrastructure=view.max_infrastructure)


def _guard(desk: Desk, view: View, target: str) -> Move | None:
    """None when the target's own tree is green, so that it may be built on; whatever is wrong, nobody is blamed."""
    if view.rig.no_gates:
        return None
    tree = git.tree_of(view.repository.land, target)
    with desk.write() as session:
        judgement = _runs(session, view, tree)
        run = judgement.run
        match judgement.standing:
            case Standing.GREEN:
                return None
            case Standing.RED:
                why = f"the target is red: {_failure(run)}"
                _set(session, desk, TargetState.RED, target, why)
                return rest(why, target=target)
            case Standing.STUCK:
                why = f"the gates cannot run on the target: {_failure(run)}"
                _set(session, desk, TargetState.BROKEN, target, why)
                if _is_due(judgement):
                    _ask_for_target(session, desk, view, target, tree, judgement.attempt)
                return rest(why, target=target)
            case Standing.ASK:
                run = _ask_for_target(session, desk, view, target, tree, judgement.attempt)
        if view.rig.target_oid != target:
            _set(session, desk, TargetState.UNKNOWN, target)
        return rest(f"gate run {run.id if run else ''} of the target itself", target=target)


def _ask_for_target(session: Session, desk: Desk, view: View, target: str, tree: str, attempt: int) -> GateRun:
    wanted = Wanted(view.rig.name, base_oid=target, commit_oid=target, tree_oid=tree, config_hash=view.config_hash)
    return gate_runs.request(session, wanted, attempt=attempt, actor=desk.actor)


def _set(session: Session, desk: Desk, state: TargetState, target: str, why: str = "") -> None:
    rigs.set_target_state(session, desk.rig, state, target, actor=desk.actor, why=why)


def _is_due(judgement: Judgement) -> bool:
    return judgement.again_at is not None and clock.now() >= judgement.again_at


def _judge(desk: Desk, view: View, entry: Entry) -> Move:
    """Land, return, or go on waiting for the request whose candidate is with the gates."""
    request = entry.change.request
    with desk.write() as session:
        judgement = _runs(session, view, request.tree_oid)
    made_at = request.boarded_at or request.queued_at
    candidate = Candidate(request.base_oid, request.candidate_oid, request.tree_oid, made_at)
    match judgement.standing:
        case Standing.GREEN:
            return landing.land(desk, view, entry.change, candidate, judgement.run)
        case Standing.RED:
            summary = f"Merged with {view.rig.branch} it fails twice: {_failure(judgement.run)}."
            return _send_back(desk, entry, "red", _red_details(judgement.run, request.base_oid, summary))
        case Standing.STUCK:
            return _find_out_who(desk, view, entry, candidate, judgement)
        case Standing.ASK | Standing.ASKED:
            with desk.write() as session:
                run = _ask(session, desk, view, entry, candidate, judgement.attempt)
                _set(session, desk, calm(view.rig), request.base_oid)
            return rest(f"gate run {run.id} of {request.bead_id}", target=request.base_oid)


def _ask(session: Session, desk: Desk, view: View, entry: Entry, candidate: Candidate, attempt: int) -> GateRun:
    """Ask for a run of the entry's candidate (or find the open one) and let the request wait for it."""
    request = entry.change.request
    wanted = Wanted(
        view.rig.name,
        base_oid=candidate.base_oid,
        commit_oid=candidate.commit_oid,
        tree_oid=candidate.tree_oid,
        config_hash=view.config_hash,
        head_oid=entry.change.head.head_oid,
        request_id=request.id,
        bead_id=request.bead_id,
    )
    run = gate_runs.request(session, wanted, attempt=attempt, actor=desk.actor)
    if request.gate_run_id != run.id:
        lifecycle.follow_run(session, request, run, actor=desk.actor)
    return run


def _find_out_who(desk: Desk, view: View, entry: Entry, candidate: Candidate, stuck: Judgement) -> Move:
    """The gates could not run on a candidate: run them on the target, which has passed them, to see whose fault it is.

    They run there: the change broke them (it removed the tests, say), and goes back. They do not: the rig is broken,
    the queue stops, and is tried again after a pause.
    """
    request, target = entry.change.request, candidate.base_oid
    tree = git.tree_of(view.repository.land, target)
    since = stuck.run.id or 0 if stuck.run else 0
    with desk.write() as session:
        runs = queries.list_runs(session, view.rig.name, tree, view.config_hash)
        control = [run for run in runs if (run.id or 0) > since and run.state is not RunState.CANCELLED]
        if not any(run.verdict in GREEN for run in control):
            if not control or control[-1].state is not RunState.FINISHED:
                run = _ask_for_target(session, desk, view, target, tree, 1)
                return rest(f"gate run {run.id} of the target: the gates could not run on {request.bead_id}")
            why = f"the gates cannot run any more: {_failure(stuck.run)}"
            _set(session, desk, TargetState.BROKEN, target, why)
            if _is_due(stuck):
                _ask(session, desk, view, entry, candidate, stuck.attempt)
            return rest(why, target=target)
    summary = f"The gates cannot run with it, and do without it: {_failure(stuck.run)}."
    return _send_back(desk, entry, "gates_cannot_run", _red_details(stuck.run, target, summary))


def _board_next(desk: Desk, view: View, target: str) -> Move:
    """Build the candidate of the first request that can be built, and ask for its verdict or land it."""
    waiting = {entry.change.request.id or 0: entry for entry in view.in_state(RequestState.QUEUED)}
    queue = [
        ordering.Waiting(
            request_id=number,
            priority=entry.change.request.priority,
            retries=entry.change.request.retries,
            created_at=entry.change.request.created_at,
            queued_at=entry.change.request.queued_at,
            convoy_since=entry.convoy_since,
        )
        for number, entry in waiting.items()
    ]
    absent = ""
    for chosen in ordering.order(queue, clock.now()):
        entry = waiting[chosen.request_id]
        try:
            view.repository.bring(entry.change.head.head_oid, entry.change.head.branch)
        except git.ObjectMissing as error:
            if clock.now() - entry.change.request.queued_at > HEAD_PATIENCE:
                why = f"The commit that was submitted cannot be found: {error.message}"
                return _send_back(desk, entry, "missing_commit", {"summary": why, "target": target})
            absent = error.message
            continue
        return _board(desk, view, entry, target)
    with desk.write() as session:
        _set(session, desk, calm(view.rig), target)
    return rest(absent, target=target)


def _board(desk: Desk, view: View, entry: Entry, target: str) -> Move:
    repository, head = view.repository, entry.change.head
    tree = git.tree_of(repository.land, target)
    if git.is_ancestor(repository.land, head.head_oid, target):
        return _already_in(desk, view, entry, Candidate(target, target, tree, clock.now()))
    built = build(repository, entry.change, target, clock.now())
    if isinstance(built, Conflicted):
        details: dict[str, object] = {
            "summary": f"It conflicts with {view.rig.branch} as of {target[:10]}.",
            "target": target,
            "files": list(built.paths[:100]),
            "messages": list(built.messages[:20]),
            "sides": sides(repository, target, head.head_oid, built.paths),
        }
        return _send_back(desk, entry, "conflict", details)
    if built.tree_oid == tree:
        return _no_change(desk, entry, target, f"{view.rig.branch} has all of it already")
    if view.rig.no_gates:
        return landing.land(desk, view, entry.change, built, None)
    with desk.write() as session:
        judgement = _runs(session, view, built.tree_oid)
        known = judgement.run if judgement.standing is not Standing.ASK else None
        run = known or _ask(session, desk, view, entry, built, judgement.attempt)
        lifecycle.board(session, entry.change.request, built, run, actor=desk.actor, lease=desk.proof.fence)
        _set(session, desk, calm(view.rig), target)
    return Move(acted=True, target=target)


def _already_in(desk: Desk, view: View, entry: Entry, candidate: Candidate) -> Move:
    """The head is part of the (green) target: somebody else merged it, or there was nothing in it."""
    with desk.write() as session:
        started = assignments.get(session, entry.change.head.assignment_id).base_oid
    head = entry.change.head.head_oid
    if not started or view.repository.is_in(head, started):
        return _no_change(desk, entry, candidate.base_oid, "there is no commit in it")
    with desk.write() as session:
        run = None if view.rig.no_gates else _runs(session, view, candidate.tree_oid).run
        lifecycle.intend(session, entry.change.request, candidate, run, actor=desk.actor, lease=desk.proof.fence)
    return Move(acted=True)


def _no_change(desk: Desk, entry: Entry, target: str, why: str) -> Move:
    return _send_back(desk, entry, "no_change", {"summary": f"It would change nothing: {why}.", "target": target})


def _send_back(desk: Desk, entry: Entry, kind: str, details: dict[str, object]) -> Move:
    with desk.write() as session:
        lifecycle.send_back(
            session, entry.change.request, kind=kind, details=details, actor=desk.actor, lease=desk.proof.fence
        )
    return Move(acted=True, returned=entry.change.request.bead_id)


def _red_details(run: GateRun | None, target: str, summary: str) -> dict[str, object]:
    """What whoever mends it needs: the gate, the end of its output, where the whole log is, what it was merged with."""
    result = _failed_gate(run)
    return {
        "summary": summary,
        "target": target,
        "run": run.id if run else None,
        "gate": result.get("gate", ""),
        "why": result.get("why", ""),
        "exit_code": result.get("exit_code"),
        "tail": result.get("tail", ""),
        "log": result.get("log", ""),
        "host": run.host if run else None,
    }


def _failed_gate(run: GateRun | None) -> dict[str, object]:
    passed = (Verdict.PASS.value, Verdict.FLAKY.value)
    return next((result for result in (run.results if run else []) if result.get("verdict") not in passed), {})


def _failure(run: GateRun | None) -> str:
    result = _failed_gate(run)
    return f"{result.get('gate', 'a gate')} ({result.get('why', 'no reason given')})"
