"""The merge of a pull request: intent in SQL, the provider asked, proof from the remote's target, landed in SQL.

The provider compares the head and not the target, so that a commit by other hands between our last look at the target
and its merge is merged with, untested. A branch rule "must be up to date" closes that gap. Where there is none, what
came of it is a fact and is recorded so; the target is then in question and is gated before anybody builds on it.
"""

from datetime import timedelta

from sqlmodel import Session

from gastown import clock, git, logs, providers, rigs
from gastown.errors import Conflict
from gastown.providers import Provider, PullState
from gastown.refinery import intents, landing, pull_heads, queries
from gastown.refinery.desk import Desk, Entry, View
from gastown.refinery.judgement import Standing, judge
from gastown.refinery.landing import Move, calm, rest
from gastown.refinery.lifecycle import Candidate
from gastown.refinery.models import GateRun, LandingIntent
from gastown.refinery.tidying import Traces, forget_branches
from gastown.rigs import LandingStyle, TargetState

log = logs.get(__name__)

# A merge whose answer was lost is not counted on to have failed before this.
LATEST_MERGE = timedelta(minutes=1)


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
        if rigs.get(session, desk.rig, lock=True).landing is not LandingStyle.PULL:
            raise Conflict(f"rig {desk.rig} lands in another way now")
        request = entry.change.request
        intent = intents.intend(session, [request], candidate, run, actor=desk.actor, lease=desk.proof.fence)
    return _ask(desk, view, intent, request.pull_number or 0, is_first=True)


def _ask(desk: Desk, view: View, intent: LandingIntent, number: int, *, is_first: bool) -> Move:
    """An answer that is lost leaves the intent open: the target, or the next question, tells what became of it."""
    answer = provider_of(view).merge(number, intent.new_oid)
    log.info("asked to merge pull request %s at %s: %s %s", number, intent.new_oid[:12], answer.taken, answer.reason)
    target = view.repository.target()
    if view.repository.is_in(intent.new_oid, target):
        return _landed(desk, view, intent, target)
    if answer.taken:
        return rest(f"the provider took the merge of pull request {number}, and the target does not show it yet")
    if not is_first and clock.now() - intent.created_at < LATEST_MERGE:
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
    shown = provider_of(view).look(number)
    if shown.state is PullState.MERGED:
        if shown.merge_oid and view.repository.is_in(shown.merge_oid, target):  # squashed by hand just then
            return _landed(desk, view, intent, target, sha=shown.merge_oid)
        return rest(f"pull request {number} is merged, and the target does not show it yet")
    if shown.state is PullState.CLOSED:
        return _void(desk, intent, f"pull request {number} was closed")
    if target == intent.base_oid and shown.head_oid == intent.new_oid:
        frozen = landing.find_freeze(desk)
        return rest(frozen) if frozen is not None else _ask(desk, view, intent, number, is_first=False)
    if clock.now() - intent.created_at < LATEST_MERGE:
        return rest(f"an earlier merge of pull request {number} may still arrive")
    return _void(desk, intent, "the target, or the head of its pull request, has moved")


def _void(desk: Desk, intent: LandingIntent, why: str, *, refused: bool = False) -> Move:
    with desk.write() as session:
        intents.void(session, intent, actor=desk.actor, lease=desk.proof.fence, why=why, refused=refused)
    return Move(acted=True)


def _landed(desk: Desk, view: View, intent: LandingIntent, target: str, *, sha: str | None = None) -> Move:
    repository = view.repository
    commit = sha or pull_heads.landed_as(repository, intent.base_oid, intent.new_oid, target)
    is_gated = tree_of(view, commit) == intent.tree_oid
    if not is_gated:
        log.warning("%s was merged into a target that had moved: the target is gated next", intent.new_oid[:12])
    with desk.write() as session:
        actor, fence = desk.actor, desk.proof.fence
        landed = intents.land(session, intent, actor=actor, lease=fence, after_landing=desk.after_landing, sha=commit)
        state = calm(view) if target == commit and is_gated else TargetState.UNKNOWN
        rigs.set_target_state(session, desk.rig, state, target, actor=actor)
        traces = Traces()
        for bead_id in landed:
            traces.add(session, bead_id)
            traces.branches[pull_heads.name_for(bead_id)] = intent.new_oid
        traces.landings[intent.new_oid] = commit
    forget_branches(repository, traces, target)
    return Move(acted=True, landed=tuple(landed), target=target)
