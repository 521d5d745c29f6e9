"""The check that the target was never red by us, and rigs whose remote is somebody's checkout."""

from collections.abc import Callable

from gastown import rigs
from gastown.refinery import RequestState
from gastown.rigs import TargetState
from tests.support.refinery_town import RED, RefineryTown, run_git

Make = Callable[..., RefineryTown]


def test_commit_is_named_when_nothing_says_that_its_tree_is_green(town: RefineryTown) -> None:
    town.submit({"b.txt": "two\n"})
    town.settle()
    assert town.red() == []
    outside = town.push_to_target({"check.sh": RED}, "past the gates")
    assert [(commit.oid, commit.subject) for commit in town.red()] == [(outside, "past the gates")]
    town.settle()
    assert [commit.oid for commit in town.red()] == [outside]


def test_first_target_is_named_when_it_is_red(make: Make) -> None:
    town = make(files={"check.sh": RED})
    town.settle()
    assert [commit.oid for commit in town.red()] == [town.target()]


def _use_checkout(town: RefineryTown) -> None:
    """Make a person's clean checkout without an origin the rig's remote, as `gt rig add PATH` does."""
    checkout = town.root / "checkout"
    run_git(town.root, "clone", "--quiet", str(town.remote), str(checkout))
    run_git(town.land, "config", "remote.origin.url", str(checkout))
    with town.work() as session:
        rigs.update(session, "app", actor="somebody", remote_url=str(checkout), updates_checkout=True)


def test_files_of_a_checkout_change_when_a_commit_lands_into_it(town: RefineryTown) -> None:
    _use_checkout(town)
    bead = town.submit({"b.txt": "two\n"})
    town.settle()
    assert town.landed == [bead]
    assert (town.root / "checkout" / "b.txt").read_text() == "two\n"
    assert run_git(town.root / "checkout", "status", "--porcelain") == ""


def test_rig_stops_and_the_file_is_kept_when_the_checkout_has_changes(town: RefineryTown) -> None:
    _use_checkout(town)
    bead = town.submit({"a.txt": "two\n"})
    mine = town.root / "checkout" / "a.txt"
    mine.write_text("not committed\n")
    town.settle()
    assert mine.read_text() == "not committed\n"
    assert town.rig().target_state is TargetState.BROKEN
    assert town.request(bead).state is RequestState.QUEUED
    assert town.request(bead).retries == 0
