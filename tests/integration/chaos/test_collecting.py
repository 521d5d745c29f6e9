"""Evidence collected from a town that was driven through its own verbs: whole on each database, spoilt in its git."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from gastown.chaos import checker, recovery
from gastown.chaos.collect import RunFacts, collect
from tests.support.chaos_town import ChaosTown, live_through, make_chaos_town
from tests.support.refinery_town import RIG, run_git


@pytest.fixture
def town(database_url: str, tmp_path: Path) -> ChaosTown:
    return make_chaos_town(tmp_path / "here", database_url)


def violations(facts: RunFacts) -> Mapping[str, Sequence[str]]:
    return {name: said for name, said in checker.check(collect(facts)).items() if said}


def test_healthy_town_violates_nothing_and_is_counted(town: ChaosTown, tmp_path: Path) -> None:
    live_through(town)
    evidence = collect(town.facts(tmp_path))
    assert {name: list(said) for name, said in checker.check(evidence).items() if said} == {}
    found = checker.count(evidence)
    assert (found.landed, found.escalated, found.lost, found.held_up) == (5, 1, 0, 0)
    assert (found.double_landed, found.red_commits, found.wrong_ejections) == (0, 0, 0)
    assert len([one for one in recovery.measure(evidence) if one.seconds is not None]) == 2


# What happens to a remote or a host behind the town's back, and where it shows.


def _remote(facts: RunFacts) -> Path:
    return facts.remotes[RIG].path


def _person(facts: RunFacts) -> Path:
    """Somebody's checkout of the remote."""
    folder = facts.scratch / "person"
    run_git(facts.scratch, "clone", "--quiet", str(_remote(facts)), str(folder))
    return folder


def _push(facts: RunFacts, *words: str) -> None:
    run_git(_person(facts) if not (facts.scratch / "person").exists() else facts.scratch / "person", *words)


def rewind(facts: RunFacts) -> None:
    _push(facts, "push", "--quiet", "--force", "origin", "HEAD~1:main")


def rewind_and_bring_back(facts: RunFacts) -> None:
    rewind(facts)
    _push(facts, "push", "--quiet", "origin", "HEAD:main")


def land_past_the_log(facts: RunFacts) -> None:
    person = _person(facts)
    (person / "red.txt").write_text("red\n")
    run_git(person, "add", "--all")
    run_git(person, "commit", "--quiet", "-m", "Merge x\n\nBead: app-none\nRequest: 99\nActor: a")
    run_git(person, "push", "--quiet", "origin", "HEAD:main")


def delete_a_branch_and_forget_its_landing(facts: RunFacts) -> None:
    names = run_git(_remote(facts), "for-each-ref", "--format=%(refname)", "refs/heads/polecat").splitlines()
    for name in names:
        _push(facts, "push", "--quiet", "origin", f":{name}")


def leave_a_ref(facts: RunFacts) -> None:
    run_git(_remote(facts), "update-ref", "refs/candidates/1", "refs/heads/main")


def leave_a_lock(facts: RunFacts) -> None:
    (facts.towns[0] / "rigs" / RIG / "land.git" / "packed-refs.lock").touch()


def leave_a_half_made_repository(facts: RunFacts) -> None:
    (facts.towns[0] / "rigs" / RIG / ".work.git.new").mkdir()


def lose_the_journal(facts: RunFacts) -> None:
    facts.journal.unlink()


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (rewind, {"I9", "I10", "I12"}),
        (rewind_and_bring_back, {"I12"}),
        (land_past_the_log, {"I10", "I11"}),
        (leave_a_ref, {"I21"}),
        (leave_a_lock, {"I21"}),
        (leave_a_half_made_repository, {"I21"}),
        (lose_the_journal, {"I5"}),
        (delete_a_branch_and_forget_its_landing, set()),
    ],
)
def test_what_is_done_behind_the_towns_back_is_found(
    spoil: Callable[[RunFacts], None], where: set[str], spoilt: RunFacts
) -> None:
    spoil(spoilt)
    found = violations(spoilt)
    assert set(found) == where, found
