"""What a person names when adding a rig: a URL, a bare repository, or somebody's checkout that work may land into."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gastown.git.errors import NotARepository
from gastown.git.names import check_branch_name, check_remote_url
from gastown.git.remote import checkout_of
from gastown.git.run import Options, Place, git

if TYPE_CHECKING:
    from git import Repo

_AS_USER = Options(as_user=True, timeout_s=60.0)


@dataclass(frozen=True)
class Source:
    """The remote that a rig will use, and how we came to it."""

    url: str
    checkout: Path | None
    """The checkout that landings would write into, when the remote itself is one on this host."""
    via: Path | None
    """The checkout that was named and whose `origin` this is."""


@dataclass(frozen=True)
class Acceptance:
    """Whether a checkout can take landings, and if not, why."""

    accepted: bool
    reason: str = ""


def resolve_source(named: str, *, cwd: Path) -> Source:
    """Find the remote behind a URL or path; relative paths count from `cwd`, and `~` is a name like any other.

    A checkout stands for its `origin`; one without an origin is itself the remote. Raises `NotARepository` or
    `BadRemoteUrl`.
    """
    if not named or named.startswith("-") or not os.path.exists(os.path.join(cwd, named)):
        return _from_words(named)
    path = Path(cwd, named).resolve()
    with _open(path) as repo:
        top = Path(repo.working_tree_dir).resolve() if repo.working_tree_dir else None
        has_origin = any(remote.name == "origin" for remote in repo.remotes)
    if top is None:
        return Source(check_remote_url(str(path)), None, None)
    if path not in {top, top / ".git"}:
        raise NotARepository(f"{path} is a folder inside a repository", hint=f"Give the repository itself: {top}")
    if not has_origin:
        return Source(check_remote_url(str(top)), top, None)
    url = git(Place(None, work_tree=top), "remote", "get-url", "origin", options=_AS_USER).line
    url = str((top / url).resolve()) if _is_relative(url) else url
    return Source(check_remote_url(url), checkout_of(url), top)


def _from_words(named: str) -> Source:
    if named.startswith("/") or (named and not named.startswith("-") and _is_relative(named)):
        raise NotARepository(f"there is nothing at {named}", hint="Give the path or URL of a git repository.")
    url = check_remote_url(named)
    return Source(url, checkout_of(url), None)


def _is_relative(text: str) -> bool:
    """Git's rule: what has no colon before its first slash is a path."""
    return not text.startswith("/") and ":" not in text.split("/", 1)[0]


def _open(path: Path) -> "Repo":
    # GitPython costs 65 ms to import; only adding a rig needs it.
    from git import Repo
    from git.exc import InvalidGitRepositoryError, NoSuchPathError

    try:
        return Repo(path, search_parent_directories=True)
    except (InvalidGitRepositoryError, NoSuchPathError, OSError, ValueError):
        raise NotARepository(
            f"{path} is no git repository", hint="Make it one with `git init`, or give another."
        ) from None


def checkout_accepts(checkout: Path, branch: str) -> Acceptance:
    """Whether landings on `branch` can be pushed into this checkout now: it has another branch, or a clean tree."""
    check_branch_name(branch)
    place = Place(None, work_tree=checkout)
    worktrees = git(place, "worktree", "list", "--porcelain", "-z", options=_AS_USER).stdout
    for entry in worktrees.split("\0\0"):
        fields = dict(field.partition(" ")[::2] for field in entry.strip("\0").split("\0"))
        if fields.get("branch") != f"refs/heads/{branch}" or "bare" in fields:
            continue
        folder = Path(fields["worktree"])
        if git(Place(None, work_tree=folder), "status", "--porcelain", "-z", "-uno", options=_AS_USER).stdout:
            reason = f"{branch} is checked out in {folder} with changes that are not committed"
            return Acceptance(accepted=False, reason=reason)
    return Acceptance(accepted=True)
