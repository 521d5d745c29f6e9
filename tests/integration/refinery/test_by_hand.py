"""What people do to a queue: pause and resume it, return a request, take one off, hand one in."""

from collections.abc import Callable
from typing import Any

import pytest

from gastown import assignments, beads, git, refinery, replay, rigs, sling
from gastown.assignments import AssignmentState, Desired, Reason
from gastown.beads import BeadStatus, NewBead
from gastown.errors import Conflict, Invalid, NotFound
from gastown.refinery import IntentState, RequestState
from tests.support.refinery_town import RIG, RefineryTown, run_git

Make = Callable[..., RefineryTown]


def _pause(town: RefineryTown, why: str = "release day") -> None:
    with town.work() as session:
        refinery.pause(session, RIG, actor="ada", why=why)


def _resume(town: RefineryTown) -> None:
    with town.work() as session:
        refinery.resume(session, RIG, actor="ada")


def _verify(town: RefineryTown) -> list[str]:
    with town.work() as session:
        return [str(one) for one in replay.verify(session)]


# pause and resume


def test_a_paused_queue_boards_nothing_and_asks_for_no_runs_and_goes_on_when_resumed(any_town: RefineryTown) -> None:
    any_town.settle()
    runs = len(any_town.runs())
    _pause(any_town)
    bead = any_town.submit({"b.txt": "x"})

    found = any_town.step()

    assert (any_town.request(bead).state, len(any_town.runs())) == (RequestState.QUEUED, runs)
    assert "release day" in found.waits_for
    assert "gt mq resume app" in found.waits_for
    _resume(any_town)
    any_town.settle()
    assert any_town.landed == [bead]


def test_a_train_stays_as_it_is_while_its_queue_is_paused(town: RefineryTown) -> None:
    town.settle()
    bead = town.submit({"b.txt": "x"})
    town.step()
    seat = town.request(bead).seat
    _pause(town)

    town.settle()

    assert (town.request(bead).state, town.request(bead).seat) == (RequestState.TESTING, seat)
    assert town.landed == []
    _resume(town)
    town.step()
    assert town.landed == [bead]
    assert len([run for run in town.runs() if run.riders]) == 1


@pytest.fixture
def on_push(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """`before` is called in the moment before the first look at whether a push is allowed."""
    from gastown.refinery import landing

    said: dict[str, Any] = {"before": None, "pushes": 0}
    find, push = landing.find_freeze, git.push_landing

    def look(desk: Any) -> Any:
        act, said["before"] = said["before"], None
        if act is not None:
            act()
        return find(desk)

    def count(*args: Any) -> Any:
        said["pushes"] += 1
        return push(*args)

    monkeypatch.setattr(landing, "find_freeze", look)
    monkeypatch.setattr(git, "push_landing", count)
    return said


def test_a_pause_just_before_the_push_keeps_it_back_and_resume_pushes_it(
    town: RefineryTown, on_push: dict[str, Any]
) -> None:
    town.settle()
    bead = town.submit({"b.txt": "x"})
    town.step()
    town.gate()
    before = town.target()
    on_push["before"] = lambda: _pause(town)

    town.step()
    town.step()

    assert (on_push["pushes"], town.target()) == (0, before)
    (intent,) = [row for row in town.intents() if row.state is IntentState.OPEN]
    _resume(town)
    town.settle()
    assert town.landed == [bead]
    assert town.target() == intent.new_oid


def test_what_was_pushed_before_the_pause_is_settled_while_it_lasts(town: RefineryTown) -> None:
    town.settle()
    bead = town.submit({"b.txt": "x"})
    town.step()
    town.gate()
    _push_and_die(town)
    town.expire_lease()
    _pause(town)

    town.step()

    assert town.landed == [bead]
    assert town.request(bead).state is RequestState.LANDED


def _push_and_die(town: RefineryTown) -> None:
    """The step is killed between its push and the look at what came of it."""
    from tests.support.refinery_town import Crash

    push = git.push_landing

    def killed(*args: Any) -> Any:
        push(*args)
        raise Crash

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(git, "push_landing", killed)
        with pytest.raises(Crash):
            town.step()


def test_pauses_replay_and_are_said_once(town: RefineryTown) -> None:
    for _ in range(2):
        _pause(town)
        assert _verify(town) == []
    with town.work() as session:
        (halt,) = rigs.list_queue_pauses(session)
        assert rigs.list_halts(session) == []
        assert rigs.find_pause(session, rigs.get(session, RIG)) is None  # agents go on
    assert halt.rig == RIG
    _resume(town)
    _resume(town)
    assert _verify(town) == []
    assert town.rig().queue_paused_at is None


# reject and take off


def _reject(town: RefineryTown, bead: str) -> bool:
    with town.work() as session:
        return refinery.reject(session, bead, actor="ada", why="it needs a test")[1]


def test_a_rejected_request_becomes_rework_with_the_reason_and_no_blame(any_town: RefineryTown) -> None:
    any_town.settle()
    bead, other = any_town.submit({"b.txt": "x"}), any_town.submit({"c.txt": "x"})
    any_town.step()

    assert _reject(any_town, bead)

    request = any_town.request(bead)
    assert (request.state, request.retries, request.seat) == (RequestState.RETURNED, 0, None)
    again = any_town.attempts(bead)[-1]
    assert (again.reason, again.preferred) == (Reason.REWORK, f"{RIG}/polecats/nux")
    assert again.rework["kind"] == "rejected"
    assert "ada returned it: it needs a test" in again.rework["summary"]
    any_town.settle()
    assert any_town.landed == [other]
    any_town.submit({"b.txt": "better"}, bead_id=bead)
    any_town.settle()
    assert any_town.landed == [other, bead]


def test_a_request_taken_off_leaves_its_bead_open_whether_it_waits_or_is_in_rework(town: RefineryTown) -> None:
    town.settle()
    waits, returned = town.submit({"b.txt": "x"}), town.submit({"c.txt": "x"})
    _reject(town, returned)

    for bead in (waits, returned):
        with town.work() as session:
            refinery.withdraw(session, bead, actor="ada", why="we do it another way")
        assert town.request(bead).state is RequestState.CANCELLED
        assert town.bead(bead).status == BeadStatus.OPEN
        assert assignments.OPEN_STATES.count(town.attempts(bead)[-1].state) == 0
    town.settle()
    assert town.landed == []


def _at_work(town: RefineryTown, bead: str, desired: Desired = Desired.RUN) -> assignments.Assignment:
    """An agent has taken up the bead's newest attempt."""
    with town.work() as session:
        row = assignments.history(session, bead)[-1]
        row.state, row.polecat, row.desired = AssignmentState.RUNNING, f"{RIG}/polecats/nux", desired
        session.add(row)
        beads.set_status(session, bead, BeadStatus.IN_PROGRESS, actor="nux", fence=row.fence)
    return row


def test_what_was_taken_off_for_good_does_not_come_back_by_its_agents_done(any_town: RefineryTown) -> None:
    any_town.settle()
    bead = any_town.submit({"b.txt": "x"})
    _reject(any_town, bead)
    row = _at_work(any_town, bead)
    with any_town.work() as session:
        refinery.withdraw(session, bead, actor="ada", why="we do it another way")

    with (
        pytest.raises(assignments.StaleFence, match="taken off its hook: we do it another way"),
        any_town.work() as session,
    ):
        sling.submit(session, row.id or 0, row.fence, head_oid="a" * 40, actor="nux")

    assert any_town.request(bead).state is RequestState.CANCELLED
    assert len([one for one in any_town.kinds(bead) if one == "request.submitted"]) == 1
    with any_town.work() as session:  # and its holder lets go
        assignments.put_back(session, row.id or 0, row.fence, actor="nux")
    assert any_town.request(bead).state is RequestState.CANCELLED


@pytest.mark.parametrize("asked", [Desired.RESTART, Desired.GIVE_UP, Desired.HAND_OVER])
def test_work_that_is_done_is_taken_whatever_else_its_holder_was_asked(town: RefineryTown, asked: Desired) -> None:
    town.settle()
    bead = town.submit({"b.txt": "x"})
    _reject(town, bead)
    row = _at_work(town, bead, asked)
    with town.work() as session:
        sling.submit(session, row.id or 0, row.fence, head_oid="a" * 40, actor="nux")
    assert town.request(bead).state is RequestState.QUEUED


def test_nobody_returns_what_is_not_in_the_queue_or_lands_just_now(town: RefineryTown, on_push: Any) -> None:
    town.settle()
    bead = town.submit({"b.txt": "x"})
    _reject(town, bead)
    with pytest.raises(NotFound, match="was returned before"):
        _reject(town, bead)
    landing = town.submit({"c.txt": "x"})
    on_push["before"] = lambda: _pause(town)
    town.step()
    town.gate()
    town.step()
    with pytest.raises(Conflict, match="is being landed just now"):
        _reject(town, landing)
    with town.work() as session:
        plain = beads.create(session, NewBead("Nothing yet", prefix=RIG), actor="ada").id
    with pytest.raises(NotFound, match="no open merge request"):
        _reject(town, plain)


# hand in


def _branch(town: RefineryTown, name: str, files: dict[str, str | None]) -> str:
    run_git(town.person, "fetch", "--quiet", "origin")
    run_git(town.person, "checkout", "--quiet", "--detach", "origin/main")
    oid = town.commit(town.person, files, "by hand")
    run_git(town.person, "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{name}")
    return oid


def _hand_in(town: RefineryTown, bead: str, branch: str | None, head: str | None = None) -> sling.Submission:
    with town.work() as session:
        sought = sling.find_work(town.settings.town, session, bead, rig=None, branch=branch)
    work = sought.fetch(head)
    with town.work() as session:
        return sling.submit_by_hand(session, work, actor="ada")


def _new_bead(town: RefineryTown) -> str:
    with town.work() as session:
        return beads.create(session, NewBead("By hand", prefix=RIG), actor="ada").id


def test_what_a_person_hands_in_lands_and_closes_its_bead(any_town: RefineryTown) -> None:
    any_town.settle()
    bead, before = _new_bead(any_town), any_town.target()
    oid = _branch(any_town, "fix/login", {"b.txt": "x"})

    done = _hand_in(any_town, bead, "fix/login")
    assert _hand_in(any_town, bead, "fix/login").request_id == done.request_id  # twice is once

    (attempt,) = any_town.attempts(bead)
    assert (attempt.state, attempt.polecat, attempt.head_oid) == (AssignmentState.SUBMITTED, None, oid)
    assert any_town.bead(bead).status == BeadStatus.SUBMITTED
    any_town.settle()
    assert any_town.landed == [bead]
    assert any_town.bead(bead).status == BeadStatus.CLOSED
    (landed,) = git.first_parent(any_town.remote, before, any_town.target())
    assert landed.trailers("Actor") == ["ada"]
    assert run_git(any_town.remote, "rev-parse", "fix/login") == oid  # a person's branch is not ours to delete
    assert _verify(any_town) == []


def test_a_rework_that_waits_for_an_agent_is_taken_over(any_town: RefineryTown) -> None:
    any_town.settle()
    bead = _new_bead(any_town)
    _branch(any_town, "fix/login", {"check.sh": "exit 1\n"})
    _hand_in(any_town, bead, "fix/login")
    any_town.settle()
    assert any_town.request(bead).state is RequestState.RETURNED
    _branch(any_town, "fix/login", {"b.txt": "x"})

    _hand_in(any_town, bead, None)  # the branch of the last attempt

    assert [row.state for row in any_town.attempts(bead)] == [AssignmentState.SUBMITTED] * 2
    any_town.settle()
    assert any_town.landed == [bead]
    assert _verify(any_town) == []


def test_only_a_commit_of_the_named_branch_that_the_target_lacks_is_taken(town: RefineryTown) -> None:
    town.settle()
    bead = _new_bead(town)
    first = _branch(town, "one", {"b.txt": "x"})
    _branch(town, "other", {"c.txt": "x"})
    with pytest.raises(Invalid, match="is not on the remote's branch"):
        _hand_in(town, bead, "other", first)
    with pytest.raises(Invalid, match="part of main already"):
        _hand_in(town, bead, "main")
    with pytest.raises(Invalid, match="has no branch yet"):
        _hand_in(town, bead, None)
    with pytest.raises(git.BranchMissing):
        _hand_in(town, bead, "nowhere")
    _hand_in(town, bead, "one", first)
    with pytest.raises(Conflict, match="another commit"):
        _hand_in(town, bead, "other")
