"""The door itself: time-outs end everything they started, and nobody's environment steers a command."""

import os
import time
from pathlib import Path

import pytest

from gastown import git
from gastown.git.errors import GitFailed, GitNotInstalled, GitTimedOut, RepositoryBusy
from gastown.git.locks import exclusive, remove_stale_locks
from gastown.git.run import NOWHERE


def _wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        time.sleep(0.01)
    pytest.fail(f"process {pid} still lives")


def test_the_whole_process_group_ends_when_a_command_takes_too_long(tmp_path: Path) -> None:
    script = (
        f"!trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > {tmp_path}/pid; while :; do sleep 1; done' & wait; sleep 60"
    )
    began = time.monotonic()
    with pytest.raises(GitTimedOut) as caught:
        git.git(NOWHERE, "nap", options=git.Options(settings={"alias.nap": script}, timeout_s=0.5))
    assert caught.value.retryable
    assert time.monotonic() - began < 8
    _wait_until_gone(int((tmp_path / "pid").read_text()))


def test_an_answer_comes_at_once_when_a_child_keeps_the_error_stream_open(tmp_path: Path) -> None:
    script = f"!sleep 30 >/dev/null & echo $! > {tmp_path}/pid; echo done"
    began = time.monotonic()
    assert git.git(NOWHERE, "nap", options=git.Options(settings={"alias.nap": script}, timeout_s=20)).line == "done"
    assert time.monotonic() - began < 5
    os.kill(int((tmp_path / "pid").read_text()), 9)


def test_the_callers_git_variables_are_not_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "/evil")
    for as_user in (True, False):
        seen = git.git(NOWHERE, "var", "-l", options=git.Options(as_user=as_user, expect=None)).stdout
        assert "evil" not in seen
        assert "core.hookspath=/dev/null" in seen


def test_the_users_configuration_is_read_only_by_calls_made_as_the_user(tmp_path: Path) -> None:
    def name(*, as_user: bool) -> str:
        return git.git(NOWHERE, "config", "user.name", options=git.Options(as_user=as_user, expect=(0, 1))).line

    assert name(as_user=True) == "Home"
    assert name(as_user=False) == ""


@pytest.mark.parametrize("as_user", [True, False])
def test_a_foreign_transport_is_refused_even_when_the_user_allows_it(tmp_path: Path, as_user: bool) -> None:
    with (Path.home() / ".gitconfig").open("a") as config:
        config.write(
            f'[protocol "ext"]\n\tallow = always\n[url "ext::touch {tmp_path}/evil "]\n\tinsteadOf = "nice:"\n'
        )
    for url in (f"ext::touch {tmp_path}/evil", "nice:x"):
        result = git.git(NOWHERE, "ls-remote", url, options=git.Options(as_user=as_user, expect=None))
        assert result.code != 0
    assert not (tmp_path / "evil").exists()


def test_an_unexpected_exit_is_an_error_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(GitFailed) as caught:
        git.git(NOWHERE, "ls-remote", "https://me:secret@127.0.0.1:1/x", options=git.Options(as_user=True))
    assert "secret" not in caught.value.message
    assert caught.value.retryable


def test_a_missing_git_is_said_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitNotInstalled):
        git.git(NOWHERE, "version")


def test_the_version_is_read() -> None:
    assert git.version() >= (2, 38)


def test_bytes_that_are_no_text_are_shown_when_a_command_prints_them(rig) -> None:
    name = os.fsencode(rig.person) + b"/caf\xe9"
    with open(name, "w") as file:
        file.write("x")
    listed = git.git(git.Place(rig.person / ".git", work_tree=rig.person), "ls-files", "-o", "-z").fields
    assert listed == ["caf\\xe9"]


def test_a_lock_keeps_others_out_until_it_is_let_go(tmp_path: Path) -> None:
    with exclusive(tmp_path / "lock"), pytest.raises(RepositoryBusy), exclusive(tmp_path / "lock", timeout_s=0.05):
        pass
    with exclusive(tmp_path / "lock", timeout_s=0.05):
        pass


def test_only_old_lock_files_go_when_stale_ones_are_removed(rig) -> None:
    repo = rig.remote
    old, young = repo / "refs" / "heads" / "main.lock", repo / "packed-refs.lock"
    for path in (old, young, repo / "gastown.fetch.flock"):
        path.write_text("")
        os.utime(path, (1, 1))
    os.utime(young)
    assert remove_stale_locks(repo, older_than_s=60) == [old]
    assert young.exists()
    assert (repo / "gastown.fetch.flock").exists()
    assert remove_stale_locks(repo, older_than_s=60) == []
