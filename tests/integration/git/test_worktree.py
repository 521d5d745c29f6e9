"""Agents' worktrees: warm when they may be, refused when they may not, and never trusted."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gastown import git
from gastown.git.errors import BadBranchName, BranchTaken, ObjectMissing, WorktreeBroken, WorkUnsaved


def test_an_agent_finds_a_plain_git_worktree(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    assert rig.run(path, "status", "--porcelain", "--branch") == "## polecat/toast/gt-1@1"
    assert (path / "README").read_text() == "hello\n"
    assert rig.run(path, "rev-parse", "origin/main", "HEAD").split() == [base, base]
    assert rig.run(path, "rev-parse", "--git-common-dir") == str(rig.work)
    assert str(path) in rig.run(rig.work, "worktree", "list")
    rig.run(rig.work, "worktree", "prune")
    rig.run(path, "fsck")
    assert git.state(rig.work, path) == git.TreeState(base, "polecat/toast/gt-1@1", (), (), False)


def test_an_agents_push_and_fetch_go_nowhere(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    oid = rig.commit(path, {"x": "1"})
    rig.run(path, "push", "-q", "origin", "HEAD")
    rig.run(path, "fetch", "-q", "--prune", "origin")
    assert rig.run(path, "rev-parse", "origin/main") == base
    assert rig.target() == base
    assert rig.run(path, "rev-parse", "polecat/toast/gt-1@1") == oid
    assert str(rig.remote) not in (rig.work / "config").read_text()


def test_making_work_again_changes_nothing(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    rig.run(path, "config", "user.name", "Agent")
    git.create_work(rig.work, rig.land, "main")
    assert rig.run(path, "config", "user.name") == "Agent"


def test_work_is_made_when_an_earlier_attempt_was_killed_half_way(rig) -> None:
    git.create_land(rig.land, str(rig.remote), "main")
    (rig.work.with_name(".work.git.new") / "objects").mkdir(parents=True)
    git.create_work(rig.work, rig.land, "main")
    git.view_of(rig.work).rename(rig.root / "gone.view")
    git.create_work(rig.work, rig.land, "main")
    rig.agent("toast", rig.target())


def test_the_target_is_up_to_date_when_work_is_updated(rig) -> None:
    rig.make()
    path = rig.agent("toast", rig.target())
    new = rig.person_pushes({"x": "1"})
    assert git.fetch_branch(rig.land, "main") == new
    assert git.update_work(rig.work, rig.land, "main") == new
    assert rig.run(path, "rev-parse", "origin/main") == new


def test_no_trace_is_left_when_a_worktree_is_used_again(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    rig.commit(path, {"mine": "1", "README": "mine\n"})
    (path / "src" / "a.txt").write_text("changed")
    (path / "untracked").write_text("x")
    (path / "cache").mkdir()
    (path / "cache" / "x").write_text("x")
    rig.run(path, "init", "-q", "nested")
    (rig.work / "worktrees" / "toast" / "config.worktree").write_text("[core]\n\tsparseCheckout = true\n")
    rig.run(path, "update-index", "--assume-unchanged", "src/a.txt")
    git.prepare_worktree(rig.work, path, "polecat/toast/gt-2@1", base)
    assert sorted(os.listdir(path)) == [".git", ".gitignore", "README", "src"]
    assert (path / "src" / "a.txt").read_text() == "1\n2\n3\n"
    assert rig.run(path, "status", "--porcelain", "--ignored") == ""
    assert rig.run(path, "rev-parse", "HEAD", "polecat/toast/gt-2@1").split() == [base, base]
    assert rig.run(path, "ls-files", "-v").split()[::2] == ["H", "H", "H"]


def test_ignored_files_stay_when_a_rig_wants_that(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    (path / "cache").mkdir()
    (path / "cache" / "x").write_text("x")
    (path / "untracked").write_text("x")
    git.prepare_worktree(rig.work, path, "polecat/toast/gt-2@1", base, keep_ignored=True)
    assert (path / "cache" / "x").exists()
    assert not (path / "untracked").exists()


@pytest.mark.parametrize("verb", ["merge", "rebase", "cherry-pick"])
def test_a_half_done_merge_is_forgotten_when_a_worktree_is_used_again(rig, verb: str) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    theirs = rig.commit(path, {"README": "theirs\n"})
    rig.run(path, "checkout", "-q", "-b", "side", base)
    rig.commit(path, {"README": "ours\n"})
    rig.run(path, verb, theirs, check=False)
    assert git.state(rig.work, path).unfinished
    assert not git.is_clean(rig.work, path)
    git.prepare_worktree(rig.work, path, "polecat/toast/gt-2@1", base)
    assert git.is_clean(rig.work, path)
    assert "rebas" not in rig.run(path, "status")


def test_a_branch_goes_on_when_its_work_is_behind_the_start(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    oid = rig.commit(path, {"x": "1"})
    git.prepare_worktree(rig.work, path, "polecat/toast/gt-1@1", oid)
    assert git.head_of(rig.work, path) == oid
    with pytest.raises(BranchTaken):
        git.prepare_worktree(rig.work, path, "polecat/toast/gt-1@1", base)
    assert rig.run(rig.work, "rev-parse", "polecat/toast/gt-1@1") == oid


def test_a_rework_goes_on_from_the_branch_of_another_host(rig) -> None:
    base = rig.make()
    oid = rig.head(base, {"x": "1"})
    git.push_branch(rig.land, "polecat/toast/gt-1@1", oid, expect=None)
    land, work, path = rig.root / "b" / "land.git", rig.root / "b" / "work.git", rig.root / "b" / "nux"
    git.create_land(land, str(rig.remote), "main")
    git.create_work(work, land, "main")
    assert git.fetch_branch(land, "polecat/toast/gt-1@1") == oid
    git.bring_commit(work, land, oid, "polecat/nux/gt-1@2")
    git.prepare_worktree(work, path, "polecat/nux/gt-1@2", oid)
    assert (path / "x").read_text() == "1"


def test_bad_names_are_refused_before_anything_is_made(rig) -> None:
    base = rig.make()
    for branch in ("--orphan", "a b", "a..b", "x" * 300):
        with pytest.raises(BadBranchName):
            git.prepare_worktree(rig.work, rig.path("toast"), branch, base)
    assert not rig.path("toast").exists()


def test_a_missing_start_may_be_tried_again(rig) -> None:
    rig.make()
    with pytest.raises(ObjectMissing):
        git.prepare_worktree(rig.work, rig.path("toast"), "polecat/toast/x@1", "ab" * 20)


@pytest.mark.parametrize("name", ["sp ace", "-dash", "$(touch x)", "quo'te", "new\nline", "é", "x" * 200])
def test_a_worktree_is_made_when_its_path_is_odd(rig, name: str) -> None:
    base = rig.make()
    path = rig.agent("a", base) and rig.path(name)
    git.prepare_worktree(rig.work, path, "polecat/b/gt-1@1", base)
    git.prepare_worktree(rig.work, path, "polecat/b/gt-1@2", base)
    (path / "f").write_text("x")
    assert git.state(rig.work, path).untracked == ("f",)
    git.remove_worktree(rig.work, path, even_unsaved=True)
    assert not path.exists()


def test_two_worktrees_of_one_name_live_side_by_side(rig) -> None:
    base = rig.make()
    paths = [rig.root / folder / "toast" for folder in ("a", "b")]
    for number, path in enumerate(paths):
        git.prepare_worktree(rig.work, path, f"polecat/t{number}/x@1", base)
    git.remove_worktree(rig.work, paths[0])
    assert git.is_clean(rig.work, paths[1])


def test_a_folder_that_is_no_worktree_of_ours_is_refused(rig) -> None:
    base = rig.make()
    plain = rig.path("plain")
    plain.mkdir(parents=True)
    (plain / "work").write_text("precious")
    for path in (plain, rig.person):
        with pytest.raises(WorktreeBroken):
            git.prepare_worktree(rig.work, path, "polecat/x/y@1", base)
        with pytest.raises(WorktreeBroken):
            git.state(rig.work, path)
        with pytest.raises(WorkUnsaved):
            git.remove_worktree(rig.work, path)
    assert (plain / "work").read_text() == "precious"
    with pytest.raises(WorktreeBroken):
        git.state(rig.work, rig.path("nothing"))
    with pytest.raises(WorktreeBroken):
        git.prepare_worktree(rig.work, plain / "work", "polecat/x/y@1", base)


def test_a_disk_that_refuses_us_is_told_in_one_line(rig) -> None:
    base = rig.make()
    file = rig.root / "file"
    file.write_text("")
    calls = (
        lambda: git.create_land(file / "land.git", str(rig.remote), "main"),
        lambda: git.create_work(file / "work.git", rig.land, "main"),
        lambda: git.prepare_worktree(rig.work, file / "toast", "polecat/x/y@1", base),
        lambda: git.checkout_gate(file / "gate", rig.land, base),
    )
    for call in calls:
        with pytest.raises(git.DiskTrouble) as caught:
            call()
        assert str(file) in caught.value.message
        assert caught.value.retryable


def test_a_redirected_git_file_is_not_followed(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    other = rig.agent("other", base)
    evil = rig.root / "evil"
    rig.run(rig.root, "clone", "-q", str(rig.remote), "trap")
    rig.run(rig.root / "trap", "config", "core.fsmonitor", f"touch {evil};")
    for target in (rig.root / "trap" / ".git", rig.work / "worktrees" / "other"):
        (path / ".git").write_text(f"gitdir: {target}\n")
        with pytest.raises(WorktreeBroken):
            git.state(rig.work, path)
    assert not evil.exists()
    assert git.is_clean(rig.work, other)


def test_nothing_an_agent_configured_runs_in_its_worktree(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    evil = rig.root / "evil"
    (path / ".gitattributes").write_text("* filter=evil diff=evil\n")
    rig.run(path, "add", ".gitattributes")
    rig.run(path, "commit", "-qm", "attributes")
    for key in (
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.evil.textconv",
        "diff.external",
    ):
        rig.run(path, "config", key, f"touch {evil};cat")
    rig.run(path, "config", "core.fsmonitor", f"touch {evil};")
    rig.run(path, "config", "core.editor", f"touch {evil};")
    hooks = rig.work / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "reference-transaction", "post-index-change", "pre-commit"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {evil}\n")
        (hooks / name).chmod(0o755)
    rig.run(rig.work, "config", "core.hooksPath", str(hooks))
    (path / "new").write_text("x")
    (path / "README").write_text("changed")
    evil.unlink(missing_ok=True)
    assert git.state(rig.work, path).untracked == ("new",)
    git.prepare_worktree(rig.work, path, "polecat/toast/gt-2@1", base)
    git.remove_worktree(rig.work, path)
    assert not evil.exists()


def test_replaced_objects_deceive_nobody(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    oid = rig.commit(path, {"README": "evil\n"})
    rig.run(path, "replace", base, oid)
    rig.run(path, "reset", "-q", "--hard", base)
    git.prepare_worktree(rig.work, path, "polecat/toast/gt-2@1", base)
    assert (path / "README").read_text() == "hello\n"


def test_changes_are_told_apart_when_a_worktree_is_looked_at(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    (path / "sp ace\nline").write_text("x")
    (path / "src" / "a.txt").unlink()
    (path / "README").write_text("staged")
    rig.run(path, "add", "README")
    (path / "x.log").write_text("ignored")
    rig.run(path, "checkout", "-q", "--detach")
    state = git.state(rig.work, path)
    assert (state.head, state.branch) == (base, None)
    assert state.changed == ("README", "src/a.txt")
    assert state.untracked == ("sp ace\nline",)
    assert not state.is_clean


def test_work_is_not_removed_while_it_is_nowhere_else(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    (path / "new").write_text("x")
    with pytest.raises(WorkUnsaved):
        git.remove_worktree(rig.work, path)
    rig.run(path, "checkout", "-q", "--detach")
    rig.commit(path, {})
    with pytest.raises(WorkUnsaved):
        git.remove_worktree(rig.work, path)
    rig.run(path, "branch", "kept")
    git.remove_worktree(rig.work, path)
    assert not path.exists()
    assert list((rig.work / "worktrees").iterdir()) == []
    git.remove_worktree(rig.work, path)


def test_a_worktree_goes_when_its_agent_locked_folders_and_entry(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    (path / "cache" / "deep").mkdir(parents=True)
    (path / "cache" / "deep" / "x").write_text("x")
    (path / "cache" / "deep").chmod(0o500)
    (path / "cache").chmod(0o500)
    rig.run(rig.work, "worktree", "lock", str(path))
    git.remove_worktree(rig.work, path)
    assert not path.exists()
    assert rig.run(rig.work, "worktree", "list").count("\n") == 0


def test_an_entry_locked_while_git_was_making_it_goes_too(rig) -> None:
    base = rig.make()
    path = rig.path("toast")
    path.parent.mkdir(parents=True, exist_ok=True)
    rig.run(rig.work, "worktree", "add", "-q", "--lock", "--reason", "initializing", "--detach", str(path), base)
    git.layout.remove(path)
    rig.run(rig.work, "worktree", "prune")
    assert len(list((rig.work / "worktrees").iterdir())) == 1
    git.remove_worktree(rig.work, path)
    assert list((rig.work / "worktrees").iterdir()) == []


def test_worktrees_are_made_side_by_side_when_many_ask_at_once(rig) -> None:
    base = rig.make()
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for fence in range(3):
                path = rig.path(f"p{number}") / "toast"
                git.prepare_worktree(rig.work, path, f"polecat/p{number}/x@{fence}", base)
                oid = rig.commit(path, {f"f{number}": "x"})
                git.fetch_head(rig.land, rig.work, oid)
            git.remove_worktree(rig.work, path)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert list((rig.work / "worktrees").iterdir()) == []


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(part) for part in text.split()]


def stop_git_at(lock: Path, script: str, *args: str) -> tuple[subprocess.Popen[bytes], int]:
    """Run Python that runs git, and freeze that git while it holds `lock`; the caller kills both."""
    process = subprocess.Popen([sys.executable, "-c", script, *args], cwd=Path(git.__file__).parents[2])
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        if lock.exists():
            for child in _children(process.pid):
                os.kill(child, signal.SIGSTOP)
                if lock.exists():
                    return process, child
                os.kill(child, signal.SIGCONT)
    process.kill()
    process.wait()
    pytest.fail("git was never seen at work")


def big(rig, count: int = 3000) -> str:
    """Make the target a tree of many files, so that a checkout takes a while."""
    base = rig.make()
    for number in range(30):
        (rig.person / f"d{number}").mkdir()
    for number in range(count):
        (rig.person / f"d{number % 30}" / f"f{number}").write_text(f"{number}\n")
    rig.run(rig.person, "add", "-A")
    rig.run(rig.person, "commit", "-qm", "big")
    rig.run(rig.person, "push", "-q", "origin", "HEAD:main")
    assert git.fetch_branch(rig.land, "main") != base
    return git.update_work(rig.work, rig.land, "main")


PREPARE = """
import sys; from pathlib import Path; from gastown import git
git.prepare_worktree(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4])
"""
GATE = """
import sys; from pathlib import Path; from gastown import git
git.checkout_gate(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
"""


def test_a_worktree_left_by_a_kill_is_refused_and_can_be_removed(rig) -> None:
    head = big(rig)
    path = rig.path("toast")
    lock = rig.work / "worktrees" / "toast" / "index.lock"
    process, child = stop_git_at(lock, PREPARE, str(rig.work), str(path), "polecat/toast/x@1", head)
    os.kill(child, signal.SIGKILL)
    process.kill()
    process.wait()
    assert lock.exists()
    with pytest.raises(WorktreeBroken):
        git.prepare_worktree(rig.work, path, "polecat/toast/x@2", head)
    fresh = rig.path("toast-2")
    git.prepare_worktree(rig.work, fresh, "polecat/toast/x@1", head)
    git.remove_worktree(rig.work, path)
    assert not path.exists()
    assert [entry.name for entry in (rig.work / "worktrees").iterdir()] == ["toast-2"]
    assert git.is_clean(rig.work, fresh)


def test_a_gate_waits_for_an_orphaned_git_and_then_puts_the_slot_right(rig) -> None:
    head = big(rig)
    slot = rig.root / "gates" / "1"
    git.checkout_gate(slot, rig.land, rig.run(rig.land, "rev-parse", f"{head}^"))
    process, child = stop_git_at(slot.with_name("1.git") / "index.lock", GATE, str(slot), str(rig.land), head)
    process.kill()
    process.wait()
    with (
        pytest.raises(git.RepositoryBusy),
        git.exclusive(slot.with_name(".1.flock"), timeout_s=0.2),
    ):
        pass
    os.kill(child, signal.SIGKILL)
    git.checkout_gate(slot, rig.land, head)
    assert rig.run(slot, "status", "--porcelain") == ""
    assert (slot / "d0" / "f0").exists()
