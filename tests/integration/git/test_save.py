"""Save before stop: whatever state a session leaves its worktree in, its work ends up on its branch."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gastown import git
from gastown.git.errors import WorktreeBroken

BRANCH = "polecat/toast/gt-1@1"
KEEPER = git.Keeper("Save", git.Person("Witness", "w@example.com"), datetime(2026, 1, 2, tzinfo=UTC))


def save(rig, path: Path) -> git.Saved:
    return git.save_work(rig.work, path, BRANCH, KEEPER)


def files(rig, oid: str) -> dict[str, str]:
    names = rig.run(rig.work, "ls-tree", "-r", "-z", "--name-only", oid).split("\0")[:-1]
    return {name: rig.run(rig.work, "show", f"{oid}:{name}") for name in names}


def test_everything_but_ignored_files_is_saved(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    (path / "new dir").mkdir()
    (path / "new dir" / "untracked\nfile").write_text("x")
    (path / "README").write_text("changed")
    (path / "src" / "a.txt").unlink()
    (path / "staged").write_text("s")
    rig.run(path, "add", "staged")
    (path / "x.log").write_text("ignored")
    saved = save(rig, path)
    assert (saved.new, saved.left_out) == (True, ())
    assert files(rig, saved.oid) == {
        ".gitignore": "*.log\ncache/",
        "README": "changed",
        "new dir/untracked\nfile": "x",
        "staged": "s",
    }
    assert rig.run(rig.work, "rev-parse", BRANCH, f"{BRANCH}^").split() == [saved.oid, base]
    assert git.is_clean(rig.work, path)
    assert (path / "README").read_text() == "changed"
    assert (path / "x.log").exists()


def test_nothing_is_committed_when_there_is_nothing_to_save(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    oid = rig.commit(path, {"x": "1"})
    assert save(rig, path) == git.Saved(oid, False, ())


def test_work_is_saved_when_a_killed_git_left_its_lock(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    (path / "new").write_text("x")
    lock = rig.work / "worktrees" / "toast" / "index.lock"
    lock.write_text("")
    assert "new" in files(rig, save(rig, path).oid)
    assert lock.read_text() == ""


@pytest.mark.parametrize("damage", ["truncated", "empty", "gone"])
def test_work_is_saved_when_the_index_is_damaged(rig, damage: str) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    (path / "new").write_text("x")
    index = rig.work / "worktrees" / "toast" / "index"
    if damage == "gone":
        index.unlink()
    else:
        index.write_bytes(index.read_bytes()[: 40 if damage == "truncated" else 0])
    assert set(files(rig, save(rig, path).oid)) == {".gitignore", "README", "new", "src/a.txt"}


@pytest.mark.parametrize("verb", ["merge", "rebase"])
def test_work_is_saved_in_the_middle_of_a_conflict(rig, verb: str) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    mine = rig.commit(path, {"README": "mine\n"})
    rig.run(path, "checkout", "-q", "-b", "side", base)
    theirs = rig.commit(path, {"README": "theirs\n"})
    rig.run(path, "checkout", "-q", BRANCH)
    rig.run(path, verb, theirs, check=False)
    saved = save(rig, path)
    assert "<<<<<<<" in files(rig, saved.oid)["README"]
    view = git.view_of(rig.work)
    assert git.is_ancestor(view, mine, saved.oid)
    assert rig.run(rig.work, "rev-parse", BRANCH) == saved.oid


def test_commits_on_no_branch_are_saved(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    rig.run(path, "checkout", "-q", "--detach")
    loose = rig.commit(path, {"x": "1"})
    saved = save(rig, path)
    assert rig.run(rig.work, "merge-base", loose, BRANCH) == loose
    assert saved.oid == rig.run(rig.work, "rev-parse", BRANCH)


def test_a_repository_inside_is_reported_as_left_out(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    (path / "new").write_text("x")
    for name in ("full", "empty"):
        rig.run(path, "init", "-q", name)
        (path / name / "inside").write_text("x")
    rig.run(path / "full", "add", "-A")
    rig.run(path / "full", "commit", "-qm", "inside")
    saved = save(rig, path)
    assert "new" in rig.run(rig.work, "ls-tree", "--name-only", saved.oid).split()
    assert [name.rstrip("/") for name in saved.left_out] == ["empty", "full"]


def test_nothing_an_agent_configured_runs_while_its_work_is_saved(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    evil = rig.root / "evil"
    rig.run(path, "config", "filter.evil.clean", f"touch {evil};cat")
    rig.run(path, "config", "core.fsmonitor", f"touch {evil};")
    for name in ("pre-commit", "reference-transaction"):
        hook = rig.work / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {evil}\n")
        hook.chmod(0o755)
    (path / ".gitattributes").write_text("* filter=evil\n")
    evil.unlink(missing_ok=True)
    assert save(rig, path).new
    assert not evil.exists()


def test_a_folder_that_is_no_worktree_cannot_be_saved(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    (path / ".git").unlink()
    with pytest.raises(WorktreeBroken):
        save(rig, path)


REF = "refs/gastown/saved/7"


def snapshot(rig, path: Path) -> git.Saved:
    return git.snapshot_work(rig.work, path, BRANCH, KEEPER, ref=REF)


def look_of(rig, path: Path) -> tuple[str, ...]:
    """All that an agent could notice: branch, head, index, status, and what is on disk."""
    admin = rig.work / "worktrees" / path.name
    index = (admin / "index").read_bytes().hex()
    names = sorted(str(found) for found in admin.rglob("*"))
    status = rig.run(path, "status", "--porcelain=v1", "--branch")
    return (rig.run(path, "rev-parse", BRANCH), (admin / "HEAD").read_text(), index, status, *names)


def test_a_snapshot_holds_everything_and_the_agent_notices_nothing(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    (path / "README").write_text("changed")
    (path / "new").write_text("x")
    rig.run(path, "add", "new")
    (path / "loose").write_text("y")
    before = look_of(rig, path)

    saved = snapshot(rig, path)

    assert look_of(rig, path) == before
    assert files(rig, saved.oid).items() >= {"README": "changed", "new": "x", "loose": "y"}.items()
    assert rig.run(rig.work, "rev-parse", REF, f"{saved.oid}^").split() == [saved.oid, base]


def test_a_snapshot_makes_no_commit_when_nothing_changed_since_the_last(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    assert snapshot(rig, path) == git.Saved(base, False, ())
    (path / "new").write_text("x")
    first = snapshot(rig, path)
    assert (first.new, snapshot(rig, path)) == (True, git.Saved(first.oid, False, ()))
    own = rig.commit(path, {"new": "x"})
    assert snapshot(rig, path) == git.Saved(own, False, ())
    assert rig.run(rig.work, "rev-parse", REF).strip() == own


def test_a_snapshot_is_taken_while_the_agent_holds_its_locks_and_is_in_a_conflict(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    rig.commit(path, {"README": "mine\n"})
    rig.run(path, "checkout", "-q", "-b", "side", base)
    theirs = rig.commit(path, {"README": "theirs\n"})
    rig.run(path, "checkout", "-q", BRANCH)
    rig.run(path, "merge", theirs, check=False)
    lock = rig.work / "worktrees" / "toast" / "index.lock"
    lock.write_text("")
    (rig.work / "refs" / "heads" / f"{BRANCH}.lock").write_text("")

    saved = snapshot(rig, path)

    assert "<<<<<<<" in files(rig, saved.oid)["README"]
    assert lock.read_text() == ""


def test_a_successor_starts_from_a_snapshot_with_a_clean_worktree(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    (path / "new").write_text("x")
    saved = snapshot(rig, path)

    fresh = rig.path("nux")
    git.prepare_worktree(rig.work, fresh, "polecat/nux/gt-1@2", saved.oid)

    assert (fresh / "new").read_text() == "x"
    assert git.is_clean(rig.work, fresh)


@pytest.mark.parametrize("take", [save, snapshot])
def test_nothing_is_taken_from_a_worktree_that_another_attempt_has_by_now(rig, take) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    git.prepare_worktree(rig.work, path, "polecat/toast/gt-2@1", base)
    (path / "theirs").write_text("x")
    refs = rig.run(rig.work, "for-each-ref")

    with pytest.raises(git.WorktreeTaken):
        take(rig, path)

    assert rig.run(rig.work, "for-each-ref") == refs
