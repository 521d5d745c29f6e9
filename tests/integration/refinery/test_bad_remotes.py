"""Remotes that refuse, lag, lie, go away or are pushed back: it is seen and said, and nobody is blamed for it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gastown import beads as all_beads
from gastown import git, refinery, replay
from gastown.refinery import IntentState, RequestState
from gastown.rigs import TargetState
from tests.support.database_clock import DatabaseClock
from tests.support.refinery_town import RefineryTown, run_git

Make = Callable[..., RefineryTown]
REPLAYED = ("rigs", "merge_requests", "merge_heads", "landing_intents", "gate_runs", "refineries")
"""Whose rows these tests make as the town makes them; agents and their attempts are made up."""


@pytest.fixture
def time(sqlite_url: str) -> Iterator[DatabaseClock]:
    made = DatabaseClock(sqlite_url)
    yield made
    made.close()


def _train(town: RefineryTown, riders: int = 3) -> list[str]:
    """Requests that are tested and green, so that the next step lands them together."""
    town.settle()
    beads = [town.submit({f"{town.target()[:8]}-{number}.txt": "x"}) for number in range(riders)]
    town.step()
    town.gate()
    return beads


def _said(town: RefineryTown) -> list[str]:
    """What `gt mq list` says that each waits for, and `gt mq status` of the rig."""
    with town.work() as session:
        lines = [item.waits_for for item in refinery.list_queue(session)]
        return [*lines, *(row.waits_for for row in refinery.status(session))]


def _landed_once(town: RefineryTown, beads: list[str]) -> None:
    log = run_git(town.remote, "log", "--first-parent", "--format=%(trailers:key=Bead,valueonly)", "main").split()
    for bead in beads:
        request = town.request(bead)
        assert (request.state, request.retries) == (RequestState.LANDED, 0)
        assert town.in_target(request.landed_oid)
        assert town.kinds(bead).count("request.landed") == 1
        assert log.count(bead) == 1
    assert not [intent for intent in town.intents() if intent.state is IntentState.OPEN]
    assert town.red() == []
    with town.work() as session:
        assert [str(one) for one in replay.verify(session) if one.table in REPLAYED] == []


def _hook(town: RefineryTown, name: str, text: str) -> Path:
    path = town.remote / "hooks" / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def _serve(town: RefineryTown, kind: str, folder: Path | None) -> None:
    """Have the remote's `upload-pack` or `receive-pack` work on another repository; None: on its own again."""
    key = f"remote.origin.{kind.replace('-', '')}"
    if folder is None:
        run_git(town.land, "config", "--unset", key)
        return
    script = town.root / f"{kind}.sh"
    script.write_text(f'#!/bin/sh\nexec git {kind} "{folder}"\n')
    script.chmod(0o755)
    run_git(town.land, "config", key, str(script))


def _copy(town: RefineryTown) -> Path:
    folder = town.root / "copy.git"
    shutil.copytree(town.remote, folder)
    return folder


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pre-receive", "echo main is protected >&2; exit 1"),
        ("update", 'test "$1" != refs/heads/main || { echo main is protected >&2; exit 1; }'),
    ],
)
def test_the_whole_train_waits_with_the_remotes_words_when_it_refuses(town: RefineryTown, name: str, text: str) -> None:
    beads = _train(town)
    hook = _hook(town, name, text)
    town.step()
    assert {town.request(bead).state for bead in beads} == {RequestState.QUEUED}
    assert "main is protected" in _said(town)[0]
    assert town.rig().target_state is TargetState.BROKEN
    town.step()
    assert len(town.intents()) == 1  # it pauses before it tries again
    hook.unlink()
    with town.work() as session:
        refinery.retry(session, "app", actor="ada")
    town.settle()
    _landed_once(town, beads)


def test_a_landing_counts_when_the_remote_shows_it_and_no_sooner(town: RefineryTown) -> None:
    beads = _train(town)
    _serve(town, "upload-pack", _copy(town))
    for _ in range(3):
        town.step()
        assert {town.request(bead).state for bead in beads} == {RequestState.LANDING}
        assert "does not show it" in _said(town)[0]
    assert town.rig().target_state is TargetState.GREEN  # a moment's lag is nothing for people
    _serve(town, "upload-pack", None)
    town.settle()
    _landed_once(town, beads)
    assert [intent.state for intent in town.intents()] == [IntentState.LANDED]


def test_nothing_is_built_on_an_old_target_when_the_remote_shows_one_after_a_landing(town: RefineryTown) -> None:
    beads = _train(town)
    old = _copy(town)
    town.settle()
    runs = len(town.runs())
    _serve(town, "upload-pack", old)
    beads.append(town.submit({"late.txt": "x"}))
    town.step()
    assert town.request(beads[-1]).state is RequestState.QUEUED
    assert len(town.runs()) == runs
    assert "which has landed" in _said(town)[0]
    assert town.rig().target_state is TargetState.GREEN
    _serve(town, "upload-pack", None)
    town.settle()
    _landed_once(town, beads)


def test_a_push_from_an_old_base_is_no_refusal_when_the_remote_lags(make: Make) -> None:
    town = make(gates=())
    town.settle()
    old = _copy(town)
    town.push_to_target({"others.txt": "x"})
    _serve(town, "upload-pack", old)
    bead = town.submit({"b.txt": "x"})
    for _ in range(2):
        town.step()
        assert town.request(bead).state is RequestState.LANDING
    assert "not known yet" in _said(town)[0]
    assert town.rig().target_state is not TargetState.BROKEN
    _serve(town, "upload-pack", None)
    town.settle()
    _landed_once(town, [bead])
    assert town.file_in_target("others.txt") == "x"


def test_it_is_said_and_nothing_is_booked_when_the_remote_says_ok_and_does_not_move(
    time: DatabaseClock, town: RefineryTown
) -> None:
    beads, before = _train(town), town.target()
    _serve(town, "receive-pack", _copy(town))
    town.step()
    assert {town.request(bead).state for bead in beads} == {RequestState.LANDING}
    time.advance(70)
    town.step()
    assert "does not show it" in _said(town)[0]
    assert town.rig().target_state is TargetState.BROKEN  # by now a person should look
    assert town.target() == before
    _serve(town, "receive-pack", None)
    town.settle()
    _landed_once(town, beads)
    assert town.rig().target_state is TargetState.GREEN


def test_a_landing_counts_once_when_the_remote_moves_and_answers_with_an_error(town: RefineryTown) -> None:
    beads = _train(town)
    _hook(town, "reference-transaction", 'test "$1" != committed || { kill -9 $PPID; sleep 1; }')
    town.step()
    (town.remote / "hooks" / "reference-transaction").unlink()
    town.settle()
    _landed_once(town, beads)
    assert len([intent for intent in town.intents() if intent.state is IntentState.LANDED]) == 1


def test_a_landing_goes_on_when_the_remote_was_away_in_the_middle_of_it(
    town: RefineryTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    beads = _train(town)
    real, gone = git.push_landing, town.root / "gone.git"

    def push(*args: Any) -> git.PushOutcome:
        town.remote.rename(gone)
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(git, "push_landing", push)
        town.step()
    for _ in range(2):
        town.step()
        assert {town.request(bead).state for bead in beads} == {RequestState.LANDING}
        assert all(_said(town))
    gone.rename(town.remote)
    town.settle()
    _landed_once(town, beads)


@pytest.mark.parametrize("way", ["pushed forward again", "accepted"])
def test_the_queue_stops_when_somebody_pushes_the_target_back(
    time: DatabaseClock, town: RefineryTown, way: str
) -> None:
    before = town.target()
    first = _train(town)
    town.settle()
    landed = town.target()
    run_git(town.remote, "update-ref", "refs/heads/main", before)
    second = town.submit({"second.txt": "x"})
    time.advance(70)
    town.step()
    assert town.rig().target_state is TargetState.BROKEN
    assert landed[:10] in _said(town)[0]
    assert "gt mq retry app" in _said(town)[0]
    assert town.target() == before
    assert (town.request(second).state, town.request(second).retries) == (RequestState.QUEUED, 0)
    if way == "accepted":
        with town.work() as session:
            refinery.retry(session, "app", actor="ada")
        town.settle()
        _landed_once(town, [second])
        assert not town.in_target(landed)
    else:
        run_git(town.remote, "update-ref", "refs/heads/main", landed)
        town.settle()
        _landed_once(town, [*first, second])
    assert town.rig().target_state is TargetState.GREEN


def test_a_landing_that_was_given_up_is_booked_when_its_push_arrives_after_all(
    town: RefineryTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remote said no to one of two pushes of the same landing, and took the other one later."""
    beads, late = _train(town), list[tuple[Any, ...]]()

    def refuse(*args: Any) -> git.PushOutcome:
        late.append(args)
        return git.PushOutcome(git.Pushed.REFUSED, "busy")

    with monkeypatch.context() as patch:
        patch.setattr(git, "push_landing", refuse)
        town.step()
    assert {town.request(bead).state for bead in beads} == {RequestState.QUEUED}
    assert git.push_landing(*late[0]).kind is git.Pushed.LANDED
    town.step()
    _landed_once(town, beads)
    assert {town.request(bead).landed_oid for bead in beads} == {town.target()}
    assert [intent.state for intent in town.intents()] == [IntentState.VOID, IntentState.LANDED]


def test_a_late_landing_books_those_who_still_wait_when_one_has_left_meanwhile(
    town: RefineryTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    (left, *rest), late = _train(town), list[tuple[Any, ...]]()

    def lose(*args: Any) -> git.PushOutcome:
        late.append(args)
        return git.PushOutcome(git.Pushed.REFUSED, "busy")

    with monkeypatch.context() as patch:
        patch.setattr(git, "push_landing", lose)
        town.step()
    with town.work() as session:
        all_beads.close(session, [left], actor="ada", reason="done by hand, it was small", no_code=True)
    town.step()
    git.push_landing(*late[0])
    again = town.submit({"again.txt": "x"})
    town.settle()
    assert town.request(left).state is RequestState.CANCELLED
    _landed_once(town, [*rest, again])
