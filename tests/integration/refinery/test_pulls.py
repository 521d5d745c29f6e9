"""Landing by pull requests: what is opened, what is waited for, what is merged, who is told what went wrong."""

from gastown import beads, git, providers, refinery, replay, rigs
from gastown.assignments import Reason
from gastown.refinery import RequestState
from gastown.rigs import TargetState
from tests.support.hosted import FAILED, PASSED, PENDING
from tests.support.pull_town import MakePullTown, PullTown
from tests.support.refinery_town import RIG, run_git

_TABLES = ("merge_requests", "merge_heads", "landing_intents", "gate_runs", "rigs")  # the rest is written by hand here


def _landed(pulls: PullTown, bead: str) -> None:
    town = pulls.town
    request = town.request(bead)
    assert request.state is RequestState.LANDED
    assert town.bead(bead).status == "closed"
    assert town.bead(bead).landed_sha == request.landed_oid
    assert town.kinds(bead).count("request.landed") == town.kinds(bead).count("bead.closed") == 1
    line = run_git(town.remote, "log", "--first-parent", "--format=%H", "main").splitlines()
    assert request.landed_oid in line
    assert town.red() == []
    with town.work() as session:
        found = [one for one in replay.verify(session) if one.table in _TABLES or "request." in one.what]
    assert found == []


def test_green_request_waits_for_an_approval_and_lands_by_its_pull_request(pulls: PullTown) -> None:
    town, base = pulls.town, pulls.town.target()
    bead = pulls.submit()
    request = town.request(bead)
    assert (request.state, request.pull_number) == (RequestState.QUEUED, 1)
    assert request.pull_url == pulls.hosted.pull()["url"]
    assert pulls.hosted.pull()["branch"] == f"gastown/pr/{bead}"
    pulls.later()
    assert pulls.waits_for(bead) == f"{request.pull_url}: an approval"
    pulls.later(3)
    assert town.target() == base
    pulls.hosted.approve()
    pulls.later()
    _landed(pulls, bead)
    assert town.target() == town.request(bead).landed_oid
    assert town.file_in_target("b.txt") == "two"
    assert town.landed == [bead]
    assert town.rig().target_state is TargetState.GREEN
    gated = town.runs()[-1]
    assert git.tree_of(town.remote, town.target()) == gated.tree_oid
    assert len(town.runs()) == 2  # the target's own, and one for the request: its verdict was kept while it waited
    branches = run_git(town.remote, "for-each-ref", "--format=%(refname)", "refs/heads")
    assert branches == "refs/heads/main"


def test_hosted_checks_are_awaited_when_the_approval_is_there(pulls: PullTown) -> None:
    pulls.hosted.set(default_checks=[PENDING], required_checks=["build"])
    bead = pulls.submit()
    pulls.hosted.approve()
    pulls.later()
    assert pulls.waits_for(bead).endswith(": checks: build")
    pulls.hosted.check(PASSED)
    pulls.later()
    _landed(pulls, bead)


def test_checks_are_given_time_to_appear_when_nobody_must_approve(pulls: PullTown) -> None:
    pulls.hosted.set(needs_review=False, default_checks=[])
    bead = pulls.submit()
    pulls.clock.pass_(seconds=11)
    pulls.town.settle()
    assert pulls.waits_for(bead).endswith("its checks to begin")
    pulls.later()
    _landed(pulls, bead)


def test_rig_without_gates_lands_what_was_approved(make_pulls: MakePullTown) -> None:
    pulls = make_pulls(gates=())
    bead = pulls.submit()
    assert pulls.town.request(bead).pull_number == 1
    pulls.hosted.approve()
    pulls.later()
    assert pulls.town.request(bead).state is RequestState.LANDED
    assert pulls.town.file_in_target("b.txt") == "two"


def test_requests_do_not_wait_for_each_other_when_one_is_not_approved(pulls: PullTown) -> None:
    first, second = pulls.submit("first.txt"), pulls.submit("second.txt")
    assert pulls.town.request(second).pull_number == 2
    pulls.hosted.approve(2)
    pulls.later()
    _landed(pulls, second)
    assert pulls.town.request(first).state is RequestState.QUEUED
    pulls.hosted.approve(1)
    pulls.later(2)
    _landed(pulls, first)
    trees = {run.tree_oid for run in pulls.town.runs()}
    assert git.tree_of(pulls.town.remote, pulls.town.target()) in trees


def test_request_is_gated_anew_when_the_target_moved_while_it_waited(pulls: PullTown) -> None:
    bead = pulls.submit()
    runs = len(pulls.town.runs())
    moved = pulls.move_target({"c.txt": "three\n"})
    pulls.hosted.approve()
    pulls.later(2)
    _landed(pulls, bead)
    assert pulls.town.in_target(moved)
    assert len(pulls.town.runs()) == runs + 2  # the new target, and the request on it


def test_head_is_brought_up_to_date_after_new_gates_when_the_branch_must_be_current(pulls: PullTown) -> None:
    pulls.hosted.set(must_be_current=True)
    bead = pulls.submit()
    before = pulls.hosted.head()
    moved = pulls.move_target({"c.txt": "three\n"})
    pulls.hosted.approve()
    pulls.later(3)
    _landed(pulls, bead)
    assert pulls.hosted.pull()["head"] != before
    assert run_git(pulls.town.remote, "rev-parse", f"{pulls.hosted.pull()['head']}^1") == moved
    assert pulls.town.request(bead).pull_number == 1  # the same one


def test_request_goes_back_when_it_is_red_on_the_target_that_moved(pulls: PullTown) -> None:
    bead = pulls.submit()
    pulls.move_target({"check.sh": "test ! -e b.txt && echo '1 passed'\n"})
    pulls.hosted.approve()
    pulls.later(4)
    assert pulls.town.request(bead).state is RequestState.RETURNED
    assert pulls.hosted.calls("merge") == 0
    assert pulls.town.red() == []


def test_request_goes_back_at_once_when_the_target_that_moved_conflicts(pulls: PullTown) -> None:
    bead = pulls.submit()
    pulls.move_target({"b.txt": "another side\n"})
    pulls.later(2)
    assert pulls.town.request(bead).state is RequestState.RETURNED
    assert pulls.town.attempts(bead)[-1].rework["kind"] == "conflict"


def test_failed_checks_are_looked_at_again_and_go_back_by_name(pulls: PullTown) -> None:
    bead = pulls.submit()
    pulls.hosted.check(FAILED, {**PASSED, "name": "lint"})
    pulls.later()
    assert pulls.town.request(bead).state is RequestState.QUEUED
    assert "another look at failed checks: build" in pulls.waits_for(bead)
    pulls.later()
    assert pulls.town.request(bead).state is RequestState.RETURNED
    last = pulls.town.attempts(bead)[-1]
    assert last.reason is Reason.REWORK
    assert last.rework["kind"] == "checks_failed"
    assert last.rework["checks"] == [{"name": "build", "url": "https://ci.example.com/1"}]


def test_nobody_goes_back_when_a_failed_check_passes_at_the_second_look(pulls: PullTown) -> None:
    bead = pulls.submit()
    pulls.hosted.check(FAILED)
    pulls.later()
    pulls.hosted.check(PASSED)
    pulls.hosted.approve()
    pulls.later()
    _landed(pulls, bead)
    assert pulls.town.request(bead).retries == 0


def test_changes_that_a_reviewer_asks_for_come_back_as_a_new_head_of_the_same_pull_request(pulls: PullTown) -> None:
    bead = pulls.submit()
    pulls.hosted.review("CHANGES_REQUESTED", text="Call it c.txt.")
    pulls.later()
    assert pulls.town.request(bead).state is RequestState.RETURNED
    details = pulls.town.attempts(bead)[-1].rework
    assert details["kind"] == "changes_requested"
    assert details["said"] == [{"author": "reviewer", "text": "Call it c.txt."}]
    pulls.submit("c.txt", bead_id=bead)
    pulls.later()
    assert pulls.town.request(bead).state is RequestState.QUEUED  # the old review is no reason to return it again
    assert pulls.waits_for(bead).endswith("the reviewer who asked for changes to look again")
    pulls.hosted.approve()
    pulls.later()
    _landed(pulls, bead)
    assert len(pulls.hosted.state["pulls"]) == 1
    assert pulls.town.file_in_target("c.txt") == "two"


def test_closed_pull_request_goes_back_with_what_was_said_and_a_new_one_is_opened(pulls: PullTown) -> None:
    bead = pulls.submit()
    pulls.hosted.close(text="Not like this.")
    pulls.later()
    assert pulls.town.request(bead).state is RequestState.RETURNED
    details = pulls.town.attempts(bead)[-1].rework
    assert details["kind"] == "pull_closed"
    assert details["said"] == [{"author": "maintainer", "text": "Not like this."}]
    pulls.submit("c.txt", bead_id=bead)
    assert pulls.town.request(bead).pull_number == 2
    pulls.hosted.approve(2)
    pulls.later()
    _landed(pulls, bead)


def test_commits_that_somebody_put_on_the_branch_are_neither_merged_nor_lost(pulls: PullTown) -> None:
    bead = pulls.submit()
    person, branch = pulls.town.person, f"gastown/pr/{bead}"
    run_git(person, "fetch", "--quiet", "origin", branch)
    run_git(person, "checkout", "--quiet", "--detach", "FETCH_HEAD")
    theirs = pulls.town.commit(person, {"theirs.txt": "x"})
    run_git(person, "push", "--quiet", "origin", f"{theirs}:refs/heads/{branch}")
    pulls.hosted.approve()
    pulls.later()
    assert pulls.town.request(bead).state is RequestState.RETURNED
    assert pulls.town.attempts(bead)[-1].rework["kind"] == "pull_changed"
    assert pulls.hosted.head() == theirs
    pulls.submit("more.txt", bead_id=bead, base=theirs)  # the polecat took them into its work
    pulls.hosted.approve()
    pulls.later()
    _landed(pulls, bead)
    assert pulls.town.in_target(theirs)


def test_branch_that_a_person_updated_by_a_merge_of_the_target_is_taken_as_it_is(pulls: PullTown) -> None:
    bead = pulls.submit()
    moved = pulls.move_target({"c.txt": "three\n"})
    person, branch = pulls.town.person, f"gastown/pr/{bead}"
    run_git(person, "fetch", "--quiet", "origin", branch)
    run_git(person, "checkout", "--quiet", "--detach", "FETCH_HEAD")
    run_git(person, "merge", "--quiet", "--no-ff", "-m", "Update branch", moved)
    run_git(person, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
    pulls.hosted.approve()
    pulls.later(2)
    _landed(pulls, bead)


def test_request_has_landed_when_a_person_merged_its_pull_request(pulls: PullTown) -> None:
    bead = pulls.submit()
    with pulls.hosted.edit() as state:
        state["needs_review"] = False
    head = pulls.hosted.head()
    assert providers.get("gh", pulls.town.rig().remote_url).merge(1, head).taken
    pulls.later(2)
    _landed(pulls, bead)


def test_queue_pauses_and_says_why_when_the_provider_refuses_the_merge(pulls: PullTown) -> None:
    pulls.hosted.set(merge_commits=False)
    bead = pulls.submit()
    pulls.hosted.approve()
    result = pulls.step_later()
    assert "Merge commits are not allowed" in result.waits_for
    assert pulls.town.request(bead).state is RequestState.QUEUED
    assert pulls.hosted.calls("merge") == 1  # and not once a move
    pulls.hosted.set(merge_commits=True)
    with pulls.town.work() as session:
        refinery.retry(session, RIG, actor="somebody")
    pulls.later()
    _landed(pulls, bead)


def test_gates_go_on_while_the_provider_is_away(pulls: PullTown) -> None:
    first = pulls.submit("first.txt")
    pulls.hosted.set(faults={"all": "away"})
    second = pulls.town.submit({"second.txt": "x"})
    pulls.later(2)
    assert [run.bead_id for run in pulls.town.runs()][-1] == second
    assert "error connecting" in pulls.town.step().waits_for
    assert pulls.town.request(second).pull_number is None
    pulls.hosted.set(faults={})
    pulls.later()
    assert pulls.town.request(second).pull_number == 2
    for number, bead in ((1, first), (2, second)):
        pulls.hosted.approve(number)
        pulls.later(2)
        _landed(pulls, bead)


def test_person_is_told_when_the_provider_knows_no_credential(pulls: PullTown) -> None:
    bead = pulls.submit()
    pulls.hosted.set(faults={"all": "logged_out"})
    assert "not logged in" in pulls.step_later().waits_for
    assert pulls.town.rig().target_state is TargetState.BROKEN
    pulls.hosted.set(faults={})
    pulls.hosted.approve()
    pulls.later(2)
    _landed(pulls, bead)


def test_provider_is_asked_at_a_bounded_pace_however_often_doorbells_ring(pulls: PullTown) -> None:
    pulls.submit()
    pulls.later()
    asked = pulls.hosted.calls("view")
    for _ in range(5):
        pulls.town.step()
    assert pulls.hosted.calls("view") == asked
    pulls.later()
    assert pulls.hosted.calls("view") > asked


def test_pull_request_is_closed_when_its_bead_is_called_off(pulls: PullTown) -> None:
    bead, other = pulls.submit("first.txt"), pulls.submit("second.txt")
    with pulls.town.work() as session:
        beads.set_status(session, bead, beads.BeadStatus.ESCALATED, actor="somebody")
    pulls.later(2)
    assert pulls.town.request(bead).state is RequestState.CANCELLED
    assert pulls.town.request(bead).pull_number is None
    assert pulls.hosted.pull(1)["state"] == "CLOSED"
    assert pulls.hosted.pull(2)["state"] == "OPEN"
    assert pulls.town.request(other).pull_number == 2


def test_nothing_is_opened_or_merged_while_the_rig_is_frozen(pulls: PullTown) -> None:
    bead = pulls.submit()
    pulls.hosted.approve()
    with pulls.town.work() as session:
        rigs.freeze(session, RIG, actor="somebody", why="stop")
    pulls.later(2)
    assert pulls.hosted.calls("merge") == 0
    with pulls.town.work() as session:
        rigs.thaw(session, RIG, actor="somebody")
    pulls.later()
    _landed(pulls, bead)
