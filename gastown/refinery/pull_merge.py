"""The merge of a pull request: intent in SQL, the provider asked, proof from the remote's target, landed in SQL.

The provider compares the head and not the target, so that a commit by other hands between our last look at the target
and its merge is merged with, untested. A branch rule "must be up to date" closes that gap. Where there is none, what
came of it is a fact and is recorded so; the target is then in question and is gated before anybody builds on it.
"""

from datetime import timedelta

from sqlmodel import Session

from gastown import clock, git, logs, providers, rigs
from gastown.errors import Conflict, Unavailable
from gastown.providers import Provider, PullState, PullView
from gastown.refinery import intents, landing, pull_heads, pull_records, queries
from gastown.refinery.desk import Desk, Entry, View
from gastown.refinery.judgement import Standing, judge
from gastown.refinery.landing import LONGEST_LAG, Move, calm, rest
from gastown.refinery.lifecycle import Candidate
from gastown.refinery.models import GateRun, LandingIntent
from gastown.refinery.tidying import Traces, forget_branches
from gastown.rigs import LandingStyle, TargetState

log = logs.get(__name__)

# A merge whose answer was lost is not counted on to have failed before this.
LATEST_MERGE = timedelta(minutes=1)
# Nor is one that was taken, or whose answers are all lost, waited for any longer: the rig lands nothing meanwhile.
# Should it arrive later, the target shows it, and the landing is taken up again.
LONGEST_WAIT = timedelta(minutes=10)


def provider_of(view: View) -> Provider:
    """Who merges the rig's pull requests."""
    return providers.get(view.rig.provider, view.rig.remote_url)


def tree_of(view: View, commit: str) -> str:
    """The tree of a commit that this host has."""
    return git.tree_of(view.repository.land, commit)


def verdict_of(session: Session, view: View, tree: str) -> GateRun | None:
    """The green run of a tree under the present gates; None in a rig without gates, or where there is none."""
    if view.rig.no_gates:
        return None
    runs = queries.list_runs(session, view.rig.name, tree, view.config_hash)
    found = judge(runs, max_infrastructure=view.max_infrastructure)
    return found.run if found.standing is Standing.GREEN else None


def merge(desk: Desk, view: View, entry: Entry, candidate: Candidate, run: GateRun | None) -> Move:
    """Have the provider merge the head that the pull request shows, into the target on which its tree was gated."""
    if view.repository.target() != candidate.base_oid:
        return Move(acted=True)  # gated anew on what is there now
    with desk.write() as session:
        # The lock keeps others from changing how the rig lands while this landing is open.
        rig = rigs.get(session, desk.rig, lock=True)
        if rig.landing is not LandingStyle.PULL:
            raise Conflict(f"rig {desk.rig} lands in another way now")
        frozen = landing.frozen_by_now(session, rig)  # the looks before may have taken a minute
        if frozen is not None:
            return rest(frozen)
        request = entry.change.request
        intent = intents.intend(session, [request], candidate, run, actor=desk.actor, lease=desk.proof.fence)
    return _ask(desk, view, intent, request.pull_number or 0, is_first=True)


def _ask(desk: Desk, view: View, intent: LandingIntent, number: int, *, is_first: bool) -> Move:
    """An answer that is lost leaves the intent open: the target, or the next question, tells what became of it."""
    age = clock.now() - intent.created_at
    try:
        answer = provider_of(view).merge(number, intent.new_oid)
    except Unavailable as error:
        if age < LONGEST_WAIT:
            raise
        return _void(desk, intent, f"the merge of pull request {number} gets no answer: {error.message}", refused=True)
    log.info("asked to merge pull request %s at %s: %s %s", number, intent.new_oid[:12], answer.taken, answer.reason)
    target = view.repository.target()
    if view.repository.is_in(intent.new_oid, target):
        return _landed(desk, view, intent, target)
    if answer.taken:
        why = f"the provider took the merge of pull request {number}, and the target does not show it: see there why"
        if age >= LONGEST_WAIT:
            return _void(desk, intent, why, refused=True)
        if age > LONGEST_LAG:
            with desk.write() as session:
                rigs.set_target_state(session, desk.rig, TargetState.BROKEN, target, actor=desk.actor, why=why)
        return rest(why)
    if not is_first and age < LATEST_MERGE:
        return rest(f"an earlier merge of pull request {number} may still arrive")
    return _void(desk, intent, f"the provider does not merge pull request {number}: {answer.reason}", refused=True)


def recover(desk: Desk, view: View, intent: LandingIntent) -> Move:
    """Settle a merge that a crash or a lost answer left open."""
    target = view.repository.target()
    if view.repository.is_in(intent.new_oid, target):
        return _landed(desk, view, intent, target)
    with desk.write() as session:
        number = next((request.pull_number for request, _head in queries.list_riders(session, intent)), None)
    if number is None:
        return _void(desk, intent, "it has no pull request")
    try:
        shown = provider_of(view).look(number)
    except Unavailable as error:
        if clock.now() - intent.created_at < LONGEST_WAIT:
            raise
        return _void(desk, intent, f"pull request {number} cannot be looked at: {error.message}")
    if shown.target != view.rig.branch:
        return _void(desk, intent, f"pull request {number} goes into {shown.target} now")
    if shown.state is PullState.MERGED:
        return _merged(desk, view, intent, shown, target)
    if shown.state is PullState.CLOSED:
        return _void(desk, intent, f"pull request {number} was closed")
    if target == intent.base_oid and shown.head_oid == intent.new_oid:
        frozen = landing.find_freeze(desk)
        return rest(frozen) if frozen is not None else _ask(desk, view, intent, number, is_first=False)
    if clock.now() - intent.created_at < LATEST_MERGE:
        return rest(f"an earlier merge of pull request {number} may still arrive")
    return _void(desk, intent, "the target, or the head of its pull request, has moved")


def _merged(desk: Desk, view: View, intent: LandingIntent, shown: PullView, target: str) -> Move:
    """It is merged, and not by the commit that was asked for: squashed by hand, pushed away again, or not shown yet."""
    number = shown.pull.number
    if shown.head_oid != intent.new_oid:
        return _void(desk, intent, f"pull request {number} was merged with another head")
    if shown.merge_oid and view.repository.is_in(shown.merge_oid, target):
        return _landed(desk, view, intent, target, sha=shown.merge_oid)
    why = f"pull request {number} is merged, and the target does not show it"
    return rest(why) if clock.now() - intent.created_at <= LONGEST_LAG else _void(desk, intent, why)


def _void(desk: Desk, intent: LandingIntent, why: str, *, refused: bool = False) -> Move:
    with desk.write() as session:
        intents.void(session, intent, actor=desk.actor, lease=desk.proof.fence, why=why, refused=refused)
        if refused:
            pull_records.ask_person(session, intent, actor=desk.actor)
    return Move(acted=True)


def _landed(desk: Desk, view: View, intent: LandingIntent, target: str, *, sha: str | None = None) -> Move:
    repository = view.repository
    commit = sha or pull_heads.landed_as(repository, intent.base_oid, intent.new_oid, target)
    is_gated = tree_of(view, commit) == intent.tree_oid
    if not is_gated:
        log.warning("%s was merged into a target that had moved: the target is gated next", intent.new_oid[:12])
    with desk.write() as session:
        actor, fence = desk.actor, desk.proof.fence
        landed = intents.land(
            session, intent, actor=actor, lease=fence, after_landing=desk.hooks.after_landing, sha=commit
        )
        # As in `landing`: a commit on top of it has no verdict yet, nor has it any of the gates for what has landed.
        is_known = target == commit and is_gated and not view.landed_hash
        state = calm(view) if is_known else TargetState.UNKNOWN
        rigs.set_target_state(session, desk.rig, state, target, actor=actor)
        traces = Traces()
        for bead_id in landed:
            traces.add(session, bead_id)
            traces.branches[pull_heads.name_for(bead_id)] = intent.new_oid
        traces.landings[intent.new_oid] = commit
    forget_branches(repository, traces, target)
    return Move(acted=True, landed=tuple(landed), target=target)
