"""Landing: intent in SQL, one push, proof from the remote, landed in SQL. And what to do about an intent left open.

Only the remote says whether something landed. An intent stays open until the remote shows that its commit is in, or
that the target has left its base so that it can never be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from gastown import clock, git, logs, rigs
from gastown.errors import Bug
from gastown.git import Pushed, PushSupport
from gastown.refinery import intents, lifecycle, queries
from gastown.refinery.candidate import Change, Repository, join, rebase, squash, stack_each
from gastown.refinery.desk import Desk, Entry, View
from gastown.refinery.judgement import pause_after
from gastown.refinery.lifecycle import Candidate
from gastown.refinery.models import GateRun, LandingIntent
from gastown.rigs import LandingStyle, Rig, TargetState

log = logs.get(__name__)

# A push that was cut off (git's own time-out is 5 minutes) cannot arrive after this.
LONGEST_PUSH = timedelta(minutes=10)
# A remote may show an old state for so long before a person hears of it.
LONGEST_LAG = timedelta(minutes=1)


@dataclass(frozen=True)
class Move:
    """What one move of the queue came to. Without `acted` there is nothing to do until somebody rings again."""

    acted: bool
    waits_for: str = ""
    landed: tuple[str, ...] = ()
    returned: str | None = None
    target: str = ""
    """Where the target stands, as far as this move has seen."""


def rest(waits_for: str = "", *, target: str = "") -> Move:
    """Nothing more to do for now."""
    return Move(acted=False, waits_for=waits_for, target=target)


def calm(view: View) -> TargetState:
    """The state of a target about which nothing is wrong; unknown while gates have something to say yet."""
    return TargetState.UNKNOWN if view.rig.no_gates or view.owes_look else TargetState.GREEN


def land(
    desk: Desk, view: View, riders: Sequence[Entry], trees: Sequence[str], target: str, run: GateRun | None
) -> Move:
    """Land the riders together: write the intent, push, and look what came of it. The last tree has its verdict from
    `run`; where each request lands as a commit of its own, each tree is one rider's and has one.
    """
    changes = [entry.change for entry in riders]
    made_at = changes[-1].request.boarded_at or changes[-1].request.queued_at
    made = _make(view.repository, changes, trees, target, made_at)
    if made is None:
        return requeue(desk, riders, "the candidate was lost")
    if run is not None and run.tree_oid != made.tree_oid:
        raise Bug(f"gate run {run.id} was of another tree than the one to be landed")
    # Read before the lease is proved: if another landing comes between, the fence has moved and the push is refused.
    fence = _expected_fence(view)
    requests = [change.request for change in changes]
    with desk.write() as session:
        intent = intents.intend(session, requests, made, run, actor=desk.actor, lease=desk.proof.fence)
    return _push(desk, view, intent, fence)


def requeue(desk: Desk, riders: Sequence[Entry], why: str) -> Move:
    """Take requests off the train without penalty."""
    with desk.write() as session:
        for entry in riders:
            lifecycle.requeue(session, entry.change.request, actor=desk.actor, lease=desk.proof.fence, why=why)
    return Move(acted=True)


def _make(
    repository: Repository, changes: Sequence[Change], trees: Sequence[str], target: str, made_at: datetime
) -> Candidate | None:
    """What is to be pushed; None where this host builds other trees, or none.

    Given are the last trees of the line: all that a merge needs, and all that is known of an intent.
    """
    style = repository.style
    if style is LandingStyle.REBASE or not _has_all(repository, changes, trees):
        heads = [change.head for change in changes]
        built = stack_each(repository, heads, target, made_at)
        if isinstance(built, git.Conflicted):
            return None
        made = [candidate.tree_oid for candidate in built[1:]]
        if made[-len(trees) :] != [*trees]:
            return None
        if style is LandingStyle.REBASE:
            return rebase(repository, changes, built[1:], target, made_at)
        trees = made
    if style is LandingStyle.SQUASH:
        return squash(repository, changes, trees, target, made_at)
    return join(repository, changes, trees[-1], target, made_at)


def _has_all(repository: Repository, changes: Sequence[Change], trees: Sequence[str]) -> bool:
    """Whether the commits can be made from trees that are here; the heads, which a merge names, are then brought."""
    if repository.style is LandingStyle.SQUASH and len(trees) < len(changes):
        return False
    if not all(git.has_tree(repository.land, tree) for tree in trees):
        return False  # another host built them
    repository.bring_all([change.head for change in changes])
    for change in changes:
        repository.bring(change.head.head_oid, change.head.branch)
    return True


def recover(desk: Desk, view: View, intent: LandingIntent) -> Move:
    """Settle an intent that a crash or a lost answer left open."""
    fence = _expected_fence(view)
    target = view.repository.target()
    if view.repository.is_in(intent.new_oid, target):
        return _landed(desk, view, intent, target)
    if target != intent.base_oid:
        return _void(desk, view, intent, "the target left its base")
    if not view.repository.has(intent.new_oid):
        changes, made_at = _changes_of(desk, intent)
        try:
            made = _make(view.repository, changes, [intent.tree_oid], target, made_at)
        except git.ObjectMissing:
            if clock.now() - intent.created_at < LONGEST_PUSH:
                raise
            made = None
        if made is None or made.commit_oid != intent.new_oid:
            return _void(desk, view, intent, "its commit exists nowhere any more")
    desk.prove()  # whoever takes the lease from here on moves the fence that this push expects
    return _push(desk, view, intent, fence)


def _changes_of(desk: Desk, intent: LandingIntent) -> tuple[list[Change], datetime]:
    with desk.write() as session:
        riders = queries.list_riders(session, intent)
        known = queries.beads_of(session, [request for request, _head in riders])
    changes = [Change(request, head, known.get(request.bead_id, ("", ""))[0]) for request, head in riders]
    return changes, changes[-1].request.boarded_at or intent.created_at


def _support(rig: Rig) -> PushSupport:
    return PushSupport(atomic=rig.push_atomic, fence_refs=rig.push_fence)


def _expected_fence(view: View) -> str | None:
    if not (view.rig.push_atomic and view.rig.push_fence):
        return None
    fence = git.read_fence(view.repository.land)
    return fence.oid if fence else None


def _push(desk: Desk, view: View, intent: LandingIntent, fence: str | None) -> Move:
    landing = git.Landing(
        branch=view.rig.branch,
        base=intent.base_oid,
        new=intent.new_oid,
        # The same for every push of this intent: one that arrives late is then seen to be ours.
        fence_text=f"rig {intent.rig}\nfence {intent.fence}\nintent {intent.id}\ncommit {intent.new_oid}\n",
        expect_fence=fence,
        support=_support(view.rig),
    )
    frozen = find_freeze(desk)
    if frozen is not None:
        return rest(frozen)  # the intent stays open: it is pushed, or settled, when work goes on
    outcome = git.push_landing(view.repository.land, landing)
    log.info("pushed %s to %s: %s %s", intent.new_oid[:12], view.rig.branch, outcome.kind, outcome.reason)
    match outcome.kind:
        case Pushed.LANDED | Pushed.TARGET_MOVED:
            return _prove(desk, view, intent)
        case Pushed.FENCE_MOVED:
            desk.prove()  # it was no newer holder of the lease: look and push again
            return Move(acted=True, waits_for="another landing moved the fence")
        case Pushed.REFUSED:
            return _refused(desk, view, intent, outcome.reason)
        case Pushed.UNKNOWN:
            return rest(f"it is not known yet what came of a push to {view.rig.branch}: {outcome.reason}")


def find_freeze(desk: Desk) -> str | None:
    """Why nothing may be pushed by now, whatever was decided a moment ago; None: go on."""
    with desk.write() as session:
        return frozen_by_now(session, rigs.get(session, desk.rig))


def frozen_by_now(session: Session, rig: Rig) -> str | None:
    """The same, in a transaction in which more is decided."""
    return rigs.find_freeze(session, rig) or rigs.find_queue_pause(rig)


def _prove(desk: Desk, view: View, intent: LandingIntent) -> Move:
    """Believe nothing but the remote's target."""
    target = view.repository.target()
    if view.repository.is_in(intent.new_oid, target):
        return _landed(desk, view, intent, target)
    if target != intent.base_oid:
        return _void(desk, view, intent, "the target moved")
    why = f"the remote took a push to {view.rig.branch} and does not show it: it is made again until it does"
    if clock.now() - intent.created_at > LONGEST_LAG:
        with desk.write() as session:
            rigs.set_target_state(session, desk.rig, TargetState.BROKEN, target, actor=desk.actor, why=why)
    return rest(why, target=target)


def find_late(desk: Desk, view: View, target: str) -> Move | None:
    """Take up again a landing that was given up and is on the target after all; None where there is none.

    A push may be slower than a "no" to another push of the same landing; and a remote may show an old target.
    """
    if target == view.rig.target_oid:
        return None
    waiting = {entry.change.head.id or 0: entry for entry in view.entries}
    with desk.write() as session:
        given_up = queries.list_given_up(session, desk.rig, waiting.keys())
    for intent in given_up:
        if intent.new_oid != intent.base_oid and view.repository.is_in(intent.new_oid, target):
            return _take_up(desk, view, intent, waiting)
    return None


def _take_up(desk: Desk, view: View, intent: LandingIntent, waiting: Mapping[int, Entry]) -> Move:
    """Open it anew, for those of its riders that still wait; the next move finds it on the target."""
    numbers = intent.riders or [intent.head_id]
    found = tuple(number for number in numbers if number in waiting)
    # Without all of them it must not be taken for a step from its base that landed these alone.
    base = intent.base_oid if len(found) == len(numbers) else intent.new_oid
    landings = _landings(view, intent, [waiting[number] for number in found])
    made = Candidate(base, intent.new_oid, intent.tree_oid, intent.created_at, found, landings=landings)
    with desk.write() as session:
        run = None if intent.gate_run_id is None else queries.get_run(session, intent.gate_run_id)
        requests = [waiting[number].change.request for number in found]
        intents.intend(session, requests, made, run, actor=desk.actor, lease=desk.proof.fence)
    return Move(acted=True)


def _landings(view: View, intent: LandingIntent, riders: Sequence[Entry]) -> tuple[str, ...]:
    """The commit with which each of them landed, as the commits themselves say; none where they share one."""
    if not view.gates_each:
        return ()
    commits = git.first_parent(view.repository.land, intent.base_oid, intent.new_oid)
    own = {number: commit.oid for commit in commits for number in commit.trailers("Request")}
    return tuple(own.get(str(entry.change.request.id), intent.new_oid) for entry in riders)


def _void(desk: Desk, view: View, intent: LandingIntent, why: str) -> Move:
    """Those who sat behind leave the train, too: else they would be before those whose landing failed."""
    riders = (*intent.riders, intent.head_id)
    areas = {view.area_of(entry) for entry in view.entries if entry.change.head.id in riders}
    with desk.write() as session:
        intents.void(session, intent, actor=desk.actor, lease=desk.proof.fence, why=why)
        behind = [entry for entry in view.train if entry.change.head.id not in riders]
        for entry in [entry for entry in behind if view.area_of(entry) in areas]:
            lifecycle.requeue(session, entry.change.request, actor=desk.actor, lease=desk.proof.fence, why=why)
    return Move(acted=True)


def _refused(desk: Desk, view: View, intent: LandingIntent, reason: str) -> Move:
    why = f"the remote refuses pushes to {view.rig.branch}: {reason}"
    with desk.write() as session:
        intents.void(session, intent, actor=desk.actor, lease=desk.proof.fence, why=why, refused=True)
        rigs.set_target_state(session, desk.rig, TargetState.BROKEN, intent.base_oid, actor=desk.actor, why=why)
    return rest(why, target=intent.base_oid)


def find_pause(desk: Desk, view: View, target: str) -> str | None:
    """Why landings on this target pause because the remote refused one; None when they need not."""
    if view.rig.landing is LandingStyle.PULL:  # one pull request that is refused says nothing of the others
        return None
    with desk.write() as session:
        refusals = queries.list_refusals(session, desk.rig, target)
    if not refusals or refusals[-1].closed_at is None:
        return None
    left = refusals[-1].closed_at + pause_after(len(refusals)) - clock.now()
    if left <= timedelta(0):
        return None
    return f"{refusals[-1].why} (tried again in {left.total_seconds():.0f} s, or after `gt mq retry {desk.rig}`)"


def _landed(desk: Desk, view: View, intent: LandingIntent, target: str) -> Move:
    with desk.write() as session:
        actor, fence = desk.actor, desk.proof.fence
        landed = intents.land(session, intent, actor=actor, lease=fence, after_landing=desk.hooks.after_landing)
        # The landed tree has its verdict; a commit of somebody else's on top of it has none yet, nor has it any of the
        # gates for what has landed.
        is_known = target == intent.new_oid and not view.landed_hash
        state = calm(view) if is_known else TargetState.UNKNOWN
        rigs.set_target_state(session, desk.rig, state, target, actor=desk.actor)
    return Move(acted=True, landed=tuple(landed), target=target)
