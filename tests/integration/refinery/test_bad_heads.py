"""Submitted commits that are gone, moved, old, rewritten or empty: each is landed, or goes back with what it was."""

from collections.abc import Iterator

import pytest

from gastown import beads, git, refinery
from gastown.beads import NewBead
from gastown.refinery import RequestState, lifecycle
from gastown.rigs import TargetState
from tests.support.database_clock import DatabaseClock
from tests.support.refinery_town import RIG, RefineryTown, run_git

THOUSANDS = 3000


@pytest.fixture
def time(sqlite_url: str) -> Iterator[DatabaseClock]:
    made = DatabaseClock(sqlite_url)
    yield made
    made.close()


def _branch(town: RefineryTown, bead: str) -> str:
    return town.attempts(bead)[-1].branch


def _hand_in(town: RefineryTown, head: str) -> str:
    """Submit a commit that is in the person's checkout."""
    with town.work() as session:
        bead = beads.create(session, NewBead("Change", prefix=RIG), actor="ada").id
    branch = f"polecat/nux/{bead}@1"
    run_git(town.person, "push", "--quiet", str(town.work_git), f"{head}:refs/heads/{branch}")
    with town.work() as session:
        town._hand_in(session, bead, 1, branch, head, 2)
    return bead


def _returned(town: RefineryTown, bead: str) -> str:
    """Why it went back."""
    assert (town.request(bead).state, town.request(bead).retries) == (RequestState.RETURNED, 1)
    assert town.rig().target_state is TargetState.GREEN
    return str(town.attempts(bead)[-1].rework["kind"])


def _landed(town: RefineryTown, *wanted: str) -> None:
    for bead in wanted:
        assert town.request(bead).state is RequestState.LANDED
        assert town.request(bead).retries == 0
    assert town.red() == []
    assert town.rig().target_state is TargetState.GREEN


def test_a_commit_that_vanished_goes_back_after_a_while_and_holds_nobody_up(
    time: DatabaseClock, town: RefineryTown
) -> None:
    lost = town.submit({"lost.txt": "x"})
    run_git(town.work_git, "update-ref", "-d", f"refs/heads/{_branch(town, lost)}")
    run_git(town.work_git, "-c", "gc.reflogExpire=now", "gc", "--quiet", "--prune=now")
    other = town.submit({"other.txt": "x"})
    town.settle()
    _landed(town, other)
    assert town.request(lost).state is RequestState.QUEUED
    assert "neither on this host" in town.step().waits_for
    time.advance(11 * 60)
    town.settle()
    assert _returned(town, lost) == "missing_commit"


def test_a_commit_that_another_host_had_meanwhile_is_waited_for_anew(time: DatabaseClock, town: RefineryTown) -> None:
    """Its remote was away when it was handed in, so that only the host that made it has it."""
    town.settle()
    bead = town.submit({"b.txt": "x"})
    here, elsewhere = town.work_git, town.work_git.with_name("elsewhere.git")
    here.rename(elsewhere)
    town.step()
    assert "neither on this host" in town.step().waits_for
    time.advance(9 * 60)
    elsewhere.rename(here)
    town.step()
    assert town.request(bead).seat is not None
    with town.work() as session:
        request = refinery.find_open(session, bead, lock=True)
        lifecycle.requeue(session, request, actor="app/refinery", lease=1, why="somebody before it left")
    git.unpin(town.land, town.request_head(bead))
    run_git(town.land, "-c", "gc.reflogExpire=now", "gc", "--quiet", "--prune=now")
    here.rename(elsewhere)

    time.advance(2 * 60)
    town.step()

    assert (town.request(bead).state, town.request(bead).retries) == (RequestState.QUEUED, 0)
    elsewhere.rename(here)
    town.settle()
    _landed(town, bead)


def test_a_commit_lands_when_its_branch_vanishes_behind_it(town: RefineryTown) -> None:
    town.settle()
    bead = town.submit({"b.txt": "x"})
    town.step()
    run_git(town.work_git, "update-ref", "-d", f"refs/heads/{_branch(town, bead)}")
    run_git(town.work_git, "-c", "gc.reflogExpire=now", "gc", "--quiet", "--prune=now")
    town.settle()
    _landed(town, bead)


def test_what_was_submitted_lands_and_the_branch_is_kept_when_it_is_force_pushed(town: RefineryTown) -> None:
    bead = town.submit({"b.txt": "as submitted"})
    branch = _branch(town, bead)
    run_git(town.person, "checkout", "--quiet", "--detach", "origin/main")
    other = town.commit(town.person, {"b.txt": "something else"})
    for place in (town.work_git, town.remote):
        run_git(town.person, "push", "--quiet", "--force", str(place), f"{other}:refs/heads/{branch}")
    town.settle()
    _landed(town, bead)
    assert town.file_in_target("b.txt") == "as submitted"
    assert run_git(town.remote, "rev-parse", f"refs/heads/{branch}") == other


def _grow(town: RefineryTown, count: int) -> None:
    """Give the target so many commits of others."""
    lines = []
    for number in range(count):
        lines += ["commit refs/heads/main", "committer A <a@example.com> 1700000000 +0000", "data 1", "x"]
        lines += ["from refs/heads/main^0"] if not number else []
        lines += [f"M 100644 inline many/{number % 50}", f"data {len(str(number))}", str(number)]
    options = git.run.Options(input="\n".join(lines) + "\n")
    git.run.git(town.remote, "fast-import", "--quiet", options=options)


def test_commits_land_or_go_back_when_they_are_thousands_behind(town: RefineryTown) -> None:
    base = town.target()
    good, conflicting = town.submit({"b.txt": "x"}, base=base), town.submit({"many/1": "mine"}, base=base)
    _grow(town, THOUSANDS)
    town.settle()
    _landed(town, good)
    assert _returned(town, conflicting) == "conflict"
    sides = town.attempts(conflicting)[-1].rework["sides"]
    assert len(sides["target"]) <= 5  # what it is told stays short
    count = int(run_git(town.remote, "rev-list", "--first-parent", "--count", f"{base}..main"))
    assert count == THOUSANDS + 1


def test_a_head_on_a_rewritten_copy_of_the_targets_history_lands_once_what_is_its_own(town: RefineryTown) -> None:
    base = town.target()
    for name in ("one", "two"):
        town.push_to_target({f"{name}.txt": name})
    run_git(town.person, "checkout", "--quiet", "--detach", base)
    for name in ("one", "two"):
        town.commit(town.person, {f"{name}.txt": name}, f"{name}, rewritten")
    bead = _hand_in(town, town.commit(town.person, {"own.txt": "x"}))
    town.settle()
    _landed(town, bead)
    changed = run_git(town.remote, "diff", "--name-only", "main^1", "main")
    assert changed == "own.txt"


def test_a_head_whose_whole_history_was_rewritten_goes_back(town: RefineryTown) -> None:
    tree = run_git(town.person, "rev-parse", "origin/main^{tree}")
    root = run_git(town.person, "commit-tree", "-m", "all of it, rewritten", tree)
    run_git(town.person, "checkout", "--quiet", "--detach", root)
    bead = _hand_in(town, town.commit(town.person, {"own.txt": "x"}))
    town.settle()
    assert _returned(town, bead) == "conflict"
    assert "no history" in str(town.attempts(bead)[-1].rework["messages"])


def test_an_empty_change_goes_back_and_its_neighbours_land(town: RefineryTown) -> None:
    first = town.submit({"first.txt": "x"})
    empty = town.submit({})
    same = town.submit({"a.txt": "one\n"})  # as it is there already
    last = town.submit({"last.txt": "x"})
    town.settle()
    _landed(town, first, last)
    assert [_returned(town, bead) for bead in (empty, same)] == ["no_change", "no_change"]


def test_a_head_that_somebody_else_has_merged_counts_as_landed(town: RefineryTown) -> None:
    town.settle()
    bead = town.submit({"b.txt": "x"})
    head = run_git(town.person, "rev-parse", "HEAD")
    run_git(town.person, "push", "--quiet", "origin", f"{head}:refs/heads/main")
    town.settle()
    _landed(town, bead)
    assert town.target() == head


def test_an_old_commit_of_the_target_itself_goes_back(town: RefineryTown) -> None:
    old = town.target()
    town.push_to_target({"second.txt": "x"})
    town.push_to_target({"third.txt": "x"})
    bead = _hand_in(town, old)
    town.settle()
    assert _returned(town, bead) == "no_change"


def test_a_commit_that_git_will_not_take_holds_nobody_up(time: DatabaseClock, town: RefineryTown) -> None:
    """A tree with an entry called `.git`: every client that checks it refuses it."""
    town.settle()
    blob = run_git(town.person, "rev-parse", "origin/main:a.txt")
    listing = git.run.Options(input=f"100644 blob {blob}\t.git\n")
    tree = git.run.git(town.work_git, "mktree", options=listing).line
    head = run_git(town.work_git, "commit-tree", "-m", "evil", "-p", town.target(), tree)
    with town.work() as session:
        bead = beads.create(session, NewBead("Change", prefix=RIG), actor="ada").id
        run_git(town.work_git, "update-ref", f"refs/heads/polecat/nux/{bead}@1", head)
        town.push_to_target({"any.txt": "x"})
        town._hand_in(session, bead, 1, f"polecat/nux/{bead}@1", head, 2)
    other = town.submit({"other.txt": "x"})
    town.settle()
    _landed(town, other)
    time.advance(11 * 60)
    town.settle()
    assert _returned(town, bead) == "missing_commit"


def test_a_commit_is_waited_for_from_the_first_look_for_it_on(time: DatabaseClock, town: RefineryTown) -> None:
    late = town.submit({"late.txt": "x"})
    branch, head = _branch(town, late), town.request_head(late)
    run_git(town.work_git, "update-ref", "-d", f"refs/heads/{branch}")
    run_git(town.work_git, "-c", "gc.reflogExpire=now", "gc", "--quiet", "--prune=now")
    time.advance(60 * 60)  # the queue was halted, say
    town.settle()
    time.advance(9 * 60)
    town.settle()
    assert (town.request(late).state, town.request(late).retries) == (RequestState.QUEUED, 0)
    assert town.kinds(late).count("request.requeued") == 1  # told once
    run_git(town.person, "push", "--quiet", str(town.work_git), f"{head}:refs/heads/{branch}")
    town.settle()
    _landed(town, late)


def test_nobody_goes_back_because_git_fails_for_long(
    time: DatabaseClock, town: RefineryTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.settle()
    bead = town.submit({"b.txt": "x"})

    def fails(*_: object) -> None:
        raise git.GitFailed("the disk is full")

    with monkeypatch.context() as patch:
        for name in ("fetch_head", "fetch_heads"):
            patch.setattr(git, name, fails)
        assert "the disk is full" in town.step().waits_for
        time.advance(60 * 60)
        town.settle()
    assert (town.request(bead).state, town.request(bead).retries) == (RequestState.QUEUED, 0)
    town.settle()
    _landed(town, bead)
