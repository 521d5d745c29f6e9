"""What people name when they add a rig, and what may be landed into."""

from pathlib import Path

import pytest

from gastown import git
from gastown.git.errors import BadRemoteUrl, NotARepository


def test_a_url_is_taken_as_it_is(tmp_path: Path) -> None:
    for url in ("https://example.com/x.git", "git@example.com:x/y.git"):
        assert git.resolve_source(url, cwd=tmp_path) == git.Source(url, None, None)


def test_a_bare_repository_is_taken_as_it_is(rig) -> None:
    assert git.resolve_source("remote.git", cwd=rig.root) == git.Source(str(rig.remote), None, None)
    assert git.resolve_source(f"file://{rig.remote}", cwd=rig.root).checkout is None


def test_a_checkout_stands_for_its_origin(rig) -> None:
    for named in (str(rig.person), "person", "person/.git", "./person/"):
        assert git.resolve_source(named, cwd=rig.root) == git.Source(str(rig.remote), None, rig.person)


def test_the_origin_is_found_when_its_address_is_relative_or_shortened(rig) -> None:
    rig.run(rig.person, "remote", "set-url", "origin", "../remote.git")
    assert git.resolve_source("person", cwd=rig.root).url == str(rig.remote)
    rig.run(rig.person, "config", "url.https://example.com/.insteadOf", "ex:")
    rig.run(rig.person, "remote", "set-url", "origin", "ex:team/x")
    assert git.resolve_source("person", cwd=rig.root).url == "https://example.com/team/x"


def test_a_checkout_without_origin_is_itself_the_remote(rig) -> None:
    rig.run(rig.person, "remote", "remove", "origin")
    assert git.resolve_source("person", cwd=rig.root) == git.Source(str(rig.person), rig.person, None)


def test_a_clone_of_a_checkout_lands_into_that_checkout(rig) -> None:
    rig.run(rig.root, "clone", "-q", "person", "clone")
    assert git.resolve_source("clone", cwd=rig.root) == git.Source(str(rig.person), rig.person, rig.root / "clone")


def test_a_linked_worktree_is_a_checkout_too(rig) -> None:
    rig.run(rig.person, "worktree", "add", "-q", "../linked", "-b", "topic")
    assert git.resolve_source("linked", cwd=rig.root).url == str(rig.remote)
    rig.run(rig.person, "remote", "remove", "origin")
    assert git.resolve_source("linked", cwd=rig.root).checkout == rig.root / "linked"


@pytest.mark.parametrize(
    "named", ["nothing", "/nothing", "~/x", "plain", "person/src", "", "x" * 5000, "file:///nothing2"]
)
def test_what_is_no_repository_is_refused(rig, named: str) -> None:
    (rig.root / "plain").mkdir()
    with pytest.raises((NotARepository, BadRemoteUrl)) as caught:
        git.probe(git.resolve_source(named, cwd=rig.root).url, "main")
    assert caught.value.hint


@pytest.mark.parametrize("named", ["ext::sh", "-u", "--upload-pack=x", "a\0b", "nix::x"])
def test_a_dangerous_name_is_refused(rig, named: str) -> None:
    with pytest.raises((NotARepository, BadRemoteUrl)):
        git.resolve_source(named, cwd=rig.root)


def test_a_dangerous_origin_is_refused(rig) -> None:
    rig.run(rig.person, "config", "remote.origin.url", f"ext::touch {rig.root}/evil")
    with pytest.raises(BadRemoteUrl):
        git.resolve_source("person", cwd=rig.root)
    assert not (rig.root / "evil").exists()


def test_a_checkout_accepts_landings_when_the_branch_is_free_or_its_tree_is_clean(rig) -> None:
    assert git.checkout_accepts(rig.person, "main").accepted
    assert git.checkout_accepts(rig.person, "other").accepted
    (rig.person / "untracked").write_text("x")
    assert git.checkout_accepts(rig.person, "main").accepted
    (rig.person / "README").write_text("mine")
    refused = git.checkout_accepts(rig.person, "main")
    assert not refused.accepted
    assert str(rig.person) in refused.reason
    rig.run(rig.person, "checkout", "-q", "-b", "topic")
    assert git.checkout_accepts(rig.person, "main").accepted


def test_a_checkout_refuses_when_the_branch_is_dirty_in_a_linked_worktree(rig) -> None:
    rig.run(rig.person, "checkout", "-q", "-b", "topic")
    rig.run(rig.person, "worktree", "add", "-q", "../linked", "main")
    (rig.root / "linked" / "README").write_text("mine")
    assert not git.checkout_accepts(rig.person, "main").accepted
