"""Trouble at the provider or with one pull request: nobody pays for it who did not make it, and the others go on."""

from pathlib import Path

import pytest
from sqlmodel import select

from gastown import beads, git, refinery, rigs
from gastown.beads import Comment
from gastown.events import Event, EventKind
from gastown.providers import Merge
from gastown.providers.gh import GitHub
from gastown.refinery import IntentState, RequestState, pull_heads
from gastown.refinery.pull_records import REFUSALS_TO_ASK
from gastown.rigs import GatePhase, GateSpec, LandingStyle, TargetState
from tests.support.fake_clock import FakeClock
from tests.support.hosted import FAILED, PASSED
from tests.support.pull_town import MakePullTown, PullTown
from tests.support.refinery_town import GATE, RIG

STOPPED = {**PASSED, "conclusion": "CANCELLED"}


def _withdraw(pulls: PullTown, bead: str) -> None:
    with pulls.town.work() as session:
        refinery.withdraw(session, bead, actor="somebody", why="another way is better")


def _state(pulls: PullTown, bead: str) -> RequestState:
    return pulls.town.request(bead).state


def test_merge_that_the_provider_takes_and_never_makes_is_told_and_given_up(
    pulls: PullTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    bead, other = pulls.submit("b.txt"), pulls.submit("other.txt")
    pulls.hosted.approve(1)
    with monkeypatch.context() as patch:
        patch.setattr(GitHub, "merge", lambda *_: Merge(taken=True))
        pulls.later()
        assert pulls.town.rig().target_state is not TargetState.BROKEN
        pulls.later(2)
        assert pulls.town.rig().target_state is TargetState.BROKEN
        assert _state(pulls, bead) is RequestState.LANDING
        pulls.clock.pass_(minutes=10)
        pulls.town.settle()
    assert pulls.town.intents()[0].state is IntentState.VOID
    pulls.hosted.approve(2)
    pulls.later()
    assert _state(pulls, other) is RequestState.LANDED
    assert pulls.town.rig().target_state is TargetState.GREEN
    pulls.later(3)
    assert _state(pulls, bead) is RequestState.LANDED


def test_merge_whose_answers_are_all_lost_is_given_up(pulls: PullTown) -> None:
    bead, other = pulls.submit("b.txt"), pulls.submit("other.txt")
    pulls.hosted.set(faults={"merge 1": "away"})
    pulls.hosted.approve(1)
    pulls.later(2)
    assert _state(pulls, bead) is RequestState.LANDING
    pulls.hosted.approve(2)
    pulls.clock.pass_(minutes=10)
    pulls.later()
    assert _state(pulls, other) is RequestState.LANDED
    assert _state(pulls, bead) is RequestState.QUEUED


def test_one_pull_request_that_is_refused_holds_up_no_other(pulls: PullTown) -> None:
    first, second = pulls.submit("first.txt"), pulls.submit("second.txt")
    pulls.hosted.change(1, refused="Commits must have verified signatures")
    for number in (1, 2):
        pulls.hosted.approve(number)
    pulls.later()
    assert _state(pulls, second) is RequestState.LANDED
    assert _state(pulls, first) is RequestState.QUEUED
    assert "verified signatures" in pulls.waits_for(first)
    pulls.later(10)
    assert 3 <= pulls.hosted.calls("merge") <= 5  # of the other, and after growing pauses
    pulls.hosted.change(1, refused="")
    with pulls.town.work() as session:
        refinery.retry(session, RIG, actor="somebody")
    pulls.later()
    assert _state(pulls, first) is RequestState.LANDED
    assert pulls.town.request(first).retries == 0


def test_person_is_asked_once_about_a_pull_request_that_is_refused_again_and_again(pulls: PullTown) -> None:
    bead = pulls.submit()
    pulls.hosted.change(1, refused="Commits must have verified signatures")
    pulls.hosted.approve()
    for _ in range(REFUSALS_TO_ASK + 2):
        pulls.clock.pass_(minutes=16)
        pulls.town.settle()
    with pulls.town.work() as session:
        said = session.exec(select(Comment).where(Comment.bead_id == bead)).all()
    assert [row.text for row in said if "verified signatures" in row.text] == [row.text for row in said]
    assert len(said) == 1
    assert len(pulls.town.intents()) == REFUSALS_TO_ASK + 2


def test_pull_request_that_cannot_be_looked_at_keeps_none_of_the_others_waiting(pulls: PullTown) -> None:
    first, second = pulls.submit("first.txt"), pulls.submit("second.txt")
    pulls.hosted.set(faults={"view 1": "away"})
    for number in (1, 2):
        pulls.hosted.approve(number)
    pulls.later()
    assert _state(pulls, second) is RequestState.LANDED
    assert "error connecting" in pulls.step_later().waits_for
    pulls.hosted.set(faults={})
    pulls.later()
    assert _state(pulls, first) is RequestState.LANDED


@pytest.mark.parametrize("gates", [(GATE,), ()], ids=["gated", "ungated"])
def test_pull_request_that_cannot_be_opened_lets_the_others_go_first_after_a_while(
    make_pulls: MakePullTown, gates: tuple[GateSpec, ...]
) -> None:
    pulls = make_pulls(gates=gates)
    first = pulls.town.submit({"first.txt": "x"}, priority=1)
    pulls.hosted.set(faults={f"create gastown/pr/{first}": "away"})
    second = pulls.submit("second.txt")
    pulls.clock.pass_(minutes=5)
    pulls.later(2)
    assert pulls.town.request(second).pull_number == 1
    assert pulls.town.request(first).pull_number is None
    pulls.hosted.set(faults={})
    pulls.later(2)
    assert pulls.town.request(first).pull_number == 2
    assert pulls.town.request(first).retries == 0


def test_nobody_goes_back_because_a_hosted_check_was_stopped(pulls: PullTown) -> None:
    bead = pulls.submit()
    pulls.hosted.approve()
    pulls.hosted.check(STOPPED)
    pulls.later(3)
    assert _state(pulls, bead) is RequestState.QUEUED
    assert pulls.waits_for(bead).endswith("checks to be started again: build was cancelled")
    earlier = {**FAILED, "startedAt": "2026-01-02T03:04:05Z"}
    pulls.hosted.check({**PASSED, "startedAt": "2026-01-02T03:14:05Z"}, earlier)
    pulls.later()
    assert _state(pulls, bead) is RequestState.LANDED


@pytest.mark.parametrize("style", [LandingStyle.PULL, LandingStyle.MERGE])
def test_pull_request_of_withdrawn_work_is_closed_though_nobody_else_waits(
    database_url: str, tmp_path: Path, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch, style: LandingStyle
) -> None:
    pulls = PullTown(tmp_path, database_url, fake_clock, monkeypatch)
    bead = pulls.submit()
    pulls.hosted.set(faults={"close": "away"})
    _withdraw(pulls, bead)
    with pulls.town.work() as session:
        rigs.update(session, RIG, actor="somebody", landing=style)
    pulls.later()
    pulls.clock.pass_(seconds=31)
    pulls.hosted.set(faults={})
    with pulls.town.work() as session:
        assert session.scalar(select(refinery.any_work()))
        assert [bell.queue for bell in refinery.tick_rigs(session)] == [f"refinery.{RIG}"]
    pulls.town.settle()
    assert pulls.hosted.pull()["state"] == "CLOSED"
    assert pulls.town.request(bead).pull_number is None
    pulls.later()
    with pulls.town.work() as session:
        assert not session.scalar(select(refinery.any_work()))


def test_pull_request_is_closed_when_its_request_was_called_off_while_it_was_opened(
    pulls: PullTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    bead = pulls.town.submit({"b.txt": "two\n"})
    real = GitHub.open_or_find

    def overtaken(self: GitHub, *words: str) -> object:
        made = real(self, *words)
        _withdraw(pulls, bead)
        return made

    with monkeypatch.context() as patch:
        patch.setattr(GitHub, "open_or_find", overtaken)
        pulls.later()
    assert _state(pulls, bead) is RequestState.CANCELLED
    assert pulls.hosted.pull()["state"] == "CLOSED"


def test_target_is_not_called_green_before_the_gates_for_what_has_landed_ran(make_pulls: MakePullTown) -> None:
    after = GateSpec("smoke", "true", phase=GatePhase.POST_LANDING)
    pulls = make_pulls(gates=(GATE, after))
    bead = pulls.submit()
    pulls.hosted.approve()
    pulls.step_later()
    assert _state(pulls, bead) is RequestState.LANDED
    with pulls.town.work() as session:
        green = session.exec(select(Event).where(Event.kind == EventKind.TARGET_GREEN)).all()
    assert pulls.town.target() not in [event.payload["oid"] for event in green]
    assert pulls.town.rig().target_state is TargetState.UNKNOWN
    pulls.later()
    assert pulls.town.rig().target_state is TargetState.GREEN


@pytest.mark.parametrize("halt", ["freeze", "pause"])
def test_nothing_is_merged_when_a_halt_comes_while_the_pull_request_is_looked_at(
    pulls: PullTown, monkeypatch: pytest.MonkeyPatch, halt: str
) -> None:
    bead = pulls.submit()
    pulls.hosted.approve()
    real = pull_heads.gives

    def halted(*words: object) -> bool:
        with pulls.town.work() as session:
            if halt == "freeze":
                rigs.freeze(session, RIG, actor="somebody", why="stop")
            else:
                refinery.pause(session, RIG, actor="somebody", why="stop")
        return real(*words)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(pull_heads, "gives", halted)
        pulls.step_later()
    assert pulls.hosted.calls("merge") == 0
    assert pulls.town.intents() == []
    with pulls.town.work() as session:
        if halt == "freeze":
            rigs.thaw(session, RIG, actor="somebody")
        else:
            refinery.resume(session, RIG, actor="somebody")
    pulls.later(2)
    assert _state(pulls, bead) is RequestState.LANDED
    assert git.is_ancestor(pulls.town.remote, pulls.town.request(bead).landed_oid, pulls.town.target())
    assert pulls.town.bead(bead).status == beads.BeadStatus.CLOSED
