"""Requests that build on others: they board behind them, land after them, and leave the train with them."""

from collections.abc import Callable

import pytest

from gastown import beads
from gastown.refinery import RequestState
from gastown.rigs import GateSpec
from tests.support.refinery_town import RefineryTown, run_git

Make = Callable[..., RefineryTown]
_GATE = "! ls bad* 2>/dev/null && echo 1 passed"


@pytest.fixture
def train(make: Make) -> RefineryTown:
    town = make(gates=(GateSpec("check", _GATE, 30),))
    town.settle()
    return town


def _block(town: RefineryTown, bead: str, *, on: str) -> None:
    with town.work() as session:
        beads.add_dependency(session, bead, on, actor="ada")


def _on_top_of(town: RefineryTown, bead: str, files: dict[str, str | None], *, priority: int = 2) -> str:
    """A change whose branch begins at another request's head."""
    head = town.attempts(bead)[-1]
    run_git(town.person, "fetch", "--quiet", str(town.work_git), head.branch)
    return town.submit(files, base=head.head_oid, priority=priority)


def test_an_urgent_one_draws_forward_what_its_bead_waits_for(train: RefineryTown) -> None:
    first, parent = train.submit({"one": "x\n"}), train.submit({"two": "x\n"}, priority=4)
    urgent = train.submit({"three": "x\n"}, priority=0)
    _block(train, urgent, on=parent)

    train.settle()

    assert train.landed == [parent, urgent, first]
    assert train.red() == []


def test_a_branch_that_contains_another_request_lands_after_it(train: RefineryTown) -> None:
    parent = train.submit({"one": "x\n"}, priority=4)
    child = _on_top_of(train, parent, {"two": "x\n"}, priority=1)
    other = train.submit({"three": "x\n"}, priority=2)

    train.settle()

    assert train.landed == [parent, child, other]
    assert [train.request(bead).retries for bead in (parent, child, other)] == [0, 0, 0]
    assert train.red() == []


def test_the_child_leaves_the_train_with_its_parent_and_is_not_blamed(train: RefineryTown) -> None:
    parent = train.submit({"bad": "x\n"})
    child = _on_top_of(train, parent, {"two": "x\n"})
    other = train.submit({"three": "x\n"})

    train.settle(40)

    assert train.landed == [other]
    assert train.request(parent).state is RequestState.RETURNED
    assert (train.request(child).state, train.request(child).retries) == (RequestState.QUEUED, 0)
    assert train.red() == []

    train.submit({"bad": None, "good": "x\n"}, bead_id=parent, base=train.attempts(parent)[0].head_oid)
    train.settle(40)
    assert train.landed == [other, parent, child]


def test_the_rework_of_a_parent_names_those_who_wait_for_it(train: RefineryTown) -> None:
    parent, child = train.submit({"bad": "x\n"}), train.submit({"two": "x\n"})
    _block(train, child, on=parent)

    train.settle(40)

    (rework,) = [row.rework for row in train.attempts(parent) if row.rework]
    assert rework["waited_for_by"] == [child]
    assert train.landed == []
    with train.work() as session:
        from gastown import refinery

        (item,) = [one for one in refinery.list_queue(session) if one.request.bead_id == child]
        assert item.waits_for == f"waits for {parent} (in rework), on which it builds"
        refinery.withdraw(session, parent, actor="ada", why="not wanted")
    train.settle()
    assert train.landed == [child]


def test_a_circle_between_beads_and_commits_holds_nobody_up(train: RefineryTown) -> None:
    """The child's branch contains the parent, whose bead waits for the child."""
    parent = train.submit({"one": "x\n"})
    child = _on_top_of(train, parent, {"two": "x\n"})
    _block(train, parent, on=child)

    train.settle()

    assert train.landed == [parent, child]
