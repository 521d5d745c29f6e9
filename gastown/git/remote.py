"""Asking a rig's remote: does it answer, where does a branch stand, may we push, and which kinds of push it takes."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gastown.git.errors import BranchMissing, NotARepository, PushForbidden, RemoteUnreachable
from gastown.git.names import check_branch_name, check_oid, check_remote_url, local_path
from gastown.git.run import NOWHERE, Options, Place, Result, git

FENCE_REF = "refs/gastown/fence"
"""Holds a blob that names the fence and intent of the last landing; it moves in the same push as the target."""
_ASK = Options(as_user=True, expect=None, timeout_s=60.0)
_HEAD = "HEAD"


@dataclass(frozen=True)
class RemoteHead:
    """Where a branch of a remote stands."""

    oid: str
    fence: str | None
    """The blob that the fence ref names, if there is one."""


@dataclass(frozen=True)
class PushSupport:
    """What a remote takes in a push. Without both, the target's own compare-and-swap alone decides a landing."""

    atomic: bool
    fence_refs: bool


def probe(url: str, branch: str) -> RemoteHead:
    """Find where `branch` of the remote stands. Raises `NotARepository`, `BranchMissing` or `RemoteUnreachable`."""
    check_branch_name(branch)
    refs, default = _list(NOWHERE, check_remote_url(url), (f"refs/heads/{branch}", FENCE_REF))
    oid = refs.get(f"refs/heads/{branch}")
    if oid is None:
        raise _missing(branch, default)
    return RemoteHead(oid, refs.get(FENCE_REF))


def default_branch(url: str) -> str:
    """The branch that the remote checks out by default. Raises `BranchMissing` where that is none, or has no commit."""
    refs, default = _list(NOWHERE, check_remote_url(url), ())
    if default is None or _HEAD not in refs:
        raise BranchMissing(
            "the repository has no default branch with a commit",
            hint="Push a first commit to it, or name a branch with --branch.",
        )
    return check_branch_name(default)


def ls(land: Path, refs: Sequence[str]) -> dict[str, str]:
    """The values of these full ref names at the remote of `land`; absent ones are left out."""
    found, _ = _list(Place(land), "origin", refs)
    return {ref: found[ref] for ref in refs if ref in found}


def missing_branch(land: Path, branch: str) -> BranchMissing | RemoteUnreachable:
    """Why a fetch of `branch` failed: the remote lacks it, or cannot be asked."""
    try:
        refs, default = _list(Place(land), "origin", (f"refs/heads/{branch}",))
    except RemoteUnreachable as error:
        return error
    if f"refs/heads/{branch}" in refs:
        return RemoteUnreachable(f"the remote has branch {branch}, and fetching it failed", hint="Try again.")
    return _missing(branch, default)


def _missing(branch: str, default: str | None) -> BranchMissing:
    other = f"Its default branch is {default}: use --branch {default}" if default else "Push a first commit to it."
    return BranchMissing(f"the repository has no branch {branch}", hint=other)


def _list(place: Place, remote: str, refs: Sequence[str]) -> tuple[dict[str, str], str | None]:
    """The exact refs that exist, HEAD among them, and the default branch's name."""
    result = git(place, "ls-remote", "--symref", "--", remote, _HEAD, *refs, options=_ASK)
    if result.code:
        raise _unreachable(remote, result)
    found: dict[str, str] = {}
    default = None
    for line in result.stdout.splitlines():
        value, _, name = line.partition("\t")
        if value.startswith("ref: refs/heads/") and name == _HEAD:
            default = value.removeprefix("ref: refs/heads/")
        elif name == _HEAD or name in refs:  # git also lists refs whose names only end like the one asked for
            found[name] = value
    return found, default


def _unreachable(remote: str, result: Result) -> RemoteUnreachable | NotARepository:
    path = local_path(remote)
    if path is not None and not is_repository(path):
        return NotARepository(f"no git repository at {path}", hint="Give the path or URL of a repository.")
    return RemoteUnreachable(
        f"the remote does not answer: {result.complaint or 'no message'}",
        hint="Check the address and your access: `git ls-remote` with it must work for this user without a question.",
    )


def is_repository(path: Path) -> bool:
    """Whether git takes this very folder for a repository, bare or with a work tree."""
    for git_dir in (path / ".git", path):
        if git_dir.exists() and git(Place(git_dir), "rev-parse", "--git-dir", options=Options(expect=None)).code == 0:
            return True
    return False


def checkout_of(url: str) -> Path | None:
    """The folder with a work tree that `url` names on this host, or None for a bare or distant repository."""
    path = local_path(url)
    if path is None:
        return None
    if path.name == ".git":
        return path.parent
    return path if (path / ".git").exists() else None


def push(land: Path, *args: str) -> Result:
    """Push from `land` to its remote, atomic or not as `args` say; any exit code is an answer.

    A remote that is somebody's checkout on this host also takes the branch that is checked out there, if its tree is
    clean: git then updates the files, and refuses when that would touch anything not committed.
    """
    words = ["push", "--porcelain", "--no-verify"]
    if checkout_of(origin(land)) is not None:
        words.append("--receive-pack=git -c receive.denyCurrentBranch=updateInstead receive-pack")
    return git(land, *words, *args, options=Options(as_user=True, expect=None))


def origin(land: Path) -> str:
    """The address of the remote of `land`."""
    return _origin(land, (land / "config").stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _origin(land: Path, _changed: int) -> str:
    return git(land, "config", "--get", "remote.origin.url").line


def statuses(result: Result) -> dict[str, str]:
    """The summary that a porcelain push gives of each ref at the remote."""
    lines = (line.split("\t") for line in result.stdout.splitlines())
    return {parts[1].rpartition(":")[2]: parts[2] for parts in lines if len(parts) == 3}


def try_push(land: Path, branch: str) -> PushSupport:
    """Find out how the remote of `land` takes pushes, moving no branch. Raises `PushForbidden` where it takes none.

    Dry runs with the target's present value show missing permission and missing atomic pushes. Whether it takes the
    fence ref only a real push tells: where the ref is absent it is created, naming a blob that means "no landing yet".
    """
    target = f"refs/heads/{check_branch_name(branch)}"
    refs = ls(land, (target, FENCE_REF))
    if target not in refs:
        raise _missing(branch, None)
    spec = f"{refs[target]}:{target}"
    atomic = push(land, "--dry-run", "--atomic", "origin", spec).code == 0
    if not atomic:
        plain = push(land, "--dry-run", "origin", spec)
        if plain.code:
            ls(land, (target,))  # a remote that has gone away meanwhile forbids nothing
            raise PushForbidden(
                f"the remote does not let us push: {plain.complaint or 'no message'}",
                hint=f"Check that `git push --dry-run` to {branch} works for this user without a question.",
            )
    return PushSupport(atomic, FENCE_REF in refs or _create_fence(land))


def _create_fence(land: Path) -> bool:
    text = f"no landing yet\n{secrets.token_hex(8)}\n"
    blob = check_oid(git(land, "hash-object", "-w", "--stdin", options=Options(input=text)).line)
    result = push(land, f"--force-with-lease={FENCE_REF}:", "origin", f"{blob}:{FENCE_REF}")
    if result.code == 0:
        return True
    answered = FENCE_REF in statuses(result)
    if FENCE_REF in ls(land, (FENCE_REF,)):
        return True  # somebody else was quicker
    if not answered:
        raise RemoteUnreachable(
            f"the remote did not answer a push: {result.complaint or 'no message'}", hint="Try again."
        )
    return False
