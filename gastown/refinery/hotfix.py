"""The hotfix lane: who boards before those aboard whose test has not begun. What is being tested is never torn up."""

from gastown import clock, git
from gastown.git import Conflicted
from gastown.refinery import ordering
from gastown.refinery.boarding import candidate_of, in_order, number_of, tied_by_beads, waiting
from gastown.refinery.candidate import ground, put_on
from gastown.refinery.desk import Desk, Entry, View
from gastown.refinery.evidence import Findings
from gastown.refinery.landing import Move, requeue
from gastown.refinery.models import RequestState
from gastown.refinery.ties import Ties


def make_way(desk: Desk, view: View, findings: Findings, target: str) -> Move | None:
    """Take off the train those of whom no run speaks yet, where a waiting hotfix boards before them; None: none does.

    They board again behind it, in their order. A hotfix that would not merge there, or has to let somebody go first,
    moves nobody.
    """
    train = view.train
    tested = {number for prefix in findings.runs for number in prefix}
    first = 1 + max((place for place, entry in enumerate(train) if number_of(entry) in tested), default=-1)
    hotfixes = [entry for entry in view.in_state(RequestState.QUEUED) if waiting(entry).is_hotfix]
    if first >= len(train) or not hotfixes:
        return None
    tied = tied_by_beads(desk, view).with_commits(view.repository, target)
    for entry in in_order(view, tied.after):
        place = _place_for(view, entry, first) if entry in hotfixes else None
        if place is not None and _fits(view, entry, place, tied, target):
            why = f"{entry.change.request.bead_id} is a hotfix and boards before it"
            return requeue(desk, train[place:], why)
    return None


def _place_for(view: View, entry: Entry, first: int) -> int | None:
    """The first place, of those whose test has not begun, at which somebody sits that it goes before."""
    now = clock.now()
    own = ordering.rank(waiting(entry), now)
    ranks = [ordering.rank(waiting(other), now) for other in view.train]
    return next((place for place in range(first, len(ranks)) if ranks[place] > own), None)


def _fits(view: View, entry: Entry, place: int, tied: Ties, target: str) -> bool:
    train, head = view.train, entry.change.head
    if tied.holds(number_of(entry), map(number_of, train[:place])):
        return False
    try:
        view.repository.bring(head.head_oid, head.branch)
    except git.ObjectMissing:
        return False
    below = candidate_of(train[place - 1]) if place else ground(view.repository, target, clock.now())
    with view.repository.workbench() as bench:
        made = put_on(bench, below, head, clock.now())
    return not isinstance(made, Conflicted) and made.tree_oid != below.tree_oid
