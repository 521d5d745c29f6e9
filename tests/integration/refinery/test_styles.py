"""Rigs that squash or rebase: each request lands as commits of its own, every one of which has its green verdict."""

from collections.abc import Callable

import pytest

from gastown import git, replay, rigs
from gastown.refinery import RequestState, candidate
from gastown.rigs import GateSpec, LandingStyle
from tests.support.refinery_town import RIG, Crash, RefineryTown, run_git

Make = Callable[..., RefineryTown]

# Red wherever a file is called bad; what it is run on is written down.
_GATE = 'git write-tree >> "$HOME/gated"; ! ls bad* 2>/dev/null && echo 1 passed'


def _town(make: Make, style: LandingStyle, **values: object) -> RefineryTown:
    town = make(**{"gates": (GateSpec("check", _GATE, 30),), **values})
    with town.work() as session:
        rigs.update(session, RIG, landing=style, actor="ada")
    town.settle()
    return town


@pytest.fixture(params=[LandingStyle.SQUASH, LandingStyle.REBASE])
def town(make: Make, request: pytest.FixtureRequest) -> RefineryTown:
    return _town(make, request.param)


def _line(town: RefineryTown, before: str) -> list[git.Commit]:
    return git.first_parent(town.remote, before, town.target())


def _unlike_the_log(town: RefineryTown) -> list[str]:
    with town.work() as session:
        found = [str(one) for one in replay.verify(session)]
    return [one for one in found if "merge" in one or "intent" in one]


def test_each_request_lands_as_a_plain_commit_of_its_own(town: RefineryTown) -> None:
    before = town.target()
    riders = [town.submit({name: "x\n"}) for name in ("one", "two", "three", "four", "five")]

    town.settle()

    line = _line(town, before)
    assert town.landed == riders
    assert [commit.trailers("Bead") for commit in line] == [[bead] for bead in riders]
    assert [commit.parents for commit in line] == [(oid,) for oid in (before, *(one.oid for one in line[:-1]))]
    assert [town.request(bead).landed_oid for bead in riders] == [commit.oid for commit in line]
    assert [town.bead(bead).landed_sha for bead in riders] == [commit.oid for commit in line]
    assert town.red() == []
    assert _unlike_the_log(town) == []


def test_what_has_landed_leaves_no_branch(town: RefineryTown) -> None:
    """Its commits are no part of the target, and yet nothing of it is lost."""
    landed = [town.submit({name: "x\n"}) for name in ("one", "two")]
    bad = town.submit({"bad": "x\n"})
    heads = {town.request_head(bead) for bead in landed}
    for bead in (*landed, bad):  # as `gt done` does
        branch = f"refs/heads/polecat/nux/{bead}@1"
        run_git(town.work_git, "push", "--quiet", str(town.remote), f"{branch}:{branch}")

    town.settle(40)
    town.settle()

    assert town.landed == landed
    left = run_git(town.remote, "for-each-ref", "--format=%(objectname)", "refs/heads/polecat/").split()
    assert town.request_head(bad) in left, "what has not landed stays"
    assert heads.isdisjoint(left)


def test_only_the_bad_one_goes_back(town: RefineryTown) -> None:
    before = town.target()
    first, bad, second, third = (town.submit({name: "x\n"}) for name in ("one", "bad", "two", "three"))

    town.settle(40)

    assert town.landed == [first, second, third]
    assert town.request(bad).state is RequestState.RETURNED
    assert len(_line(town, before)) == 3
    assert town.red() == []


def test_a_landing_cut_off_before_its_push_is_made_good(town: RefineryTown, monkeypatch: pytest.MonkeyPatch) -> None:
    riders = [town.submit({name: "x\n"}) for name in ("one", "two")]

    def die(*_args: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(git, "push_landing", die)
        with pytest.raises(Crash):
            town.settle()
    town.expire_lease()
    (intent,) = [row for row in town.intents() if row.state == "open"]
    run_git(town.land, "-c", "gc.reflogExpire=now", "prune", "--expire=now")  # its commits were nowhere but here

    town.settle(40)

    assert town.landed == riders
    assert town.in_target(intent.new_oid), "built again it is the same commit"
    assert town.red() == []


def test_a_branch_built_on_another_lands_after_it(town: RefineryTown) -> None:
    """Its own line has the other's commit, which changes nothing any more."""
    before = town.target()
    first = town.submit({"a.txt": "one\ntwo\n"})
    second = town.submit({"a.txt": "one\ntwo\nthree\n"}, base=town.request_head(first))

    town.settle(40)

    assert town.landed == [first, second]
    assert town.file_in_target("a.txt") == "one\ntwo\nthree"
    assert len(_line(town, before)) == 2


def test_a_squashed_commit_is_its_polecats_and_names_the_bead(make: Make) -> None:
    town = _town(make, LandingStyle.SQUASH)
    before = town.target()
    bead = town.submit({"one": "x\n"}, {"two": "x\n"})

    town.settle()

    (commit,) = _line(town, before)
    assert commit.author == f"{RIG}/polecats/nux"
    assert commit.subject == f"{bead}: {town.bead(bead).title}"
    assert sorted(git.changed_paths(town.remote, before, commit.oid)) == ["one", "two"]


def test_rebased_commits_keep_their_author_and_words_and_each_is_gated(make: Make) -> None:
    town = _town(make, LandingStyle.REBASE)
    before = town.target()
    bead = town.submit({"one": "x\n"}, {"two": "x\n"}, {"three": "x\n"})
    town.push_to_target({"outside": "x\n"})

    town.settle()

    line = _line(town, before)[1:]
    assert [commit.subject for commit in line] == [f"work on {bead}{part}" for part in ("", ", part 2", ", part 3")]
    assert {(commit.author, commit.committer) for commit in line} == {("Somebody", "gastown")}
    gated = _gated(town)
    assert [commit.tree in gated for commit in line] == [True, True, True]
    assert town.red() == []


def _gated(town: RefineryTown) -> list[str]:
    return [oid for path in town.root.rglob("gated") for oid in path.read_text().split()]


def test_a_request_with_a_red_commit_inside_goes_back_though_its_end_is_green(make: Make) -> None:
    town = _town(make, LandingStyle.REBASE)
    whole = town.submit({"bad": "x\n", "one": "x\n"}, {"bad": None})
    good = town.submit({"one": "x\n"})  # the same tree, by a way that is green

    town.settle(40)

    assert town.landed == [good]
    assert town.request(whole).state is RequestState.RETURNED
    (rework,) = [row.rework for row in town.attempts(whole) if row.rework]
    assert "commit 1 of 2" in str(rework["summary"])
    assert town.red() == []


def test_a_commit_that_does_not_go_on_top_is_named_in_the_rework(make: Make) -> None:
    town = _town(make, LandingStyle.REBASE)
    bead = town.submit({"one": "x\n"}, {"a.txt": "mine\n"})
    town.push_to_target({"a.txt": "theirs\n"})

    town.settle()

    (rework,) = [row.rework for row in town.attempts(bead) if row.rework]
    assert (rework["kind"], rework["files"]) == ("conflict", ["a.txt"])
    assert any(f"work on {bead}, part 2" in line for line in rework["messages"])


def test_a_merge_on_the_branch_is_what_it_changed_there(make: Make) -> None:
    town = _town(make, LandingStyle.REBASE)
    before = town.target()
    town.submit({"one": "x\n"})
    outside = town.push_to_target({"outside": "x\n"})
    run_git(town.person, "checkout", "--quiet", "--detach", before)
    town.commit(town.person, {"two": "x\n"}, "before the merge")
    run_git(town.person, "merge", "--quiet", "--no-ff", "-m", "take the target in", outside)
    merged = run_git(town.person, "rev-parse", "HEAD")
    second = town.submit({"three": "x\n"}, base=merged)

    town.settle(40)

    line = _line(town, outside)
    assert town.landed[-1] == second
    assert all(len(commit.parents) == 1 for commit in line)
    assert [commit.subject for commit in line][-2:] == ["before the merge", f"work on {second}"]


def test_more_commits_than_are_replayed_are_said_and_not_tried(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidate, "MOST_REPLAYED", 2)
    town = _town(make, LandingStyle.REBASE)
    bead = town.submit({"one": "x\n"}, {"two": "x\n"}, {"three": "x\n"})

    town.settle()

    assert town.request(bead).state is RequestState.RETURNED
    (rework,) = [row.rework for row in town.attempts(bead) if row.rework]
    assert "3 commits of its own" in str(rework["messages"])
