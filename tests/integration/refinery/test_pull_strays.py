"""Pull requests that people merge, close, point elsewhere or push to out of turn: no work is lost or counted twice."""

import pytest

from gastown import refinery, replay
from gastown.providers.gh import GitHub
from gastown.refinery import IntentState, RequestState
from tests.support.pull_town import PullTown
from tests.support.refinery_town import Crash, run_git


def _withdraw(pulls: PullTown, bead: str) -> None:
    with pulls.town.work() as session:
        refinery.withdraw(session, bead, actor="somebody", why="another way is better")


def _push_to_branch(pulls: PullTown, bead: str, files: dict[str, str | None], *, onto: str) -> str:
    """Somebody replaces what is on the branch of its pull request by a commit on top of `onto`."""
    person = pulls.town.person
    run_git(person, "checkout", "--quiet", "--detach", onto)
    theirs = pulls.town.commit(person, files)
    run_git(person, "push", "--quiet", "--force", "origin", f"{theirs}:refs/heads/gastown/pr/{bead}")
    return theirs


def _kill_before_merge(pulls: PullTown, monkeypatch: pytest.MonkeyPatch) -> None:
    """An intent is open, and the provider was never asked."""

    def die(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(GitHub, "merge", die)
        with pytest.raises(Crash):
            pulls.step_later()
    pulls.town.expire_lease()
    assert pulls.town.intents()[-1].state is IntentState.OPEN


@pytest.mark.parametrize("way", ["merge", "squash"])
def test_new_head_lands_by_a_pull_request_of_its_own_when_the_one_before_was_merged_without_it(
    pulls: PullTown, way: str
) -> None:
    town, base = pulls.town, pulls.town.target()
    bead = pulls.submit("b.txt")
    pulls.hosted.review("CHANGES_REQUESTED", text="And c.txt?")
    pulls.later()
    assert town.request(bead).state is RequestState.RETURNED
    if way == "squash":
        pulls.hosted.squash()
        pulls.hosted.drop_branch()
    else:
        with pulls.hosted.edit() as state:
            state["pulls"][0]["reviews"] = []
            state["needs_review"] = False
        assert GitHub.of(town.rig().remote_url).merge(1, pulls.hosted.head()).taken
        pulls.hosted.set(needs_review=True)
    pulls.submit("c.txt", bead_id=bead, base=base)
    pulls.later(2)
    assert town.bead(bead).status == "submitted"
    assert (town.request(bead).state, town.request(bead).pull_number) == (RequestState.QUEUED, 2)
    pulls.hosted.approve(2)
    pulls.later(2)
    assert town.request(bead).state is RequestState.LANDED
    assert town.file_in_target("c.txt") == "two"
    assert town.red() == []


def test_request_has_landed_when_a_person_squashed_it_and_the_branch_is_gone(pulls: PullTown) -> None:
    bead = pulls.submit()
    made = pulls.hosted.squash()
    pulls.hosted.drop_branch()
    pulls.later(3)
    assert pulls.town.request(bead).state is RequestState.LANDED
    assert pulls.town.request(bead).landed_oid == made
    assert len(pulls.hosted.state["pulls"]) == 1


def test_landing_is_given_up_when_another_head_was_merged_while_it_was_open(
    pulls: PullTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    bead = pulls.submit()
    pulls.hosted.approve()
    _kill_before_merge(pulls, monkeypatch)
    _push_to_branch(pulls, bead, {"theirs.txt": "x"}, onto="origin/main")
    pulls.hosted.squash()
    pulls.later(3)
    assert pulls.town.intents()[0].state is IntentState.VOID
    assert pulls.town.request(bead).state is RequestState.RETURNED
    assert pulls.town.attempts(bead)[-1].rework["kind"] == "pull_changed"
    assert pulls.town.bead(bead).status != "closed"


def test_bead_that_is_submitted_again_takes_the_branch_over_from_a_request_that_was_called_off(
    pulls: PullTown,
) -> None:
    bead = pulls.submit("b.txt")
    _withdraw(pulls, bead)
    pulls.later()
    assert pulls.hosted.pull(1)["state"] == "CLOSED"
    pulls.submit("c.txt", bead_id=bead)
    assert (pulls.town.request(bead).state, pulls.town.request(bead).retries) == (RequestState.QUEUED, 0)
    pulls.hosted.approve(2)
    pulls.later()
    assert pulls.town.request(bead).state is RequestState.LANDED
    assert "b.txt" not in run_git(pulls.town.remote, "ls-tree", "--name-only", "main")


def test_pull_request_is_ours_still_when_the_target_on_which_it_stands_is_pushed_away(pulls: PullTown) -> None:
    base = pulls.town.target()
    gone = pulls.move_target({"c.txt": "three\n"})
    bead = pulls.submit(base=base)
    assert run_git(pulls.town.remote, "rev-parse", f"{pulls.hosted.head()}^1") == gone
    pulls.reset_target(base)
    pulls.hosted.approve()
    pulls.later(2)
    assert pulls.town.request(bead).retries == 0
    assert pulls.town.request(bead).state is RequestState.LANDED
    assert not pulls.town.in_target(gone)


def test_closed_pull_request_goes_back_also_when_its_branch_was_deleted(pulls: PullTown) -> None:
    bead = pulls.submit()
    pulls.hosted.close(text="Not like this.")
    pulls.hosted.drop_branch()
    pulls.later(2)
    assert pulls.town.request(bead).state is RequestState.RETURNED
    assert pulls.town.attempts(bead)[-1].rework["kind"] == "pull_closed"
    assert len(pulls.hosted.state["pulls"]) == 1


def test_branch_that_is_gone_is_made_again_when_nobody_closed_the_pull_request(pulls: PullTown) -> None:
    bead = pulls.submit()
    pulls.hosted.drop_branch()
    pulls.later()
    assert pulls.town.request(bead).state is RequestState.QUEUED
    pulls.hosted.approve()
    pulls.later()
    assert pulls.town.request(bead).state is RequestState.LANDED


def test_pull_request_that_somebody_points_at_another_branch_waits_and_says_so(pulls: PullTown) -> None:
    bead = pulls.submit()
    run_git(pulls.town.remote, "branch", "release", "main")
    pulls.hosted.change(base="release")
    pulls.hosted.approve()
    pulls.later(2)
    assert pulls.hosted.calls("merge") == 0
    assert "go into release" in pulls.waits_for(bead)
    pulls.hosted.change(base="main")
    pulls.later()
    assert pulls.town.request(bead).state is RequestState.LANDED


def test_rig_goes_on_when_a_pull_request_was_merged_into_another_branch_while_it_landed(
    pulls: PullTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    bead = pulls.submit()
    pulls.hosted.approve()
    _kill_before_merge(pulls, monkeypatch)
    run_git(pulls.town.remote, "branch", "release", "main")
    pulls.hosted.change(base="release")
    pulls.hosted.squash()
    pulls.later(2)
    assert pulls.town.intents()[0].state is IntentState.VOID
    assert pulls.town.request(bead).pull_number == 2
    pulls.hosted.approve(2)
    pulls.later()
    assert pulls.town.request(bead).state is RequestState.LANDED
    assert pulls.town.file_in_target("b.txt") == "two"


def test_work_whose_merge_was_pushed_away_gets_a_new_pull_request_and_holds_nobody_up(
    pulls: PullTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = pulls.town.target()
    bead, other = pulls.submit("b.txt"), pulls.submit("other.txt")
    pulls.hosted.approve(1)
    _kill_before_merge(pulls, monkeypatch)
    pulls.hosted.squash(1)
    pulls.reset_target(base)
    pulls.hosted.approve(2)
    pulls.later(4)
    assert pulls.town.intents()[0].state is IntentState.VOID
    assert pulls.town.request(other).state is RequestState.LANDED
    pulls.clock.pass_(minutes=6)
    pulls.later(2)
    assert pulls.town.request(bead).pull_number == 3
    pulls.hosted.approve(3)
    pulls.later(2)
    assert pulls.town.request(bead).state is RequestState.LANDED
    with pulls.town.work() as session:
        assert [one for one in replay.verify(session) if one.table in ("merge_requests", "landing_intents")] == []


def test_landing_is_taken_up_again_when_a_merge_appears_after_it_was_given_up(
    pulls: PullTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = pulls.town.target()
    bead = pulls.submit()
    pulls.hosted.approve()
    _kill_before_merge(pulls, monkeypatch)
    assert GitHub.of(pulls.town.rig().remote_url).merge(1, pulls.hosted.head()).taken
    merged = pulls.town.target()
    pulls.reset_target(base)
    pulls.later(3)
    assert pulls.town.intents()[0].state is IntentState.VOID
    pulls.reset_target(merged)
    pulls.later(2)
    assert pulls.town.request(bead).landed_oid == merged
    assert pulls.town.kinds(bead).count("request.landed") == pulls.town.kinds(bead).count("bead.closed") == 1
