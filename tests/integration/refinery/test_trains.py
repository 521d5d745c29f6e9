"""A train of several requests: what lands together, who is set aside, and what everybody else waits for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gastown import git, policy
from gastown.refinery import RequestState, RunState, Verdict
from gastown.rigs import GateSpec
from tests.support.refinery_town import RefineryTown, run_git

Make = Callable[..., RefineryTown]

# Green as long as no file is called bad, and not both a and b are there.
_GATE = "! ls bad* 2>/dev/null && ! { test -f clash-a && test -f clash-b; } && echo 1 passed"


@pytest.fixture
def train(make: Make) -> RefineryTown:
    town = make(gates=(GateSpec("check", _GATE, 30),))
    town.settle()
    return town


def _ride(town: RefineryTown, *names: str) -> list[str]:
    return [town.submit({name: "x\n"}) for name in names]


def _set(town: RefineryTown, name: str, value: str) -> None:
    with town.work() as session:
        policy.set_value(session, name, value, actor="ada")


def test_all_land_as_one_commit_after_one_run_when_all_are_good(train: RefineryTown) -> None:
    _set(train, "refinery.mode", "thrifty")
    before, runs = train.target(), len(train.runs())
    riders = _ride(train, "one", "two", "three", "four")

    train.settle()

    assert train.landed == riders
    assert len(train.runs()) == runs + 1
    assert {train.request(bead).landed_oid for bead in riders} == {train.target()}
    (landed,) = git.first_parent(train.remote, before, train.target())
    assert landed.trailers("Bead") == riders
    assert landed.parents[0] == before
    assert train.red() == []


def test_only_the_bad_one_goes_back_and_the_others_keep_their_order(train: RefineryTown) -> None:
    first, bad, second, third = _ride(train, "one", "bad", "two", "three")

    train.settle()

    assert train.landed == [first, second, third]
    assert train.request(bad).state is RequestState.RETURNED
    (rework,) = [row.rework for row in train.attempts(bad) if row.rework]
    assert rework["kind"] == "red"
    assert rework["gate"] == "check"
    reds = [run for run in train.runs() if run.tree_oid == _tree_of(train, rework["run"])]
    assert [run.verdict for run in reds].count(Verdict.FAIL) == 2
    assert train.red() == []


def _tree_of(town: RefineryTown, number: object) -> str:
    return next(run.tree_oid for run in town.runs() if run.id == number)


def test_the_later_one_goes_back_when_two_good_ones_do_not_go_together(train: RefineryTown) -> None:
    first, other, second = _ride(train, "clash-a", "other", "clash-b")

    train.settle()

    assert train.landed == [first, other]
    assert train.request(second).state is RequestState.RETURNED
    assert train.red() == []


def test_a_flaky_gate_sends_nobody_back(make: Make) -> None:
    """It fails at its first run on each tree, and passes from then on."""
    flaky = 'mark="$HOME/.cache/$(git write-tree)"; test -e "$mark" && echo 1 passed || { touch "$mark"; exit 1; }'
    town = make(gates=(GateSpec("check", flaky, 30),))
    riders = _ride(town, "one", "two", "three")

    town.settle(40)

    assert sorted(town.landed) == sorted(riders)
    assert {town.request(bead).retries for bead in riders} == {0}


def test_who_conflicts_with_somebody_aboard_waits_and_is_told_when_that_one_has_landed(train: RefineryTown) -> None:
    first = train.submit({"same": "one\n"})
    second = train.submit({"same": "two\n"})
    third = train.submit({"more": "x\n"})

    train.settle()

    assert train.landed == [first, third]
    assert train.request(second).state is RequestState.RETURNED
    (rework,) = [row.rework for row in train.attempts(second) if row.rework]
    assert (rework["kind"], rework["files"]) == ("conflict", ["same"])


def test_the_order_stays_when_the_target_moves_by_other_hands(train: RefineryTown) -> None:
    riders = _ride(train, "one", "two", "three")
    train.step()
    seats = [train.request(bead).seat for bead in riders]
    train.push_to_target({"outside": "x\n"})

    train.step()

    stale = [run for run in train.runs() if run.riders and run.state is RunState.CANCELLED]
    assert stale
    train.settle()
    assert seats == sorted(seats)  # type: ignore[type-var]
    assert train.landed == riders
    assert train.red() == []


def test_the_rest_goes_on_with_what_is_known_when_one_is_called_off(train: RefineryTown) -> None:
    first, gone, last = _ride(train, "one", "two", "three")
    train.step()
    with train.work() as session:
        from gastown import refinery

        refinery.cancel(session, gone, actor="ada", why="not wanted")

    train.settle()

    assert train.landed == [first, last]
    files = run_git(train.remote, "ls-tree", "--name-only", "main").split()
    assert ("two" in files, "three" in files) == (False, True)


def test_a_newer_head_takes_the_place_of_the_one_aboard(train: RefineryTown) -> None:
    first, second = _ride(train, "one", "two")
    train.step()
    train.submit({"three": "better\n"}, bead_id=first)

    train.settle()

    assert sorted(train.landed) == sorted([first, second])
    assert train.file_in_target("three") == "better"
    assert train.red() == []


def test_gates_that_cannot_run_with_one_send_only_that_one_back(make: Make) -> None:
    town = make(gates=(GateSpec("check", "sh check.sh", 30),))
    good = town.submit({"one": "x\n"})
    broken = town.submit({"check.sh": None})
    other = town.submit({"two": "x\n"})

    town.settle(60)

    assert sorted(town.landed) == sorted([good, other])
    assert town.request(broken).state is RequestState.RETURNED


def test_no_more_board_than_the_setting_allows(train: RefineryTown) -> None:
    _set(train, "refinery.max_train", "2")
    riders = _ride(train, "one", "two", "three")

    train.step()

    assert [train.request(bead).state for bead in riders] == [
        RequestState.TESTING,
        RequestState.TESTING,
        RequestState.QUEUED,
    ]
    train.settle()
    assert train.landed == riders


def test_a_run_is_rebuilt_from_the_heads_where_the_candidate_is_not(train: RefineryTown, tmp_path: Path) -> None:
    from dataclasses import replace

    riders = _ride(train, "one", "two", "three")
    for bead in riders:
        head = train.attempts(bead)[-1]
        run_git(train.person, "push", "--quiet", "origin", f"{head.head_oid}:refs/heads/{head.branch}")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    there = replace(train.settings, town=elsewhere, host="there")

    for _ in range(6):
        train.step()
        train.gate(settings=there)
    train.step()

    assert train.landed == riders
    assert train.red() == []


def test_those_behind_do_not_overtake_when_a_landing_fails(
    train: RefineryTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody pushes to the target in the moment before our push arrives."""
    _set(train, "refinery.max_train", "3")
    riders = _ride(train, "one", "two", "three", "four")
    push = git.push_landing

    def too_late(*args: object, **more: object) -> git.PushOutcome:
        monkeypatch.setattr(git, "push_landing", push)
        train.push_to_target({"outside": "x\n"})
        return push(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(git, "push_landing", too_late)

    train.settle(40)

    assert train.landed == riders
    assert train.red() == []


def test_runs_on_a_guess_are_left_alone_by_the_tick(train: RefineryTown) -> None:
    from gastown import refinery

    _set(train, "refinery.runners", "6")
    riders = _ride(train, "one", "bad", "two", "three")
    train.step()
    for _ in range(3):
        train.gate()
        train.step()
        with train.work() as session:
            assert refinery.call_off_unwanted(session, actor="town") == 0
    train.settle(40)
    assert [bead for bead in riders if bead in train.landed] == [riders[0], riders[2], riders[3]]


def test_a_rig_whose_gates_break_in_the_middle_blames_nobody_of_a_whole_train(make: Make, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    town = make(gates=(GateSpec("check", f"test -e {broken} && exit 127; echo 1 passed", 30),))
    town.settle()
    broken.touch()
    riders = _ride(town, "one", "two", "three")

    for _ in range(12):
        town.step()
        town.gate()
    assert town.landed == []
    assert {town.request(bead).retries for bead in riders} == {0}
    assert town.rig().target_state.value == "broken"

    broken.unlink()
    with town.work() as session:
        from gastown import refinery

        refinery.retry(session, "app", actor="ada")
    town.settle(40)
    assert sorted(town.landed) == sorted(riders)


def test_a_train_goes_on_on_another_host_when_the_first_is_gone(train: RefineryTown) -> None:
    """Its candidates are not here, and somebody waits to board behind them."""
    import shutil

    riders = _ride(train, "one", "two")
    train.step()
    seated = [train.request(bead) for bead in riders]
    riders.append(train.submit({"three": "x\n"}))
    for bead in riders:
        head = train.attempts(bead)[-1]
        run_git(train.person, "fetch", "--quiet", str(train.work_git), head.head_oid)
        run_git(train.person, "push", "--quiet", "origin", f"{head.head_oid}:refs/heads/{head.branch}")
    shutil.rmtree(train.land)
    shutil.rmtree(train.work_git)

    train.step()

    assert all(request.seat for request in seated)
    assert train.request(riders[-1]).state is RequestState.TESTING
    assert [train.request(bead).candidate_oid for bead in riders[:2]] == [row.candidate_oid for row in seated]
    train.settle(40)
    assert train.landed == riders
    assert train.red() == []
