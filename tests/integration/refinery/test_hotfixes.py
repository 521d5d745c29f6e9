"""The hotfix lane of a train."""

from collections.abc import Callable

import pytest

from gastown import beads, git, policy
from gastown.beads import NewBead
from gastown.rigs import GateSpec, LandingStyle
from tests.support.pull_town import PullTown
from tests.support.refinery_town import GATE, RIG, RefineryTown, run_git

Make = Callable[..., RefineryTown]


@pytest.fixture
def train(make: Make) -> RefineryTown:
    town = make(gates=(GateSpec("check", "! ls bad* 2>/dev/null && echo 1 passed", 30),))
    town.settle()
    with town.work() as session:
        policy.set_value(session, "refinery.runners", "1", actor="ada")
    return town


def _seats(town: RefineryTown, *beads: str) -> list[int | None]:
    return [town.request(bead).seat for bead in beads]


def _set(town: RefineryTown, name: str, value: str) -> None:
    with town.work() as session:
        policy.set_value(session, name, value, actor="ada")


def test_a_hotfix_goes_behind_what_is_tested_and_before_what_is_not(train: RefineryTown) -> None:
    _set(train, "refinery.max_train", "2")
    tested = [train.submit({name: "x\n"}) for name in ("one", "two")]
    train.step()
    runs = [run.id for run in train.runs() if run.riders]
    _set(train, "refinery.max_train", "4")
    # Aboard, and no run speaks of them: the one runner is busy.
    late = [train.submit({name: "x\n"}) for name in ("three", "four")]
    train.step()
    assert all(_seats(train, *late))
    hotfix = train.submit({"fix": "x\n"}, priority=0)

    train.step()

    assert [run.id for run in train.runs() if run.riders and run.verdict is None] == runs
    train.settle()
    assert train.landed == [*tested, hotfix, *late]
    assert {train.request(bead).retries for bead in train.landed} == {0}
    assert train.red() == []


def test_a_hotfix_that_conflicts_with_what_is_tested_moves_nobody(train: RefineryTown) -> None:
    _set(train, "refinery.max_train", "2")
    tested = [train.submit({name: "x\n"}) for name in ("one", "two")]
    train.step()
    _set(train, "refinery.max_train", "4")
    late = [train.submit({name: "x\n"}) for name in ("three", "four")]
    train.step()
    seats = _seats(train, *late)
    train.submit({"one": "another\n"}, priority=0)

    train.step()

    assert _seats(train, *late) == seats
    train.settle()
    assert train.landed == [*tested, *late]


def test_a_hotfix_whose_pull_request_waits_for_people_moves_nobody(pulls: PullTown) -> None:
    hotfix = pulls.town.submit({"fix": "x\n"}, priority=0)
    pulls.later()
    assert pulls.town.request(hotfix).pull_number is not None
    other = pulls.town.submit({"other": "x\n"})

    pulls.step_later()

    assert (pulls.town.request(hotfix).seat, pulls.town.request(other).seat) == (None, 1)
    assert pulls.town.kinds(other).count("request.boarded") == 1
    pulls.later()
    assert pulls.town.request(other).pull_number is not None


def test_a_hotfix_moves_nobody_whom_an_older_one_draws_forward(make: Make) -> None:
    town = make(gates=(GATE,), landing=LandingStyle.SQUASH)
    town.settle()
    _set(town, "refinery.runners", "1")
    parent, drawn = town.submit({"one": "x\n"}), town.submit({"two": "x\n"}, priority=0)
    with town.work() as session:
        beads.add_dependency(session, drawn, parent, actor="ada")
    hotfix = town.submit({"fix": "x\n"}, priority=0)

    found = town.step()

    assert not found.again
    assert _seats(town, parent, drawn) == [1, 2]
    assert town.kinds(parent).count("request.boarded") == 1
    town.settle()
    assert town.landed == [parent, drawn, hotfix]


def test_a_hotfix_goes_behind_those_aboard_whom_an_older_one_draws_forward(train: RefineryTown) -> None:
    _set(train, "refinery.max_train", "2")
    tested = [train.submit({name: "x\n"}) for name in ("one", "two")]
    train.step()
    _set(train, "refinery.max_train", "6")
    parent, drawn = train.submit({"three": "x\n"}), train.submit({"four": "x\n"}, priority=0)
    with train.work() as session:
        beads.add_dependency(session, drawn, parent, actor="ada")
    late = train.submit({"five": "x\n"})
    train.step()
    assert _seats(train, parent, drawn, late) == [3, 4, 5]
    hotfix = train.submit({"fix": "x\n"}, priority=0)

    train.step()

    assert _seats(train, parent, drawn, hotfix, late) == [3, 4, 5, 6]
    assert "request.requeued" not in train.kinds(parent)
    train.settle()
    assert train.landed == [*tested, parent, drawn, hotfix, late]


def test_a_hotfix_that_git_will_not_take_stops_nobody(train: RefineryTown) -> None:
    _set(train, "refinery.max_train", "1")
    tested = train.submit({"one": "x\n"})
    train.step()
    _set(train, "refinery.max_train", "4")
    late = train.submit({"two": "x\n"})
    train.step()
    blob = run_git(train.person, "rev-parse", "origin/main:a.txt")
    tree = git.run.git(train.work_git, "mktree", options=git.run.Options(input=f"100644 blob {blob}\t.git\n")).line
    head = run_git(train.work_git, "commit-tree", "-m", "evil", "-p", train.target(), tree)
    with train.work() as session:
        bead = beads.create(session, NewBead("Change", prefix=RIG, priority=0), actor="ada").id
        run_git(train.work_git, "update-ref", f"refs/heads/polecat/nux/{bead}@1", head)
        train._hand_in(session, bead, 1, f"polecat/nux/{bead}@1", head, 0)

    train.settle()

    assert train.landed == [tested, late]
