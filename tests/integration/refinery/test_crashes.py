"""Killed anywhere, doubled, late, or robbed of its lease: the queue ends where it would have ended."""

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import Session

from gastown import git, refinery, rigs
from gastown.git import run as git_run
from gastown.refinery import IntentState, RequestState
from tests.support.refinery_town import Crash, RefineryTown, run_git

Make = Callable[..., RefineryTown]


class Fuse:
    """Burns at the n-th boundary; from then on nothing of that process happens any more.

    Boundaries are before a transaction, before its commit, and before a git command: after one is before the next.
    """

    def __init__(self, town: RefineryTown, burns_at: int) -> None:
        self.town = town
        self.burns_at = burns_at
        self.reached = 0

    def boundary(self) -> None:
        self.reached += 1
        if self.reached >= self.burns_at:
            raise Crash

    @contextlib.contextmanager
    def work(self) -> Iterator[Session]:
        self.boundary()
        with self.town.work() as session:
            yield session
            self.boundary()

    @contextlib.contextmanager
    def around_git(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        real = git_run._run

        def wrapped(*args: object, **kwargs: object) -> object:
            self.boundary()
            return real(*args, **kwargs)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(git_run, "_run", wrapped)
            yield


def _landed_once(town: RefineryTown, bead: str) -> None:
    request = town.request(bead)
    assert request.state is RequestState.LANDED
    assert town.bead(bead).status == "closed"
    assert town.bead(bead).landed_sha == request.landed_oid
    assert town.kinds(bead).count("bead.closed") == 1
    assert town.kinds(bead).count("request.landed") == 1
    assert request.retries == 0
    trailer = "--format=%H %(trailers:key=Bead,valueonly,separator=%x20)"
    log = [line.split() for line in run_git(town.remote, "log", "--first-parent", trailer, "main").splitlines()]
    assert [oid for oid, *named in log if bead in named] == [request.landed_oid]
    mine = [intent for intent in town.intents() if request.head_id in intent.riders]
    assert [intent.state for intent in mine].count(IntentState.LANDED) == 1
    assert not [intent for intent in mine if intent.state is IntentState.OPEN]


def _crash_at_every_boundary(
    town: RefineryTown, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[], None], riders: int = 1
) -> int:
    for number in itertools.count(1):
        beads = [town.submit({f"{number}-{rider}.txt": "x"}) for rider in range(riders)]
        prepare()
        fuse = Fuse(town, number)
        with fuse.around_git(monkeypatch), contextlib.suppress(Crash):
            town.step(work=fuse.work)
        town.expire_lease()
        town.settle()
        for bead in beads:
            _landed_once(town, bead)
        if fuse.reached < number:
            return number
    raise AssertionError


def test_commit_lands_exactly_once_when_the_step_is_killed_at_any_boundary(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = make(gates=())
    town.settle()
    boundaries = _crash_at_every_boundary(town, monkeypatch, lambda: None)
    assert boundaries > 30  # it really went through transactions and git


@pytest.mark.parametrize("riders", [1, 3])
def test_green_candidates_land_exactly_once_when_the_landing_step_is_killed_between_transactions(
    town: RefineryTown, monkeypatch: pytest.MonkeyPatch, riders: int
) -> None:
    def prepare() -> None:
        town.step()
        town.gate()
        town.step()
        town.gate()

    monkeypatch.setattr(Fuse, "around_git", lambda *_: contextlib.nullcontext())
    boundaries = _crash_at_every_boundary(town, monkeypatch, prepare, riders)
    assert boundaries > 8
    assert town.red() == []


def test_everything_lands_exactly_once_when_many_steps_run_at_once(any_town: RefineryTown) -> None:
    beads = [any_town.submit({f"{name}.txt": "x"}) for name in "abc"]
    for _ in range(4):
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: any_town.step(), range(6)))
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda _: any_town.gate(), range(3)))
    any_town.settle()
    for bead in beads:
        _landed_once(any_town, bead)
    assert sorted(any_town.landed) == sorted(beads)
    assert any_town.red() == []
    trees = [(run.tree_oid, run.attempt) for run in any_town.runs()]
    assert len(trees) == len(set(trees))


def test_work_is_seen_when_its_doorbell_finds_the_rig_held_at_any_moment(make: Make) -> None:
    town = make(gates=())
    for number in itertools.count(1):
        first = town.submit({f"first{number}.txt": "x"})
        late: list[str] = []
        count = itertools.count(1)

        @contextlib.contextmanager
        def work(number: int = number, late: list[str] = late, count: Iterator[int] = count) -> Iterator[Session]:
            if next(count) == number:
                late.append(town.submit({f"late{number}.txt": "x"}))
                town.step()
            with town.work() as session:
                yield session

        town.step(work=work)
        assert town.request(first).state is RequestState.LANDED
        for bead in late:
            assert town.request(bead).state is RequestState.LANDED, f"transaction {number}"
        if not late:
            assert number > 7
            return


def test_only_one_landing_counts_when_a_stalled_step_pushes_after_its_lease_was_taken(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = make(gates=())
    bead = town.submit({"b.txt": "x"})
    real, robbed = git.push_landing, threading.Event()

    def stall(*args: object) -> object:
        if not robbed.is_set():
            robbed.set()
            town.expire_lease()
            town.step()
            _landed_once(town, bead)
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(git, "push_landing", stall)
    stale = town.step()
    assert stale.lost
    assert stale.landed == []
    _landed_once(town, bead)


def test_landing_is_recorded_without_a_second_push_when_the_answer_to_the_first_is_lost(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = make(gates=())
    bead = town.submit({"b.txt": "x"})
    real, pushes = git.push_landing, []

    def lose_answer(*args: object) -> git.PushOutcome:
        pushes.append(real(*args))  # type: ignore[arg-type]
        return git.PushOutcome(git.Pushed.UNKNOWN, "the line went dead")

    monkeypatch.setattr(git, "push_landing", lose_answer)
    town.step()
    assert len(pushes) == 1
    _landed_once(town, bead)


def test_push_is_made_again_when_the_first_never_arrived(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    town = make(gates=())
    bead = town.submit({"b.txt": "x"})
    with monkeypatch.context() as patch:
        patch.setattr(git, "push_landing", lambda *_: git.PushOutcome(git.Pushed.UNKNOWN, "cut off"))
        town.step()
    assert town.request(bead).state is RequestState.LANDING
    town.step()
    _landed_once(town, bead)


def test_candidate_is_built_anew_when_the_target_moves_between_intent_and_push(
    town: RefineryTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    bead = town.submit({"b.txt": "x"})
    real, moved = git.push_landing, threading.Event()

    def move(*args: object) -> object:
        if not moved.is_set():
            moved.set()
            town.push_to_target({"c.txt": "x"})
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(git, "push_landing", move)
    town.settle()
    assert [intent.state for intent in town.intents()] == [IntentState.VOID, IntentState.LANDED]
    _landed_once(town, bead)
    assert town.red() == []


def test_push_is_made_again_when_somebody_moved_the_fence(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    town = make(gates=())
    bead = town.submit({"b.txt": "x"})
    real, moved = git.push_landing, threading.Event()

    def move_fence(*args: object) -> object:
        if not moved.is_set():
            moved.set()
            blob = run_git(town.remote, "rev-parse", "main:a.txt")
            run_git(town.remote, "update-ref", git.FENCE_REF, blob)
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(git, "push_landing", move_fence)
    assert town.step().landed == [bead]
    _landed_once(town, bead)


def test_rig_stops_with_the_remotes_words_when_it_refuses_and_lands_after_a_retry(
    make: Make,
) -> None:
    town = make(gates=())
    bead = town.submit({"b.txt": "x"})
    hook = town.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'main is protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    result = town.step()
    assert "refuses" in result.waits_for
    assert town.rig().target_state.value == "broken"
    assert town.request(bead).state is RequestState.QUEUED
    town.step()
    assert len(town.intents()) == 1  # it pauses before it tries again
    hook.unlink()
    with town.work() as session:
        refinery.retry(session, "app", actor="somebody")
    assert town.step().landed == [bead]
    assert town.rig().target_state.value == "unknown"


def test_nothing_changes_and_the_reason_is_shown_when_the_remote_is_away(town: RefineryTown) -> None:
    bead = town.submit({"b.txt": "x"})
    town.remote.rename(town.root / "gone.git")
    result = town.step()
    assert result.waits_for
    assert town.request(bead).state is RequestState.QUEUED
    (town.root / "gone.git").rename(town.remote)
    town.settle()
    _landed_once(town, bead)


def test_commit_lands_when_the_remote_takes_no_fence_and_no_atomic_push(make: Make) -> None:
    town = make(gates=())
    with town.work() as session:
        rigs.update(session, "app", actor="somebody", push_fence=False, push_atomic=False)
    bead = town.submit({"b.txt": "x"})
    town.step()
    _landed_once(town, bead)
