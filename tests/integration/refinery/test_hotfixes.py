"""The hotfix lane of a train."""

from collections.abc import Callable

import pytest

from gastown import policy
from gastown.rigs import GateSpec
from tests.support.refinery_town import RefineryTown

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
