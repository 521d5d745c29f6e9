"""What git is never given: addresses that run commands, names that are options, ids that delete."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gastown import git
from gastown.git.errors import BadBranchName, BadObjectId, BadRemoteUrl
from gastown.git.merge import Draft, Person, _ident, _message
from gastown.git.run import redact


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a/b.git",
        "http://localhost:8080/b",
        "ssh://me@example.com:2222/~/b.git",
        "git://example.com/b",
        "git@example.com:team/b.git",
        "example.com:b",
        "[::1]:b",
        "file:///srv/b.git",
        "/srv/with space/b",
        "https://me:secret@example.com/b",
    ],
)
def test_an_address_passes_when_git_may_be_given_it(url: str) -> None:
    assert git.check_remote_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ext::sh -c 'touch /tmp/x'",
        "fd::7",
        "ftp://example.com/b",
        "gcrypt::rsync://x",
        "x-y.z::w",
        "EXT::sh",
        "-oProxyCommand=touch x:b",
        "--upload-pack=touch",
        "ssh://-oProxyCommand=x/b",
        "ssh://-x@host/b",
        "-host:b",
        "host:-b",
        "https://",
        "https://[::1/b",
        "https://a/b\nfoo",
        "https://a/b\x00",
        "\x7fhttps://a/b",
        "relative/path",
        "https://a/\ud800",
        "https://a/" + "b" * 2000,
        "javascript://a/b",
    ],
)
def test_an_address_is_refused_when_it_could_run_something_or_means_nothing(url: str) -> None:
    with pytest.raises(BadRemoteUrl) as caught:
        git.check_remote_url(url)
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "name", ["main", "a/b/c", "polecat/toast/gt-a1b2c@3", "é", "x" * 200, "a.b", "@a", "-".join("ab")]
)
def test_a_branch_name_passes_when_git_takes_it(name: str) -> None:
    assert git.check_branch_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-x",
        "--force",
        "a..b",
        "a b",
        "a@{1}",
        "@",
        "HEAD",
        "refs/heads/main",
        ".a",
        "a/.b",
        "a.lock",
        "a.lock/b",
        "a.",
        "/a",
        "a/",
        "a//b",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[b",
        "a\\b",
        "a\n",
        "a\x7f",
        "a\x00b",
        "x" * 201,
        "é" * 101,
        "\ud800",
    ],
)
def test_a_branch_name_is_refused_when_git_or_a_shell_would_take_it_for_something_else(name: str) -> None:
    with pytest.raises(BadBranchName) as caught:
        git.check_branch_name(name)
    assert caught.value.message.isprintable()


@given(st.text(max_size=30))
def test_checks_return_the_text_or_refuse_it_whatever_it_is(text: str) -> None:
    for check in (git.check_branch_name, git.check_remote_url, git.check_oid):
        try:
            answer = check(text)
        except (BadBranchName, BadRemoteUrl, BadObjectId) as error:
            answer = text if error.message.isprintable() else ""
        assert answer == text


@pytest.mark.parametrize(
    "oid", ["", "HEAD", "a" * 39, "a" * 41, "A" * 40, "g" * 40, "0" * 40, "a" * 40 + "\n", "a" * 63]
)
def test_an_object_id_is_refused_when_it_is_not_whole(oid: str) -> None:
    with pytest.raises(BadObjectId):
        git.check_oid(oid)


def test_an_object_id_passes_when_it_is_sha1_or_sha256() -> None:
    assert git.check_oid("a1" * 20) == "a1" * 20
    assert git.check_oid("a1" * 32) == "a1" * 32


def test_a_local_path_is_found_when_the_address_names_this_host() -> None:
    assert git.local_path("/srv/b") == Path("/srv/b")
    assert git.local_path("file:///srv/a%20b") == Path("/srv/a b")
    assert git.local_path("https://example.com/b") is None
    assert git.local_path("host:b") is None


def test_passwords_are_blanked_when_text_holds_addresses() -> None:
    text = "fatal: https://me:secret@example.com/x and ssh://you@h/y"
    assert redact(text) == "fatal: https://***@example.com/x and ssh://***@h/y"


def test_a_message_keeps_its_form_when_text_of_agents_is_hostile() -> None:
    from datetime import UTC, datetime

    somebody = Person("x", "y")
    draft = Draft(
        "t", (), "Title\0\n\nBody\ud800\n", somebody, somebody, datetime.now(UTC), (("Bead", "gt-1\nEvil: yes"),)
    )
    assert _message(draft) == "Title\n\nBody?\n\nBead: gt-1 Evil: yes\n"
    assert _ident("A <b>\nC\0.") == "A bC"
