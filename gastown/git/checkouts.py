"""Worktrees of a person's own checkout: made and taken away by git itself, which refuses to lose changes."""

from dataclasses import dataclass
from pathlib import Path

from gastown.git.errors import GitFailed, NotARepository, WorkUnsaved
from gastown.git.names import check_branch_name
from gastown.git.run import Options, Place, git

_OPTIONS = Options(as_user=True, timeout_s=120.0)
_LOOK = Options(as_user=True, expect=None, timeout_s=30.0)


@dataclass(frozen=True)
class Checkout:
    """One worktree of a repository."""

    path: Path
    branch: str
    """Empty where no branch is checked out."""
    head: str
    is_main: bool


def list_checkouts(folder: Path) -> list[Checkout]:
    """The worktrees of the repository that `folder` belongs to, its main one first; refuses a folder of none."""
    result = git(Place(None, work_tree=folder), "worktree", "list", "--porcelain", "-z", options=_LOOK)
    if result.code != 0:
        raise NotARepository(f"{folder} is no git repository", hint="Run this inside one.")
    found: list[Checkout] = []
    for record in result.stdout.split("\0\0"):
        facts = dict(line.partition(" ")[::2] for line in record.split("\0") if line)
        if "worktree" in facts:
            branch = facts.get("branch", "").removeprefix("refs/heads/")
            found.append(Checkout(Path(facts["worktree"]), branch, facts.get("HEAD", ""), not found))
    return found


def add_checkout(folder: Path, path: Path, branch: str) -> Checkout:
    """Make a worktree at `path` on `branch`, a new one from HEAD where there is none; refuses a path that is taken."""
    check_branch_name(branch)
    place = Place(None, work_tree=folder)
    is_there = git(place, "show-ref", "--verify", "--quiet", f"refs/heads/{branch}", options=_LOOK).code == 0
    words = ("--", str(path), branch) if is_there else ("-b", branch, "--", str(path))
    git(place, "worktree", "add", *words, options=_OPTIONS)
    return next(one for one in list_checkouts(folder) if one.path == path.resolve())


def remove_checkout(folder: Path, path: Path) -> None:
    """Take a worktree away; its branch stays. Refuses one with changes that are not committed."""
    try:
        git(Place(None, work_tree=folder), "worktree", "remove", "--", str(path), options=_OPTIONS)
    except GitFailed as error:
        raise WorkUnsaved(
            f"{path} was not removed: {error.message}", hint="Commit what is in it; git keeps what is committed."
        ) from error


def list_uncommitted(folder: Path) -> list[str]:
    """The files of somebody's checkout that its last commit has otherwise or not at all; refuses outside of one."""
    words = ("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all")
    result = git(Place(None, work_tree=folder), *words, options=_LOOK)
    if result.code:
        raise NotARepository(f"no git repository in {folder}", hint="Run it in a checkout, or give -C.")
    return sorted(entry[3:] for entry in result.fields)
