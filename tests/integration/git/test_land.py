"""`land.git`: made once, complete or not at all; heads come in whole, checked, and from nowhere but where we say."""

import threading
from pathlib import Path

import pytest

from gastown import git
from gastown.git.errors import (
    BadBranchName,
    BranchMissing,
    GitFailed,
    NotARepository,
    ObjectMissing,
    RemoteUnreachable,
    RepositoryExists,
)
from gastown.git.push import Pushed


def test_the_target_is_there_when_land_is_made(rig) -> None:
    head = git.create_land(rig.land, str(rig.remote), "main")
    assert head == rig.target()
    assert git.has_commit(rig.land, head)
    assert rig.run(rig.land, "for-each-ref", "--format=%(refname)").split() == ["refs/remotes/origin/main"]


def test_making_it_again_changes_nothing(rig) -> None:
    git.create_land(rig.land, str(rig.remote), "main")
    before = (rig.land / "config").read_text()
    git.create_land(rig.land, str(rig.remote), "main")
    assert (rig.land / "config").read_text() == before
    with pytest.raises(RepositoryExists):
        git.create_land(rig.land, "https://example.com/other", "main")


@pytest.mark.parametrize(
    ("url", "branch", "error"),
    [
        ("/nothing", "main", NotARepository),
        ("http://127.0.0.1:1/x", "main", RemoteUnreachable),
        (None, "trunk", BranchMissing),
        (None, "--upload-pack=x", BadBranchName),
    ],
)
def test_nothing_is_left_when_it_cannot_be_made(rig, url: str | None, branch: str, error: type[Exception]) -> None:
    rig.land.parent.mkdir()
    with pytest.raises(error):
        git.create_land(rig.land, url or str(rig.remote), branch)
    assert not rig.land.exists()
    assert [path.name for path in rig.land.parent.iterdir() if not path.name.endswith(".flock")] == []


def test_it_is_made_when_an_earlier_attempt_was_killed_half_way(rig) -> None:
    half_made = rig.land.with_name(".land.git.new")
    (half_made / "objects").mkdir(parents=True)
    (half_made / "HEAD").write_text("garbage")
    assert git.create_land(rig.land, str(rig.remote), "main") == rig.target()
    assert not half_made.exists()


def test_an_odd_address_survives_the_configuration(rig) -> None:
    odd = rig.root / 'o"dd\\ #;remote.git'
    rig.remote.rename(odd)
    assert git.create_land(rig.land, str(odd), "main") == git.probe(str(odd), "main").oid


def test_the_new_head_is_fetched_when_the_target_moved_even_backwards(rig) -> None:
    first = rig.make()
    second = rig.person_pushes({"x": "1"})
    assert git.fetch_branch(rig.land, "main") == second
    rig.run(rig.remote, "update-ref", "refs/heads/main", first)
    assert git.fetch_target(rig.land, "main") == first


def test_a_fetch_tells_a_missing_branch_from_a_remote_that_is_away(rig) -> None:
    rig.make()
    with pytest.raises(BranchMissing):
        git.fetch_branch(rig.land, "trunk")
    rig.remote.rename(rig.root / "away.git")
    with pytest.raises((RemoteUnreachable, NotARepository)):
        git.fetch_branch(rig.land, "main")


def test_a_head_is_pinned_when_it_is_fetched(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    oid = rig.commit(path, {"x": "1"})
    assert not git.is_pinned(rig.land, oid)
    git.fetch_head(rig.land, rig.work, oid)
    git.fetch_head(rig.land, rig.work, oid)
    assert git.is_pinned(rig.land, oid)
    rig.run(rig.land, "fsck", "--connectivity-only")
    git.unpin(rig.land, oid)
    assert not git.is_pinned(rig.land, oid)
    git.pin(rig.land, oid)
    assert git.is_pinned(rig.land, oid)


def test_a_head_is_missing_when_the_agent_has_no_such_commit(rig) -> None:
    rig.make()
    with pytest.raises(ObjectMissing):
        git.fetch_head(rig.land, rig.work, "ab" * 20)
    assert not git.is_pinned(rig.land, "ab" * 20)


def test_an_unfinished_transfer_is_not_taken_for_the_commit(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    oid = rig.commit(path, {"x": "1"})
    raw = rig.run(path, "cat-file", "commit", oid) + "\n"
    git.git(rig.land, "hash-object", "-w", "--literally", "-t", "commit", "--stdin", options=git.Options(input=raw))
    assert git.has_commit(rig.land, oid)
    assert not git.is_pinned(rig.land, oid)
    git.fetch_head(rig.land, rig.work, oid)
    assert git.tree_of(rig.land, oid)
    rig.run(rig.land, "fsck", "--connectivity-only")


def test_a_head_with_a_harmful_tree_is_refused(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    blob = rig.run(path, "rev-parse", "HEAD:README")
    tree = git.git(
        git.view_of(rig.work),
        "hash-object",
        "-w",
        "--literally",
        "-t",
        "tree",
        "--stdin",
        options=git.Options(input="100644 .git\0" + bytes.fromhex(blob).decode("utf-8", "surrogateescape")),
    ).line
    oid = rig.run(path, "commit-tree", tree, "-p", base, "-m", "harm")
    with pytest.raises(GitFailed):
        git.fetch_head(rig.land, rig.work, oid)
    assert not git.is_pinned(rig.land, oid)


def test_nothing_an_agent_configured_runs_when_its_head_is_fetched(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    oid = rig.commit(path, {"x": "1"})
    evil = rig.root / "evil"
    for key in ("uploadpack.packObjectsHook", "core.fsmonitor", "core.sshCommand", "core.alternateRefsCommand"):
        rig.run(rig.work, "config", key, f"touch {evil};")
    rig.run(rig.work, "config", f"url.ext::touch {evil} .insteadOf", str(rig.land))
    for name in ("post-checkout", "reference-transaction", "pre-auto-gc", "post-index-change"):
        script = rig.work / "hooks" / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(f"#!/bin/sh\ntouch {evil}\n")
        script.chmod(0o755)
    git.fetch_head(rig.land, rig.work, oid)
    rig.person_pushes({"y": "1"})
    git.fetch_branch(rig.land, "main")
    git.update_work(rig.work, rig.land, "main")
    git.state(rig.work, path)
    assert not evil.exists()


def test_packs_are_rolled_up_and_nothing_is_dropped_when_there_are_many(rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gastown.git.tidy.MANY_PACKS", 3)
    monkeypatch.setattr("gastown.git.tidy.MANY_LOOSE", -1)
    base = rig.make()
    path = rig.agent("toast", base)
    orphan = rig.commit(path, {"orphan": "x"})
    rig.run(path, "reset", "-q", "--hard", base)
    oids = [rig.commit(path, {"x": str(number)}) for number in range(6)]
    for oid in oids:
        git.fetch_head(rig.land, rig.work, oid)
    git.unpin(rig.land, oids[-1])
    rig.person_pushes({"y": "1"})
    git.fetch_branch(rig.land, "main")
    git.update_work(rig.work, rig.land, "main")
    for repo in (rig.land, rig.work):
        assert len(list((repo / "objects" / "pack").glob("*.pack"))) <= 4
        rig.run(repo, "fsck")
        assert all(git.has_commit(repo, oid) for oid in oids)
    assert git.has_commit(git.view_of(rig.work), orphan)
    assert list((rig.work / "objects").glob("[0-9a-f][0-9a-f]")) == []


def test_many_heads_arrive_when_they_are_fetched_at_once(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    oids = []
    for number in range(8):
        rig.run(path, "reset", "-q", "--hard", base)
        oids.append(rig.commit(path, {f"f{number}": "x"}))
    errors: list[BaseException] = []

    def fetch(oid: str) -> None:
        try:
            git.fetch_head(rig.land, rig.work, oid)
            git.fetch_branch(rig.land, "main")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=fetch, args=(oid,)) for oid in [*oids, *oids]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert all(git.is_pinned(rig.land, oid) for oid in oids)


def into_checkout(rig) -> tuple[Path, str]:
    """Make the person's checkout, without a remote of its own, the rig's remote."""
    rig.run(rig.person, "remote", "remove", "origin")
    base = git.create_land(rig.land, str(rig.person), "main")
    git.create_work(rig.work, rig.land, "main")
    return rig.person, base


def land_one(rig, base: str, name: str = "toast") -> git.PushOutcome:
    head = rig.head(base, {"new.txt": "new\n", "README": f"by {name}\n"}, name=name)
    support = git.try_push(rig.land, "main")
    fence = git.read_fence(rig.land)
    return git.push_landing(
        rig.land, git.Landing("main", base, head, f"fence {name}\n", fence.oid if fence else None, support)
    )


def test_the_files_follow_when_landing_into_a_clean_checkout(rig) -> None:
    person, base = into_checkout(rig)
    (person / "mine").write_text("untracked")
    assert land_one(rig, base).kind is Pushed.LANDED
    assert (person / "new.txt").read_text() == "new\n"
    assert rig.run(person, "status", "--porcelain") == "?? mine"


@pytest.mark.parametrize("how", ["changed", "staged", "in the way"])
def test_nothing_of_the_users_is_lost_when_the_checkout_is_not_clean(rig, how: str) -> None:
    person, base = into_checkout(rig)
    mine = person / ("new.txt" if how == "in the way" else "README")
    mine.write_text("mine\n")
    if how == "staged":
        rig.run(person, "add", "README")
    before = rig.run(person, "status", "--porcelain")
    outcome = land_one(rig, base)
    assert outcome.kind is Pushed.REFUSED
    assert outcome.reason
    assert mine.read_text() == "mine\n"
    assert rig.run(person, "status", "--porcelain") == before
    assert rig.run(person, "rev-parse", "main") == base


def test_files_stay_when_the_checkout_has_another_branch(rig) -> None:
    person, base = into_checkout(rig)
    rig.run(person, "checkout", "-q", "-b", "topic")
    (person / "README").write_text("mine\n")
    assert land_one(rig, base).kind is Pushed.LANDED
    assert (person / "README").read_text() == "mine\n"
    assert rig.run(person, "rev-parse", "main") != base


def test_a_checkout_stays_clean_when_landings_race_for_it(rig) -> None:
    person, base = into_checkout(rig)
    git.try_push(rig.land, "main")
    fence = git.read_fence(rig.land)
    assert fence is not None
    heads = [rig.head(base, {f"f{n}": "x", "README": f"{n}\n"}, name=f"a{n}") for n in range(6)]
    support = git.PushSupport(atomic=True, fence_refs=True)
    kinds: list[Pushed] = []
    start = threading.Barrier(len(heads))

    def race(number: int) -> None:
        start.wait()
        landing = git.Landing("main", base, heads[number], f"fence {number}\n", fence.oid, support)
        kinds.append(git.push_landing(rig.land, landing).kind)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(len(heads))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kinds.count(Pushed.LANDED) == 1
    assert rig.run(person, "status", "--porcelain") == ""
