"""Save before stop: commit what a session leaves behind to its own branch, without asking its worktree's leave."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from gastown.git import history, layout
from gastown.git.disk import on_disk
from gastown.git.errors import GitFailed
from gastown.git.merge import Draft, Person, commit_tree
from gastown.git.names import check_branch_name
from gastown.git.run import Options, Place, git
from gastown.git.worktree import place_of

_GITLINK = "160000"
_LONGEST_S = 300.0
_SCRATCH = "gastown-save-"


@dataclass(frozen=True)
class Saved:
    """Where the work of a session is safe now."""

    oid: str
    """The commit that the branch names."""
    new: bool
    """Whether a commit had to be made."""
    left_out: tuple[str, ...]
    """Paths that git could not take (unreadable, or repositories inside the worktree): while there are any, keep it."""


@dataclass(frozen=True)
class Keeper:
    """Who saves, when, and with what words."""

    message: str
    person: Person
    when: datetime


@on_disk
def save_work(work: Path, path: Path, branch: str, keeper: Keeper) -> Saved:
    """Commit all that is in the worktree and not ignored, new files too, on top of its head, and put `branch` there.

    Works from a copy of the index, so that a lock or a half-done merge of the agent does not stop it; nothing that the
    branch held gets lost, also when a rebase had left it behind. Raises `WorktreeBroken` or `GitFailed`.
    """
    place = place_of(work, path, branch=branch)
    view = layout.view_of(work)
    ref = f"refs/heads/{check_branch_name(branch)}"
    admin = place.git_dir or path
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=view) as folder:
        index = Path(folder, "index")
        took = _take(place, view, index, ref)
        if len(took.parents) == 1 and history.tree_of(view, took.parents[0]) == took.tree:
            oid, new = took.parents[0], False
        else:
            oid, new = _commit(view, took, keeper), True
        if oid != took.tip:
            git(place, "update-ref", "-m", "saved", ref, oid, took.tip or "0" * len(oid))
        if new and not took.left_out:
            _adopt_index(admin, index, on_branch=_reads(admin / "HEAD") == f"ref: {ref}")
    return Saved(oid, new, took.left_out)


@on_disk
def snapshot_work(work: Path, path: Path, branch: str, keeper: Keeper, *, ref: str) -> Saved:
    """Commit all that is in the worktree while its agent works on, and keep that under `ref`.

    The same commit that `save_work` would make, but nothing of the agent's is touched: neither its branch nor its head,
    index or locks. What has not changed since the last time makes no new commit. Raises as `save_work` does.
    """
    place = place_of(work, path, branch=branch)
    view = layout.view_of(work)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=view) as folder:
        took = _take(place, view, Path(folder, "index"), f"refs/heads/{check_branch_name(branch)}")
    last = _commit_at(Place(view), ref)
    known = [*took.parents, last] if len(took.parents) == 1 else [last]
    oid = next((oid for oid in known if oid and _is_same(view, oid, took)), None)
    new = oid is None
    oid = oid or _commit(view, took, keeper)
    if oid != last:
        git(Place(view), "update-ref", ref, oid, last or "0" * len(oid))
    return Saved(oid, new, took.left_out)


def list_snapshots(work: Path, under: str) -> list[int]:
    """The numbers under which snapshots are kept."""
    names = git(Place(layout.view_of(work)), "for-each-ref", "--format=%(refname)", f"{under}/").stdout.split()
    return sorted(int(number) for name in names if (number := name.rpartition("/")[2]).isdigit())


def drop_snapshot(work: Path, ref: str) -> None:
    """Let go of a snapshot whose work is safe elsewhere; none there is fine."""
    git(Place(layout.view_of(work)), "update-ref", "-d", ref)


@dataclass(frozen=True)
class _Taken:
    """A worktree's content, as a tree, and the commits that it is built on."""

    tree: str
    parents: tuple[str, ...]
    tip: str | None
    left_out: tuple[str, ...]


def _take(place: Place, view: Path, index: Path, ref: str) -> _Taken:
    """Write the worktree's tree from a copy of its index, which becomes `index`."""
    scratch = replace(place, index=index)
    head, tip = _commit_at(place, "HEAD"), _commit_at(place, ref)
    own = (place.git_dir or view) / "index"
    if _is_whole(own):
        shutil.copy2(own, index)
    else:
        git(scratch, "read-tree", head or "--empty")
    added = git(scratch, "add", "--all", "--ignore-errors", options=Options(expect=(0, 1), timeout_s=_LONGEST_S))
    tree = git(scratch, "write-tree").line
    left_out = _left_out(scratch, view, head, tree, complete=added.code == 0)
    return _Taken(tree, tuple(dict.fromkeys(oid for oid in (head, tip) if oid)), tip, left_out)


def _commit(view: Path, took: _Taken, keeper: Keeper) -> str:
    return commit_tree(view, Draft(took.tree, took.parents, keeper.message, keeper.person, keeper.person, keeper.when))


def _is_same(view: Path, oid: str, took: _Taken) -> bool:
    """Whether the commit holds just what was taken: the tree, on these parents or as the only one of them."""
    tree, *parents = git(view, "rev-parse", f"{oid}^{{tree}}", f"{oid}^@").stdout.split()
    return tree == took.tree and (tuple(parents) == took.parents or took.parents == (oid,))


def _is_whole(index: Path) -> bool:
    """Whether the index is there and undamaged. git does not look, and writes an empty tree from a cut-off one."""
    try:
        content = index.read_bytes()
    except FileNotFoundError:
        return False
    for digest in (hashlib.sha1, hashlib.sha256):
        size = digest().digest_size
        end = content[-size:]
        if len(content) > size + 12 and end in {digest(content[:-size]).digest(), bytes(size)}:
            return True
    return False


def _commit_at(place: Place, name: str) -> str | None:
    result = git(place, "rev-parse", "--quiet", "--verify", f"{name}^{{commit}}", options=Options(expect=None))
    return result.line if result.code == 0 else None


def _reads(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _left_out(scratch: Place, view: Path, head: str | None, tree: str, *, complete: bool) -> tuple[str, ...]:
    """What the saved tree lacks: files that could not be added, and repositories of which it has only a name."""
    missed: list[str] = []
    if not complete:
        status = git(scratch, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames")
        missed = [part[3:] for part in status.fields if part[1] != " "]
    before = history.tree_of(view, head) if head else git(view, "mktree", options=Options(input="")).line
    entries = git(view, "diff-tree", "-r", "-z", "--raw", "--no-renames", before, tree).fields
    described = zip(entries[::2], entries[1::2], strict=True)  # ":mode mode id id letter", then the path
    nested = [name for entry, name in described if entry.split(" ")[1] == _GITLINK]
    return tuple(sorted({*missed, *nested}))


def _adopt_index(admin: Path, index: Path, *, on_branch: bool) -> None:
    """Let the worktree's own index follow its branch, unless another git has it in hand; resumed, it is clean."""
    if not on_branch:
        return
    lock = admin / "index.lock"
    with contextlib.suppress(FileExistsError, GitFailed):
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        shutil.copy2(index, lock)
        lock.rename(admin / "index")
