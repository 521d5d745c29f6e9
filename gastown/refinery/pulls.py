"""Landing by pull requests: for targets that take no push, only what their provider merges.

A request whose gates are green gets a pull request of its own and leaves the train; it waits, unseated, until people
and hosted checks have said yes. Then it boards again, is gated on the target as it is by then (often without a run: the
verdict is known), and the provider is asked to merge exactly that head. Only the remote's target says that it landed.

What is known of a pull request is asked anew by each step and never stored, but for its number and address. Every act
finds what an act before it, cut off anywhere, has left: the branch by its name, the pull request by its branch, the
merge by the target.
"""

import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from gastown import clock, logs
from gastown.errors import GastownError, Unavailable
from gastown.providers import CheckState, Provider, PullView, Review
from gastown.refinery import intents, landing, lifecycle, pull_heads, pull_merge, pull_opening, pull_records, queries
from gastown.refinery.desk import Desk, Entry, View
from gastown.refinery.landing import Move, rest
from gastown.refinery.lifecycle import Candidate
from gastown.refinery.models import GateRun, LandingIntent, RequestState
from gastown.refinery.pull_merge import provider_of
from gastown.refinery.pull_standing import BOARDS, KINDS, Past, Stand, Standing, judge
from gastown.rigs import LandingStyle

log = logs.get(__name__)

# One host asks about waiting pull requests at most so often, however often doorbells ring.
PACE = timedelta(seconds=10)
# Nobody reviews more of one queue at a time; another one is opened when one of them has gone.
MOST_OPEN = 20
_MOST_CLOSED = 5
# A step leaves so many alone that could not be dealt with before it takes the provider, or the remote, to be away.
_MOST_TROUBLED = 3
# A green request whose pull request cannot be opened, pushed or looked at keeps its seat from the others for so long.
_SEAT_PATIENCE = timedelta(minutes=5)
_LONGEST_SAID = 4000
_LOOKED = "gastown.pulls-looked"
T = TypeVar("T")
Land = Callable[[Desk, View, Sequence[Entry], Sequence[str], str, GateRun | None], Move]
Recover = Callable[[Desk, View, LandingIntent], Move]


def _is_on(view: View) -> bool:
    return view.rig.landing is LandingStyle.PULL


def land_by(view: View) -> Land:
    """How a green prefix lands in this rig."""
    return land if _is_on(view) else landing.land


def recover_by(view: View) -> Recover:
    """How a landing of this rig that was left open is settled."""
    return pull_merge.recover if _is_on(view) else landing.recover


def may_board(desk: Desk, view: View, entry: Entry) -> bool:
    """Whether a waiting request may be tested now: not while its pull request waits for people or hosted checks."""
    if not _is_on(view):
        return True
    request = entry.change.request
    if (request.id or 0) in desk.pulls.troubles:
        return False
    if request.pull_number is None:
        return len(_waiting(view)) < MOST_OPEN
    standing = desk.pulls.standings.get(request.id or 0)
    return standing is not None and standing.stand in BOARDS


def _waiting(view: View) -> list[Entry]:
    return [entry for entry in view.in_state(RequestState.QUEUED) if entry.change.request.pull_number is not None]


def attend(desk: Desk, view: View, target: str) -> Move:
    """Look at the pull requests that wait, and do the first thing that one of them calls for; else a rest.

    A provider that is away keeps nobody's gates waiting, and one that cannot be looked at none of the others.
    """
    if not _is_on(view) or not _is_due(desk, view):
        return rest(target=target)
    try:
        provider = provider_of(view)
        entries = _in_turn(_waiting(view))
        tips = pull_heads.tips(view, entries)
    except Unavailable as error:
        return rest(error.message, target=target)
    troubles = desk.pulls.troubles
    for entry in entries:
        number = entry.change.request.id or 0
        if number in troubles:
            continue
        if len(troubles) >= _MOST_TROUBLED:
            break
        try:
            standing = _stand(desk, view, entry, provider, tips.get(number), target)
            move = _answer(desk, view, entry, standing, target)
        except Unavailable as error:
            troubles[number] = error.message
            continue
        if move is not None:
            return move
    return rest(_say(desk, entries), target=target)


def _in_turn(entries: Sequence[T]) -> list[T]:
    """The same, beginning with another one each time: those that fail are not always before the same others."""
    start = int(clock.now().timestamp() / PACE.total_seconds()) % max(1, len(entries))
    return [*entries[start:], *entries[:start]]


def _is_due(desk: Desk, view: View) -> bool:
    """Whether this step asks the provider: decided once, so that what it saw holds until its end."""
    if desk.pulls.is_due is None:
        mark = view.repository.land / _LOOKED
        now = clock.now().timestamp()
        # One from the future was written before a clock was set back.
        is_due = not mark.exists() or abs(now - mark.stat().st_mtime) >= PACE.total_seconds()
        if is_due and mark.parent.exists():
            mark.touch()
            os.utime(mark, (now, now))
        desk.pulls.is_due = is_due
    return desk.pulls.is_due


def _say(desk: Desk, entries: Sequence[Entry]) -> str:
    lines = []
    for entry in entries:
        request = entry.change.request
        standing = desk.pulls.standings.get(request.id or 0)
        trouble = desk.pulls.troubles.get(request.id or 0)
        if trouble is not None:
            lines.append(f"pull request {request.pull_number} of {request.bead_id} cannot be dealt with: {trouble}")
        elif standing is not None:
            lines.append(f"pull request {request.pull_number} of {request.bead_id} waits for {standing.words}")
    return "; ".join(lines)


def close_left(desk: Desk, view: View) -> str:
    """Close the pull requests of requests that were called off: there is nothing to review any more, and nobody may
    merge them. However the rig lands by now, and whoever waits. Says what kept it from that.
    """
    if not view.left_pulls or not _is_due(desk, view) or desk.pulls.is_closing_tried:
        return ""
    desk.pulls.is_closing_tried = True
    for request in _in_turn(view.left_pulls)[:_MOST_CLOSED]:
        try:
            provider_of(view).close(request.pull_number or 0)
        except GastownError as error:  # none of it may keep the queue from what it has to land
            log.warning("pull request %s was not closed: %s", request.pull_number, error.message)
            return f"pull request {request.pull_number} of {request.bead_id} to be closed: {error.message}"
        with desk.write() as session:
            lifecycle.forget_pull(session, request, actor=desk.actor, lease=desk.proof.fence)
    return ""


def _stand(desk: Desk, view: View, entry: Entry, provider: Provider, tip: str | None, target: str) -> Standing:
    """Where a request's pull request stands; the provider is asked once a step, or after a change of our own."""
    request, seen = entry.change.request, desk.pulls
    number = request.id or 0
    if number not in seen.views:
        seen.views[number] = provider.look(request.pull_number or 0)
    shown = seen.views[number]
    shape = pull_heads.shape(desk, view, entry, tip, target, shown.head_oid)
    with desk.write() as session:
        opened, waits = queries.pull_words(session, [request]).get(number, (None, None))
        refused = pull_records.find_refusal(session, request)
    opened_at = opened.at if opened else None
    past = Past(
        opened_at=opened_at,
        words=str(waits.payload.get("words", "")) if waits else "",
        said_at=waits.at if waits else None,
        refused=refused,
        asked=[review for review in shown.change_requests if _is_about(view, entry, shown, review, opened_at)],
    )
    known = pull_heads.shown(view, entry, shown, opened, target)
    standing = judge(shown, shape, known, past, clock.now())
    if standing.words != past.words:
        with desk.write() as session:
            lifecycle.note_pull(session, request, standing.words, actor=desk.actor, lease=desk.proof.fence)
    seen.standings[number] = standing
    return standing


def _is_about(view: View, entry: Entry, shown: PullView, review: Review, opened_at: datetime | None) -> bool:
    """Whether a review speaks of the request's present head, and not of one that it has answered since."""
    if review.head_oid:
        return review.head_oid == shown.head_oid or (
            view.repository.has(review.head_oid) and view.repository.is_in(entry.change.head.head_oid, review.head_oid)
        )
    return review.submitted_at is None or opened_at is None or review.submitted_at > opened_at


def _answer(desk: Desk, view: View, entry: Entry, standing: Standing, target: str) -> Move | None:
    """What is done about a pull request at once; None: it waits, or its request boards."""
    request = entry.change.request
    if standing.stand is Stand.MERGED:
        return _merged_by_hand(desk, view, entry, target)
    if standing.stand not in KINDS:
        return None
    kind, summary = KINDS[standing.stand]
    details = {"summary": summary, "target": target, **_details(desk.pulls.views[request.id or 0])}
    with desk.write() as session:
        fence = desk.proof.fence
        lifecycle.send_back(session, request, kind=kind, details=details, actor=desk.actor, lease=fence)
    desk.pulls.forget(request.id or 0)
    return Move(acted=True, returned=request.bead_id, target=target)


def _details(shown: PullView) -> dict[str, object]:
    """What the polecat must know: who said what, and which checks failed where."""
    said = [*shown.change_requests, *shown.remarks]
    return {
        "pull_number": shown.pull.number,
        "pull_url": shown.pull.url,
        "pull_head": shown.head_oid,
        "said": [{"author": review.author, "text": review.body[:_LONGEST_SAID]} for review in said if review.body],
        "checks": [
            {"name": check.name, "url": check.url} for check in shown.checks if check.state is CheckState.FAILED
        ],
    }


def _merged_by_hand(desk: Desk, view: View, entry: Entry, target: str) -> Move:
    """A person merged it, and the target shows it. That is green by now, or nobody came here."""
    tree = pull_merge.tree_of(view, target)
    head = entry.change.head
    whole = Candidate(target, target, tree, clock.now(), (head.id or 0,))
    with desk.write() as session:
        run = pull_merge.verdict_of(session, view, tree)
        intents.intend(session, [entry.change.request], whole, run, actor=desk.actor, lease=desk.proof.fence)
    return Move(acted=True)


def land(
    desk: Desk, view: View, riders: Sequence[Entry], trees: Sequence[str], target: str, run: GateRun | None
) -> Move:
    """Take a green candidate one step on: to a pull request, back to waiting for it, or to its merge."""
    if len(riders) > 1:  # aboard since before the rig landed by pull requests
        return landing.requeue(desk, riders[1:], "pull requests land one by one")
    entry, tree = riders[0], trees[-1]
    frozen = landing.find_freeze(desk)
    if frozen is not None:
        return rest(frozen)
    try:
        tip = _prepare(desk, view, entry, tree, target)
    except Unavailable as error:
        return _make_way(desk, entry, error)
    if isinstance(tip, Move):
        return tip
    whole = Candidate(target, tip, tree, clock.now(), (entry.change.head.id or 0,))
    return pull_merge.merge(desk, view, entry, whole, run)


def _prepare(desk: Desk, view: View, entry: Entry, tree: str, target: str) -> Move | str:
    """The head that may be merged now; or what was done because there is none yet."""
    provider = provider_of(view)
    number = entry.change.request.id or 0
    tip = pull_heads.tips(view, [entry]).get(number)
    if entry.change.request.pull_number is None:
        return pull_opening.show(desk, view, entry, provider, tip, tree, target)
    desk.pulls.forget(number)  # what was seen when it boarded may have changed since
    standing = _stand(desk, view, entry, provider, tip, target)
    if standing.stand is Stand.STALE:
        return pull_opening.show(desk, view, entry, provider, tip, tree, target)
    if standing.stand is not Stand.READY or tip is None:
        return _back(desk, entry, standing)
    if not pull_heads.gives(view.repository, target, tip, tree):
        return pull_opening.show(desk, view, entry, provider, tip, tree, target)
    return tip


def _make_way(desk: Desk, entry: Entry, error: Unavailable) -> Move:
    """Let the others go first where it is this one that cannot be dealt with, and not the provider that is away.

    One aboard keeps its seat for a while; it boards again when the others have had their turn.
    """
    request, troubles = entry.change.request, desk.pulls.troubles
    troubles[request.id or 0] = error.message
    desk.pulls.forget(request.id or 0)
    if len(troubles) >= _MOST_TROUBLED:
        raise error
    if request.state is RequestState.QUEUED:  # in a rig without gates nobody sits
        return Move(acted=True, waits_for=error.message)
    if clock.now() - (request.boarded_at or clock.now()) < _SEAT_PATIENCE:
        raise error
    return landing.requeue(desk, [entry], error.message)


def _back(desk: Desk, entry: Entry, standing: Standing) -> Move:
    """Its seat is for others while it waits again."""
    if entry.change.request.state is RequestState.QUEUED:
        return rest(f"pull request {entry.change.request.pull_number} waits for {standing.words}")
    return landing.requeue(desk, [entry], f"its pull request waits for {standing.words}")
