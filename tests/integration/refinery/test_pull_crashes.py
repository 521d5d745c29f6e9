"""A landing by a pull request that is killed, doubled or left without an answer ends where it would have ended."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from gastown import git
from gastown.providers import ProviderAway
from gastown.providers.gh import GitHub
from gastown.refinery import IntentState, RequestState, intents, lifecycle, pull_merge
from tests.support.pull_town import PullTown
from tests.support.refinery_town import Crash, run_git


@contextlib.contextmanager
def _killed(patch: pytest.MonkeyPatch, owner: object, name: str, *, after: bool) -> Iterator[None]:
    """The process is killed just before or just after that act."""
    real = getattr(owner, name)

    def act(*args: object, **kwargs: object) -> object:
        if after:
            real(*args, **kwargs)
        raise Crash

    with patch.context() as once:
        once.setattr(owner, name, act)
        yield


def _crash(pulls: PullTown, patch: pytest.MonkeyPatch, owner: object, name: str, *, after: bool) -> None:
    reached = False
    pulls.clock.pass_(seconds=31)
    with _killed(patch, owner, name, after=after):
        for _ in range(6):
            try:
                pulls.town.step()
            except Crash:
                reached = True
                break
            pulls.town.gate()
    assert reached, f"{name} was never called"
    pulls.town.expire_lease()


def _landed_once(pulls: PullTown, bead: str) -> None:
    town = pulls.town
    request = town.request(bead)
    assert request.state is RequestState.LANDED
    assert request.retries == 0
    assert set(town.landed) == {bead}  # a callback of a transaction that was rolled back is counted, too
    assert town.kinds(bead).count("request.landed") == town.kinds(bead).count("bead.closed") == 1
    assert len(pulls.hosted.state["pulls"]) == 1
    merges = run_git(town.remote, "rev-list", "--first-parent", "--count", "main")
    assert merges == "2"
    assert [intent.state for intent in town.intents()].count(IntentState.LANDED) == 1
    assert not [intent for intent in town.intents() if intent.state is IntentState.OPEN]
    assert town.red() == []


OPENING = [(git, "push_branch"), (GitHub, "open_or_find"), (lifecycle, "show_pull")]
MERGING = [(intents, "intend"), (GitHub, "merge"), (intents, "land"), (pull_merge, "forget_branches")]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("owner", "name"), OPENING, ids=[name for _, name in OPENING])
def test_one_pull_request_is_opened_when_the_step_is_killed_while_opening_it(
    pulls: PullTown, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, after: bool
) -> None:
    bead = pulls.town.submit({"b.txt": "two\n"})
    _crash(pulls, monkeypatch, owner, name, after=after)
    pulls.later()
    pulls.hosted.approve()
    pulls.later()
    _landed_once(pulls, bead)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("owner", "name"), MERGING, ids=[name for _, name in MERGING])
def test_request_lands_once_when_the_step_is_killed_while_it_is_merged(
    pulls: PullTown, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, after: bool
) -> None:
    bead = pulls.submit()
    pulls.hosted.approve()
    _crash(pulls, monkeypatch, owner, name, after=after)
    pulls.later(2)
    _landed_once(pulls, bead)


def test_request_lands_once_when_the_answer_to_the_merge_is_lost(pulls: PullTown) -> None:
    bead = pulls.submit()
    pulls.hosted.approve()
    pulls.hosted.set(faults={"merge": "lost"})
    pulls.later(2)
    _landed_once(pulls, bead)


def test_merge_is_asked_for_again_when_the_question_was_lost(pulls: PullTown, monkeypatch: pytest.MonkeyPatch) -> None:
    bead = pulls.submit()
    pulls.hosted.approve()

    def lost(*_: object) -> None:
        raise ProviderAway("gone")

    with monkeypatch.context() as patch:
        patch.setattr(GitHub, "merge", lost)
        pulls.step_later()
    assert pulls.town.request(bead).state is RequestState.LANDING
    pulls.later()
    _landed_once(pulls, bead)


@pytest.mark.parametrize("what", ["closed", "moved"])
def test_landing_is_given_up_without_penalty_when_it_can_no_longer_be(
    pulls: PullTown, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    bead = pulls.submit()
    pulls.hosted.approve()
    _crash(pulls, monkeypatch, GitHub, "merge", after=False)
    if what == "closed":
        pulls.hosted.close()
    else:
        pulls.move_target({"c.txt": "three\n"})
    pulls.later(6)
    assert pulls.town.intents()[0].state is IntentState.VOID
    expected = RequestState.RETURNED if what == "closed" else RequestState.LANDED
    assert pulls.town.request(bead).state is expected
    assert pulls.town.red() == []


def test_target_is_gated_next_when_it_moved_while_the_provider_merged(
    pulls: PullTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    bead = pulls.submit()
    pulls.hosted.approve()
    real: Callable[..., object] = GitHub.merge

    def overtaken(self: GitHub, number: int, head: str) -> object:
        pulls.move_target({"c.txt": "three\n"})
        return real(self, number, head)

    runs = len(pulls.town.runs())
    with monkeypatch.context() as patch:
        patch.setattr(GitHub, "merge", overtaken)
        pulls.step_later()
    assert pulls.town.request(bead).state is RequestState.LANDED  # it is in the target: a fact
    assert pulls.town.rig().target_oid == pulls.town.target()
    pulls.later()
    gated = git.tree_of(pulls.town.remote, pulls.town.target())
    assert [run.tree_oid for run in pulls.town.runs()[runs:]] == [gated]
