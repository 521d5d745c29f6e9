"""What a remote says about itself, and how its different kinds of "no" are told apart."""

import shutil
from pathlib import Path

import pytest

from gastown import git
from gastown.git.errors import BadRemoteUrl, BranchMissing, NotARepository, PushForbidden, RemoteUnreachable


def hook(repo: Path, name: str, script: str) -> None:
    """Install a hook in a repository that somebody else runs."""
    path = repo / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_the_head_of_a_branch_is_found(rig) -> None:
    for url in (str(rig.remote), f"file://{rig.remote}"):
        assert git.probe(url, "main") == git.RemoteHead(rig.target(), None)
        assert git.default_branch(url) == "main"


def test_a_missing_branch_names_the_default_one(rig) -> None:
    with pytest.raises(BranchMissing) as caught:
        git.probe(str(rig.remote), "trunk")
    assert "main" in (caught.value.hint or "")
    assert caught.value.exit_code == 4


def test_a_branch_is_missing_when_only_a_longer_ref_ends_like_it(rig) -> None:
    rig.run(rig.remote, "update-ref", "refs/other/refs/heads/trunk", rig.target())
    with pytest.raises(BranchMissing):
        git.probe(str(rig.remote), "trunk")


def test_an_empty_repository_has_no_branch(rig) -> None:
    rig.run(rig.root, "init", "-q", "--bare", "empty.git")
    with pytest.raises(BranchMissing):
        git.probe(str(rig.root / "empty.git"), "main")
    with pytest.raises(BranchMissing):
        git.default_branch(str(rig.root / "empty.git"))


def test_a_path_without_a_repository_is_not_found(rig, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    for path in (tmp_path / "plain", tmp_path / "nothing"):
        with pytest.raises(NotARepository):
            git.probe(str(path), "main")


def test_a_distant_remote_that_does_not_answer_may_be_tried_again(rig) -> None:
    with pytest.raises(RemoteUnreachable) as caught:
        git.probe("http://me:secret@127.0.0.1:1/x", "main")
    assert caught.value.retryable
    assert "secret" not in caught.value.message
    assert caught.value.hint


def test_a_dangerous_address_is_refused_before_git_sees_it(rig, tmp_path: Path) -> None:
    for ask in (
        lambda url: git.probe(url, "main"),
        git.default_branch,
        lambda url: git.create_land(rig.land, url, "main"),
    ):
        with pytest.raises(BadRemoteUrl):
            ask(f"ext::touch {tmp_path}/evil")
    assert not (tmp_path / "evil").exists()
    assert not rig.land.exists()


def test_only_existing_refs_are_listed(rig) -> None:
    rig.make()
    assert git.ls(rig.land, ("refs/heads/main", "refs/heads/none")) == {"refs/heads/main": rig.target()}


def test_everything_is_supported_when_a_plain_remote_is_tried(rig) -> None:
    rig.make()
    before = rig.target()
    assert git.try_push(rig.land, "main") == git.PushSupport(atomic=True, fence_refs=True)
    fence = git.ls(rig.land, (git.FENCE_REF,))
    assert git.try_push(rig.land, "main") == git.PushSupport(atomic=True, fence_refs=True)
    assert git.ls(rig.land, (git.FENCE_REF,)) == fence
    assert rig.target() == before


def test_missing_support_is_found_when_the_remote_takes_no_custom_refs(rig) -> None:
    rig.make()
    hook(rig.remote, "update", "case $1 in refs/heads/*) ;; *) echo only branches >&2; exit 1;; esac")
    assert git.try_push(rig.land, "main") == git.PushSupport(atomic=True, fence_refs=False)


def test_missing_support_is_found_when_the_remote_takes_no_atomic_pushes(rig) -> None:
    rig.make()
    rig.run(rig.remote, "config", "receive.advertiseAtomic", "false")
    assert git.try_push(rig.land, "main") == git.PushSupport(atomic=False, fence_refs=True)


def test_a_remote_that_may_only_be_read_is_refused(rig) -> None:
    rig.make()
    rig.run(rig.remote, "config", "core.repositoryFormatVersion", "1")
    rig.run(rig.remote, "config", "uploadpack.hideRefs", "refs/none")
    # a receive-pack that ends at once is what a read-only deploy key meets
    home = Path.home() / ".gitconfig"
    home.write_text(home.read_text() + '[remote "origin"]\n\treceivepack = false\n')
    with pytest.raises(PushForbidden) as caught:
        git.try_push(rig.land, "main")
    assert caught.value.exit_code == 3


def test_a_remote_that_went_away_forbids_nothing(rig) -> None:
    rig.make()
    shutil.move(rig.remote, rig.root / "moved.git")
    with pytest.raises((RemoteUnreachable, NotARepository)):
        git.try_push(rig.land, "main")
