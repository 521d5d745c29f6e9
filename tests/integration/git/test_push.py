"""Landing: one push or nothing, and the truth about it whatever was answered."""

import threading
from pathlib import Path

import pytest

from gastown import git
from gastown.git import remote
from gastown.git.errors import GitTimedOut, NotFastForward, ObjectMissing, RemoteUnreachable
from gastown.git.push import Pushed
from gastown.git.run import Result

FULL = git.PushSupport(atomic=True, fence_refs=True)
PLAIN = git.PushSupport(atomic=False, fence_refs=False)


def landing(rig, base: str, new: str, text: str = "fence 1\n", support: git.PushSupport = FULL) -> git.Landing:
    fence = git.ls(rig.land, (git.FENCE_REF,)).get(git.FENCE_REF)
    return git.Landing("main", base, new, text, fence, support)


def prepared(rig) -> tuple[str, str]:
    base = rig.make()
    head = rig.head(base, {"new.txt": "new\n"})
    return base, rig.candidate(base, head)


def hook(repo: Path, name: str, script: str) -> None:
    path = repo / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_target_and_fence_move_together_when_a_landing_succeeds(rig) -> None:
    base, new = prepared(rig)
    assert git.read_fence(rig.land) is None
    outcome = git.push_landing(rig.land, landing(rig, base, new))
    assert outcome.kind is Pushed.LANDED
    assert rig.target() == new
    assert git.read_fence(rig.land) == git.Fence(outcome.fence, "fence 1\n")


def test_the_next_landing_replaces_the_fence(rig) -> None:
    base, new = prepared(rig)
    git.try_push(rig.land, "main")
    first = git.push_landing(rig.land, landing(rig, base, new))
    git.fetch_branch(rig.land, "main")
    again = rig.candidate(new, rig.head(new, {"more": "x"}, name="two"))
    second = git.push_landing(rig.land, git.Landing("main", new, again, "fence 2\n", first.fence, FULL))
    assert (first.kind, second.kind) == (Pushed.LANDED, Pushed.LANDED)
    assert rig.target() == again


def test_a_fence_written_by_another_host_is_read(rig) -> None:
    base, new = prepared(rig)
    other = rig.root / "other.git"
    git.create_land(other, str(rig.remote), "main")
    outcome = git.push_landing(rig.land, landing(rig, base, new, "by the first host\n"))
    assert git.read_fence(other) == git.Fence(outcome.fence, "by the first host\n")


def test_a_landing_done_again_has_landed(rig) -> None:
    base, new = prepared(rig)
    wanted = landing(rig, base, new)
    assert git.push_landing(rig.land, wanted).kind is Pushed.LANDED
    assert git.push_landing(rig.land, wanted).kind is Pushed.LANDED


def test_a_landing_done_again_has_landed_when_somebody_went_on_from_it(rig) -> None:
    base, new = prepared(rig)
    wanted = landing(rig, base, new)
    git.push_landing(rig.land, wanted)
    further = rig.person_pushes({"further": "x"})
    assert git.push_landing(rig.land, wanted).kind is Pushed.LANDED
    assert rig.target() == further


def test_nothing_moves_when_the_target_has_moved(rig) -> None:
    base, new = prepared(rig)
    theirs = rig.person_pushes({"theirs": "x"})
    outcome = git.push_landing(rig.land, landing(rig, base, new))
    assert outcome.kind is Pushed.TARGET_MOVED
    assert rig.target() == theirs
    assert git.read_fence(rig.land) is None


def test_nothing_moves_when_the_fence_has_moved(rig) -> None:
    base, new = prepared(rig)
    stale = landing(rig, base, new)
    git.try_push(rig.land, "main")
    outcome = git.push_landing(rig.land, stale)
    assert outcome.kind is Pushed.FENCE_MOVED
    assert outcome.fence is not None
    assert rig.target() == base


def test_nothing_moves_when_the_target_is_gone(rig) -> None:
    base, new = prepared(rig)
    rig.run(rig.remote, "update-ref", "-d", "refs/heads/main")
    assert git.push_landing(rig.land, landing(rig, base, new)).kind is Pushed.TARGET_MOVED


def test_a_landing_that_would_rewind_is_a_bug(rig) -> None:
    base, new = prepared(rig)
    git.push_landing(rig.land, landing(rig, base, new))
    for bad in ((new, base), (new, new)):
        with pytest.raises(NotFastForward):
            git.push_landing(rig.land, landing(rig, *bad))
    with pytest.raises(ObjectMissing):
        git.push_landing(rig.land, landing(rig, new, "ab" * 20))
    assert rig.target() == new


@pytest.mark.parametrize("name", ["update", "pre-receive"])
def test_a_landing_is_refused_when_a_hook_says_no(rig, name: str) -> None:
    base, new = prepared(rig)
    hook(rig.remote, name, "echo main is frozen >&2; exit 1")
    outcome = git.push_landing(rig.land, landing(rig, base, new))
    assert outcome.kind is Pushed.REFUSED
    assert "frozen" in outcome.reason
    assert rig.target() == base


def test_the_target_alone_is_compared_when_the_remote_takes_no_fence(rig) -> None:
    base, new = prepared(rig)
    hook(rig.remote, "update", "case $1 in refs/heads/*) ;; *) exit 1;; esac")
    rig.run(rig.remote, "config", "receive.advertiseAtomic", "false")
    assert git.push_landing(rig.land, landing(rig, base, new)).kind is Pushed.UNKNOWN  # it was never tried for support
    outcome = git.push_landing(rig.land, landing(rig, base, new, support=git.try_push(rig.land, "main")))
    assert outcome.kind is Pushed.LANDED
    assert rig.target() == new
    late = rig.candidate(base, rig.head(base, {"late": "x"}, name="late"))
    assert git.push_landing(rig.land, landing(rig, base, late, support=PLAIN)).kind is Pushed.TARGET_MOVED


def test_the_outcome_is_unknown_when_the_remote_is_away(rig) -> None:
    base, new = prepared(rig)
    wanted = landing(rig, base, new)
    rig.remote.rename(rig.root / "away.git")
    assert git.push_landing(rig.land, wanted).kind is Pushed.UNKNOWN
    assert git.push_branch(rig.land, "polecat/x", new, expect=None).kind is Pushed.UNKNOWN


@pytest.mark.parametrize("arrived", [True, False])
def test_the_remote_is_asked_when_the_answer_was_lost(rig, monkeypatch: pytest.MonkeyPatch, arrived: bool) -> None:
    base, new = prepared(rig)
    real = remote.push

    def lost(land: Path, *args: str) -> Result:
        if arrived:
            real(land, *args)
        raise GitTimedOut("cut off")

    monkeypatch.setattr(remote, "push", lost)
    outcome = git.push_landing(rig.land, landing(rig, base, new))
    assert outcome.kind is (Pushed.LANDED if arrived else Pushed.UNKNOWN)


def test_the_outcome_is_unknown_when_the_remote_dies_before_it_reports(rig) -> None:
    base, new = prepared(rig)
    hook(rig.remote, "pre-receive", "kill -9 $PPID; sleep 1")
    assert git.push_landing(rig.land, landing(rig, base, new)).kind is Pushed.UNKNOWN
    assert rig.target() == base


def test_one_wins_when_sixteen_race(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    lands, wanted = [], []
    for number in range(16):
        rig.run(path, "reset", "-q", "--hard", base)
        head = rig.commit(path, {f"f{number}": "x"})
        land = rig.root / f"land{number}.git"
        git.create_land(land, str(rig.remote), "main")
        git.fetch_head(land, rig.work, head)
        lands.append(land)
        wanted.append(git.Landing("main", base, head, f"fence {number}\n", None, FULL))
    outcomes: list[git.PushOutcome | None] = [None] * 16
    start = threading.Barrier(16)

    def race(number: int) -> None:
        start.wait()
        outcomes[number] = git.push_landing(lands[number], wanted[number])

    threads = [threading.Thread(target=race, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kinds = [outcome.kind for outcome in outcomes if outcome]
    winner = kinds.index(Pushed.LANDED)
    assert kinds.count(Pushed.LANDED) == 1
    assert kinds.count(Pushed.FENCE_MOVED) == 15
    assert rig.target() == wanted[winner].new
    fence = git.read_fence(rig.land)
    assert fence is not None
    assert fence.text == f"fence {winner}\n"


def test_a_branch_is_created_moved_and_deleted_by_its_expected_value(rig) -> None:
    base = rig.make()
    one = rig.head(base, {"x": "1"}, name="one")
    two = rig.head(base, {"x": "2"}, name="two")
    name = "polecat/toast/gt-1@3"

    def there() -> str | None:
        return git.ls(rig.land, (f"refs/heads/{name}",)).get(f"refs/heads/{name}")

    assert git.push_branch(rig.land, name, one, expect=None).kind is Pushed.LANDED
    assert git.push_branch(rig.land, name, one, expect=None).kind is Pushed.LANDED
    assert git.push_branch(rig.land, name, two, expect=None).kind is Pushed.TARGET_MOVED
    assert git.push_branch(rig.land, name, two, expect=base).kind is Pushed.TARGET_MOVED
    assert there() == one
    assert git.push_branch(rig.land, name, two, expect=one).kind is Pushed.LANDED
    assert git.delete_branch(rig.land, name, expect=one).kind is Pushed.TARGET_MOVED
    assert there() == two
    assert git.delete_branch(rig.land, name, expect=two).kind is Pushed.LANDED
    assert git.delete_branch(rig.land, name, expect=two).kind is Pushed.LANDED
    assert there() is None


def test_branches_go_in_one_push_and_one_that_has_moved_stays(rig) -> None:
    base = rig.make()
    one, two = rig.head(base, {"x": "1"}, name="one"), rig.head(base, {"x": "2"}, name="two")
    names = ["polecat/toast/gt-1@1", "polecat/toast/gt-2@1", "polecat/toast/gt-3@1"]
    for name in names[:2]:
        assert git.push_branch(rig.land, name, one, expect=None).kind is Pushed.LANDED
    git.delete_branches(rig.land, {names[0]: one, names[1]: two, names[2]: one})
    assert git.ls(rig.land, [f"refs/heads/{name}" for name in names]) == {f"refs/heads/{names[1]}": one}
    assert git.find_merged(rig.land, {base, one, "ab" * 20}, two) == {base}
    git.unpin_all(rig.land, [one, two, one])
    assert git.list_pins(rig.land) == []
    git.unpin_all(rig.land, [one])
    git.fetch_heads(rig.land, rig.work, [one, two, "ab" * 20])
    assert set(git.list_pins(rig.land)) == {one, two}


def test_a_branch_is_refused_when_a_hook_says_no(rig) -> None:
    base = rig.make()
    hook(rig.remote, "update", "exit 1")
    assert git.push_branch(rig.land, "polecat/x", base, expect=None).kind is Pushed.REFUSED


def test_an_unreachable_fence_is_not_an_absent_one(rig) -> None:
    rig.make()
    git.try_push(rig.land, "main")
    rig.remote.rename(rig.root / "away.git")
    with pytest.raises((RemoteUnreachable, git.NotARepository)):
        git.read_fence(rig.land)
