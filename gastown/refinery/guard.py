"""Whether the target itself is green, so that it may be built on; and what a run said, for whoever mends it."""

from collections.abc import Sequence
from dataclasses import replace

from sqlmodel import Session

from gastown import clock, git, rigs
from gastown.refinery import gate_runs, queries
from gastown.refinery.desk import Desk, View
from gastown.refinery.gate_runs import Wanted
from gastown.refinery.judgement import Judgement, Standing, judge
from gastown.refinery.landing import LONGEST_LAG, Move, rest
from gastown.refinery.models import GateRun, MergeRequest, Verdict
from gastown.rigs import LandingStyle, TargetState


def guard(desk: Desk, view: View, target: str) -> Move | None:
    """None when the target's own tree is green; whatever is wrong with it, nobody is blamed."""
    if view.rig.no_gates:
        return None
    tree = git.tree_of(view.repository.land, target)
    with desk.write() as session:
        judgement = judge_tree(session, view, tree)
        run = judgement.run
        match judgement.standing:
            case Standing.GREEN:
                return _guard_landed(session, desk, view, target, tree)
            case Standing.RED:
                why = f"the target is red: {failure(run)}"
                set_target(session, desk, TargetState.RED, target, why)
                return rest(why, target=target)
            case Standing.STUCK:
                why = f"the gates cannot run on the target: {failure(run)}"
                set_target(session, desk, TargetState.BROKEN, target, why)
                if is_due(judgement):
                    ask_for_target(session, desk, view, target, tree, judgement.attempt)
                return rest(why, target=target)
            case Standing.ASK:
                run = ask_for_target(session, desk, view, target, tree, judgement.attempt)
        if view.rig.target_oid != target:
            set_target(session, desk, TargetState.UNKNOWN, target)
        return rest(f"gate run {run.id if run else ''} of the target itself", target=target)


def _guard_landed(session: Session, desk: Desk, view: View, target: str, tree: str) -> Move | None:
    """None unless the gates for what has landed are against the target, or were against one before and say no more yet.

    Nobody waits for them while nothing is known: one run of them at a time follows the target.
    """
    if not view.landed_hash:
        return None
    view = replace(view, config_hash=view.landed_hash)
    # Runs of this very commit: what has landed may be tested against the world outside, where a tree is not all.
    runs = queries.list_runs(session, view.rig.name, tree, view.config_hash)
    judgement = judge([run for run in runs if run.base_oid == target], max_infrastructure=view.max_infrastructure)
    last = queries.list_landed_runs(session, view.rig.name, view.landed_hash)
    open_ = next((run for run in last if run.finished_at is None), None)
    match judgement.standing:
        case Standing.GREEN:
            return None
        case Standing.RED:
            why = f"what has landed fails: {failure(judgement.run)}"
            set_target(session, desk, TargetState.RED, target, why)
            return rest(why, target=target)
        case Standing.STUCK:
            why = f"the gates for what has landed cannot run: {failure(judgement.run)}"
            set_target(session, desk, TargetState.BROKEN, target, why)
            if is_due(judgement) and open_ is None:
                ask_for_target(session, desk, view, target, tree, judgement.attempt)
            return rest(why, target=target)
        case Standing.ASK if open_ is None:
            open_ = ask_for_target(session, desk, view, target, tree, judgement.attempt)
        case Standing.ASK | Standing.ASKED:
            pass
    if view.rig.target_oid != target:
        set_target(session, desk, TargetState.UNKNOWN, target)
    said = next((run for run in last if run.verdict is not None), None)
    if said is None or said.verdict is not Verdict.FAIL:
        return None
    # A target that moves on while its gates are red would never be red twice: it stands still until that is settled.
    return rest(f"gate run {open_.id if open_ else ''} of what has landed: {failure(said)}", target=target)


def find_rewind(desk: Desk, view: View, target: str) -> Move | None:
    """A rest while the target lacks what it had when we last looked, and what we landed; None: it goes on from there.

    Somebody pushed it back, or the remote shows an old state. We build on neither: the first is for a person to
    accept (`gt mq retry`), the second passes.
    """
    known = view.rig.target_oid
    if not known or known == target or view.repository.is_in(known, target):
        return None
    with desk.write() as session:
        last = queries.find_last_landing(session, desk.rig)
        if last is None or last.closed_at is None or view.repository.is_in(last.new_oid, target):
            return None
        why = (
            f"{view.rig.branch} stands at {target[:10]} at the remote, without {last.new_oid[:10]}, which has landed: "
            f"push it forward again, or accept it as it is with `gt mq retry {desk.rig}`"
        )
        if clock.now() - last.closed_at > LONGEST_LAG:
            set_target(session, desk, TargetState.BROKEN, known, why)
    return rest(why, target=known)


def judge_tree(session: Session, view: View, tree: str) -> Judgement:
    """What the runs of one tree say under the rig's present gates."""
    return _judge(view, queries.list_runs(session, view.rig.name, tree, view.config_hash))


def judge_request(session: Session, view: View, request: MergeRequest) -> Judgement:
    """What the runs of its candidate say. In a rig that rebases those of other ways to the same tree say nothing."""
    runs = queries.list_runs(session, view.rig.name, request.tree_oid, view.config_hash)
    if view.rig.landing is LandingStyle.REBASE:
        runs = [run for run in runs if (run.base_oid, run.riders) == (request.base_oid, request.riders)]
    return _judge(view, runs)


def _judge(view: View, runs: Sequence[GateRun]) -> Judgement:
    return judge(runs, max_infrastructure=view.max_infrastructure)


def ask_for_target(session: Session, desk: Desk, view: View, target: str, tree: str, attempt: int) -> GateRun:
    """Ask for a run of the target alone, or find the open one."""
    wanted = Wanted(view.rig.name, base_oid=target, commit_oid=target, tree_oid=tree, config_hash=view.config_hash)
    return gate_runs.request(session, wanted, attempt=attempt, actor=desk.actor)


def set_target(session: Session, desk: Desk, state: TargetState, target: str, why: str = "") -> None:
    """Note what the queue thinks of the target."""
    rigs.set_target_state(session, desk.rig, state, target, actor=desk.actor, why=why)


def is_due(judgement: Judgement) -> bool:
    """Whether a tree on which the gates could not run may be tried once more."""
    return judgement.again_at is not None and clock.now() >= judgement.again_at


def red_details(run: GateRun | None, target: str, summary: str) -> dict[str, object]:
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
    results = [result for result in (run.results if run else []) if not result.get("is_advisory")]
    return next((result for result in results if result.get("verdict") not in passed), {})


def is_silent(run: GateRun | None) -> bool:
    """Whether what kept the run from a verdict was an external check that gave no answer."""
    return bool(_failed_gate(run).get("is_silent"))


def advice_of(runs: Sequence[GateRun]) -> list[dict[str, object]]:
    """What advisory gates have against the tree of these runs, in a few words each."""
    results = [result for run in runs for result in run.results if result.get("is_advisory")]
    red = [result for result in results if result.get("verdict") == Verdict.FAIL.value]
    return [{name: result.get(name) for name in ("gate", "why", "tail", "log")} for result in red]


def failure(run: GateRun | None) -> str:
    """The gate that failed and why, in a few words."""
    result = _failed_gate(run)
    place = f" on commit {result['step']} of {result['steps']}" if "step" in result else ""
    return f"{result.get('gate', 'a gate')} ({result.get('why', 'no reason given')}){place}"
