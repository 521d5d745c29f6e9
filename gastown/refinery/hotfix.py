"""The hotfix lane: who boards before those aboard whose test has not begun. What is being tested is never torn up."""

from collections.abc import Mapping, Set

from gastown import clock, git
from gastown.git import Conflicted
from gastown.refinery import areas, ordering, pulls
from gastown.refinery.boarding import candidate_of, number_of, tied_by_beads, waiting
from gastown.refinery.candidate import ground, put_on
from gastown.refinery.desk import Desk, Entry, View
from gastown.refinery.landing import Move, requeue
from gastown.refinery.models import RequestState
from gastown.refinery.ties import Ties


def make_way(desk: Desk, view: View, tested: Set[int], target: str) -> Move | None:
    """Take off one train those of whom no run speaks yet, where a waiting hotfix boards before them; None: none does.

    They board again behind it, in their order. A hotfix that would not merge there, or has to let somebody go first,
    moves nobody.
    """
    train = view.train
    first = 1 + max((place for place, entry in enumerate(train) if number_of(entry) in tested), default=-1)
    # One that would not be let aboard just now would have the same requests leave and board for ever.
    hotfixes = [
        entry
        for entry in view.in_state(RequestState.QUEUED)
        if waiting(entry).is_hotfix and pulls.may_board(desk, view, entry)
    ]
    if first >= len(train) or not hotfixes:
        return None
    tied = tied_by_beads(desk, view).with_commits(view.repository, target)
    order = {number: at for at, number in enumerate(_order(view, tied))}
    for entry in sorted(hotfixes, key=lambda one: order[number_of(one)]):
        place = _place_for(view, entry, first, order)
        if place < len(train) and _fits(view, entry, place, tied, target):
            why = f"{entry.change.request.bead_id} is a hotfix and boards before it"
            return requeue(desk, train[place:], why)
    return None


def _order(view: View, tied: Ties) -> list[int]:
    """All who are aboard or wait, as if they boarded now: those whom an urgent one draws forward stay before it."""
    all_ = (*view.train, *view.in_state(RequestState.QUEUED))
    return [one.request_id for one in ordering.order(map(waiting, all_), clock.now(), tied.after)]


def _place_for(view: View, entry: Entry, first: int, order: Mapping[int, int]) -> int:
    """The first place, of those whose test has not begun, from which on it boards before everybody who sits there."""
    train, own = view.train, order[number_of(entry)]
    place = len(train)
    while place > first and order[number_of(train[place - 1])] > own:
        place -= 1
    return place


def _fits(view: View, entry: Entry, place: int, tied: Ties, target: str) -> bool:
    train, head = view.train, entry.change.head
    if tied.holds(number_of(entry), map(number_of, train[:place])):
        return False
    try:
        view.repository.bring(head.head_oid, head.branch)
    except (git.ObjectMissing, git.GitFailed):  # the second: git will not take it; boarding sends it back
        return False
    if view.area not in (None, areas.choose(view, entry, tied, areas.seated(view), target)):
        return False  # it rides another train
    below = candidate_of(train[place - 1]) if place else ground(view.repository, target, clock.now())
    with view.repository.workbench() as bench:
        made = put_on(bench, below, head, clock.now())
    return not isinstance(made, Conflicted) and made.tree_oid != below.tree_oid
