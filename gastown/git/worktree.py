"""`work.git` and the agents' worktrees on it. Nothing an agent wrote there is obeyed: see `layout.make_view`.

Worktrees are made and removed here by hand, by git's documented layout: `git worktree add` takes two more processes,
and killed half-way it leaves an entry locked as "initializing" that no prune removes.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gastown import clock
from gastown.git import history, layout
from gastown.git.disk import on_disk
from gastown.git.errors import BranchTaken, WorktreeBroken, WorktreeTaken, WorkUnsaved
from gastown.git.locks import exclusive
from gastown.git.names import check_branch_name, check_oid
from gastown.git.run import NETWORK_TIMEOUT_S, Options, Place, git
from gastown.git.tidy import tidy_if_crowded

_SNAPSHOT = "index.town"
"""The index as it was when we handed the worktree out: an agent can hide files in its own by flags."""
_OWNER = "gastown.branch"
"""The branch of the attempt that the worktree was prepared for last."""
_KEPT = frozenset({"HEAD", "commondir", "gitdir", "logs", _SNAPSHOT, _OWNER})
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance")
_UNFINISHED = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "BISECT_LOG")


@dataclass(frozen=True)
class TreeState:
    """What a worktree holds, as git sees it without the agent's configuration."""

    head: str | None
    """The commit checked out; None when there is none."""
    branch: str | None
    """The short branch name; None when detached."""
    changed: tuple[str, ...]
    """Tracked files that differ from the head, in the index or on disk."""
    untracked: tuple[str, ...]
    """Files that are neither tracked nor ignored."""
    unfinished: bool
    """A merge, rebase, cherry-pick, revert or bisection is under way."""

    @property
    def is_clean(self) -> bool:
        """Whether everything is committed and nothing is under way."""
        return not (self.changed or self.untracked or self.unfinished)


@on_disk
def create_work(work: Path, land: Path, branch: str) -> None:
    """Make the rig's `work.git` from `land`, sharing its objects by hard links, with the target as `origin/<branch>`.

    Its `origin` is itself, so that an agent's fetch and push go nowhere else. Safe to repeat and to be killed.
    """
    tracking = f"refs/remotes/origin/{check_branch_name(branch)}"
    work.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(work.with_name(f".{work.name}.flock"), timeout_s=NETWORK_TIMEOUT_S):
        if not work.exists():
            half_made = work.with_name(f".{work.name}.new")
            if half_made.exists():
                shutil.rmtree(half_made)
            oid = check_oid(history.ref_value(land, tracking) or "")
            settings = (
                f'[remote "origin"]\n\turl = {layout.quoted(str(work))}\n'
                "\tfetch = +refs/remotes/origin/*:refs/remotes/origin/*\n[push]\n\tdefault = current\n"
            )
            layout.make_bare(half_made, branch, oid=oid, settings=settings)
            layout.link_objects(land / "objects", half_made / "objects")
            git(half_made, "update-ref", tracking, oid)
            git(half_made, "symbolic-ref", "refs/remotes/origin/HEAD", tracking)
            half_made.rename(work)
        if not layout.view_of(work).exists():
            layout.make_view(work)


@on_disk
def update_work(work: Path, land: Path, branch: str) -> str:
    """Bring `origin/<branch>` of `work` to where `land` has it and return that commit; free when it is there."""
    tracking = f"refs/remotes/origin/{check_branch_name(branch)}"
    view = layout.view_of(work)
    oid = check_oid(history.ref_value(land, tracking) or "")
    if history.ref_value(view, tracking) == oid:
        return oid
    with exclusive(view / "gastown.fetch.flock"):
        git(Place(view), *_FETCH, str(land), f"+{oid}:{tracking}", options=_from_land())
    tidy_if_crowded(view)
    return oid


def bring_commit(work: Path, land: Path, oid: str, branch: str) -> None:
    """Make the new branch `branch` in `work` at commit `oid` of `land`, as for a rework begun on another host."""
    ref = f"refs/heads/{check_branch_name(branch)}"
    git(layout.view_of(work), *_FETCH, str(land), f"{check_oid(oid)}:{ref}", options=_from_land())


def _from_land() -> Options:
    return Options(timeout_s=NETWORK_TIMEOUT_S, settings={"protocol.version": "2"})


@on_disk
def prepare_worktree(work: Path, path: Path, branch: str, start: str, *, keep_ignored: bool = False) -> None:
    """Check out a branch at commit `start` in a new worktree at `path`, or in the one that a clean end left there.

    In a used one every trace of the last attempt goes: changes, untracked and (unless `keep_ignored`) ignored files,
    half-done merges, index flags. Raises `WorktreeBroken` where the folder was left by a crash, and `BranchTaken` where
    the branch holds commits that `start` does not.
    """
    check_branch_name(branch)
    check_oid(start)
    fresh = not path.exists() or (path.is_dir() and not any(path.iterdir()))
    admin = _make_entry(work, path, start) if fresh else _entry(work, path)
    (admin / _OWNER).write_text(branch)  # before anything changes there
    if not fresh:
        _reopen(admin, path, start)
    place = _place(work, admin, path)
    _switch(work, place, branch, start)
    if not fresh:
        words = ("clean", "--quiet", "-ffd") if keep_ignored else ("clean", "--quiet", "-ffdx")
        git(place, *words)
    shutil.copy2(admin / "index", admin / _SNAPSHOT)


def _switch(work: Path, place: Place, branch: str, start: str) -> None:
    words = ("checkout", "--quiet", "--force", "--no-track")
    result = git(place, *words, "-b", branch, start, "--", options=Options(expect=None))
    if result.code == 0:
        return
    view = layout.view_of(work)
    tip = history.ref_value(view, f"refs/heads/{branch}")
    if tip is None:
        raise history.fail(view, result, start)
    if tip != start and not history.is_ancestor(view, tip, start):
        raise BranchTaken(f"branch {branch} holds other work", hint="Give the attempt a branch of its own.")
    git(place, *words, "-B", branch, start, "--")


def _make_entry(work: Path, path: Path, start: str) -> Path:
    """Write the two halves of a worktree without files: `path/.git` and its entry in `work`."""
    path.mkdir(parents=True, exist_ok=True)
    worktrees = (work / "worktrees").resolve()
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", path.name) or "worktree"
    for number in range(1000):
        admin = worktrees / (stem if number == 0 else f"{stem}-{number}")
        with contextlib.suppress(FileExistsError):
            admin.mkdir()
            break
    else:
        raise WorktreeBroken(f"{worktrees} is full of entries named {stem}")
    # `.git` first: an entry whose worktree does not point back may be pruned by anybody's `git worktree prune`.
    (path / ".git").write_text(f"gitdir: {admin}\n")
    (admin / "gitdir").write_text(f"{path.resolve() / '.git'}\n")
    (admin / "commondir").write_text("../..\n")
    (admin / "HEAD").write_text(f"{start}\n")
    return admin


def _reopen(admin: Path, path: Path, start: str) -> None:
    """Put the entry of a used worktree back to how we handed it out."""
    if (admin / "index.lock").exists() or not (admin / _SNAPSHOT).exists():
        raise WorktreeBroken(f"{path} was left in the middle of something", hint="Give the next attempt another path.")
    for name in os.listdir(admin):
        if name not in _KEPT:
            layout.remove(admin / name)
    shutil.copy2(admin / _SNAPSHOT, admin / "index")
    (admin / "HEAD").write_text(f"{start}\n")


def _entry(work: Path, path: Path) -> Path:
    """The entry in `work` of the worktree at `path`; `path/.git` is an agent's to write, so both must agree."""
    worktrees = (work / "worktrees").resolve()
    try:
        admin = Path((path / ".git").read_text().removeprefix("gitdir: ").strip()).resolve()
        back = Path((admin / "gitdir").read_text().strip()) if admin.parent == worktrees else None
    except (OSError, ValueError):
        back = None
    if back is None or back.parent.resolve() != path.resolve():
        raise WorktreeBroken(f"{path} is no worktree of {work}", hint="Give the next attempt another path.")
    return admin


def _place(work: Path, admin: Path, path: Path) -> Place:
    return Place(admin, common_dir=layout.view_of(work), work_tree=path)


def place_of(work: Path, path: Path, *, branch: str = "") -> Place:
    """Where git works for the worktree at `path`, reading none of its agent's configuration.

    Refuses (`WorktreeTaken`) one that was prepared for another branch since: whoever asks with `branch` comes too late.
    """
    admin = _entry(work, path)
    owner = (admin / _OWNER).read_text() if branch and (admin / _OWNER).exists() else ""
    if owner and owner != branch:
        raise WorktreeTaken(f"{path} was given to {owner}", hint="Leave it alone.")
    return _place(work, admin, path)


def state(work: Path, path: Path) -> TreeState:
    """Look at a worktree without changing or locking anything in it. Raises `WorktreeBroken` where it is none."""
    place = place_of(work, path)
    answer = git(place, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames")
    headers = dict(part[2:].partition(" ")[::2] for part in answer.fields if part.startswith("# "))
    head, branch = headers.get("branch.oid", ""), headers.get("branch.head", "")
    admin = place.git_dir or path
    return TreeState(
        head=None if head in {"", "(initial)"} else head,
        branch=None if branch in {"", "(detached)"} else branch,
        changed=tuple(_changed(answer.fields)),
        untracked=tuple(part[2:] for part in answer.fields if part.startswith("? ")),
        unfinished=any((admin / name).exists() for name in _UNFINISHED),
    )


def _changed(fields: Sequence[str]) -> list[str]:
    # "1 XY sub mH mI mW hH hI path" and "u XY sub m1 m2 m3 mW h1 h2 h3 path": the path may hold spaces, the rest not
    before = {"1": 8, "u": 10}
    return [part.split(" ", before[part[0]])[-1] for part in fields if part[:2] in {"1 ", "u "}]


def is_clean(work: Path, path: Path) -> bool:
    """Whether everything in the worktree is committed or ignored and nothing is under way."""
    return state(work, path).is_clean


def head_of(work: Path, path: Path) -> str | None:
    """The commit that the worktree has checked out."""
    return state(work, path).head


@on_disk
def remove_worktree(work: Path, path: Path, *, even_unsaved: bool = False) -> None:
    """Delete the worktree's folder and its entry in `work`, also those of a worktree that was left half made.

    Refuses (`WorkUnsaved`) while it holds anything uncommitted, or a commit that no branch has, or cannot be read;
    `even_unsaved` is for people who said so.
    """
    if path.exists() and not even_unsaved:
        _require_saved(work, path)
    entries = _entries_of(work, path)
    if path.exists():
        layout.remove(path)
    for admin in entries:
        layout.remove(admin)


def _require_saved(work: Path, path: Path) -> None:
    advice = "Save it first, or keep the folder."
    if set(os.listdir(path)) <= {".git"}:
        return
    try:
        if not (_entry(work, path) / _SNAPSHOT).exists():
            return  # a checkout that never came to its end: no agent was ever in it
        now = state(work, path)
    except WorktreeBroken:
        raise WorkUnsaved(f"{path} cannot be read as a worktree and may hold work", hint=advice) from None
    if not now.is_clean:
        raise WorkUnsaved(f"{path} holds changes that are not committed", hint=advice)
    if now.branch is None and now.head is not None:
        refs = git(layout.view_of(work), "for-each-ref", "--count=1", "--contains", now.head, "--format=%(refname)")
        if not refs.line:
            raise WorkUnsaved(f"{path} is at commit {now.head}, which no branch holds", hint=advice)


def _entries_of(work: Path, path: Path) -> list[Path]:
    """Entries in `work` for this path, whatever state or lock they were left in."""
    wanted = path.resolve() / ".git"
    entries = []
    for admin in (work / "worktrees").iterdir():
        try:
            pointed = Path((admin / "gitdir").read_text().strip())
        except (OSError, ValueError):
            continue
        if pointed == wanted:
            entries.append(admin)
    return entries


def is_linked(work: Path, path: Path) -> bool:
    """Whether the worktree at `path` and its entry in `work` lead to each other."""
    try:
        _entry(work, path)
    except WorktreeBroken:
        return False
    return True


@on_disk
def relink(work: Path, path: Path) -> bool:
    """Write the link of the worktree at `path` anew, where `work` has exactly one entry for it; else touch nothing.

    A link that leads elsewhere is kept in that entry. A `.git` folder, an agent's own repository, is left alone.
    """
    if not (work / "worktrees").is_dir():
        return False
    entries = _entries_of(work, path)
    link = path / ".git"
    if len(entries) != 1 or (link.is_dir() and not link.is_symlink()):
        return False
    if link.exists() or link.is_symlink():
        link.rename(entries[0] / f"link.before-{clock.now():%Y%m%d-%H%M%S}")
    link.write_text(f"gitdir: {entries[0]}\n")
    return True
