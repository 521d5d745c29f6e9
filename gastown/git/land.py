"""`land.git`: the rig's own bare repository, the only one with a remote. Heads come in by object id and are pinned."""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from zlib import crc32

from gastown.git import history, layout, remote
from gastown.git.disk import on_disk
from gastown.git.errors import GitFailed, ObjectMalformed, ObjectMissing, RepositoryExists
from gastown.git.locks import exclusive
from gastown.git.names import check_branch_name, check_oid, check_remote_url
from gastown.git.run import NETWORK_TIMEOUT_S, Options, Place, Result, git
from gastown.git.tidy import tidy_if_crowded

_HEADS = "refs/gastown/heads"
_FETCH_LOCKS = 16  # few files, and a slow fetch holds up few branches but its own
# What `fetch` says of an object that its check is against, in the language that we ask git for.
_REFUSED = "fsck error in packed object"
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance")


@on_disk
def create_land(path: Path, url: str, branch: str) -> str:
    """Make the rig's `land.git` and fetch the target; returns the target's commit.

    Safe to repeat and to be killed: the repository appears at `path` complete or not at all. Raises `RepositoryExists`
    where one with another remote is there.
    """
    check_remote_url(url)
    check_branch_name(branch)
    path.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(path.with_name(f".{path.name}.flock"), timeout_s=NETWORK_TIMEOUT_S):
        if not path.exists():
            _build(path, url, branch)
        elif remote.origin(path) != url:
            raise RepositoryExists(f"{path} belongs to another remote", hint="Use another rig name.")
    return history.ref_value(path, _tracking(branch)) or fetch_branch(path, branch)


def _build(path: Path, url: str, branch: str) -> None:
    half_made = path.with_name(f".{path.name}.new")
    if half_made.exists():
        shutil.rmtree(half_made)
    head = remote.probe(url, branch)
    settings = (
        f'[remote "origin"]\n\turl = {layout.quoted(url)}\n\ttagOpt = --no-tags\n'
        f"\tfetch = {layout.quoted(f'+refs/heads/{branch}:{_tracking(branch)}')}\n"
    )
    layout.make_bare(half_made, branch, oid=head.oid, settings=settings)
    fetch_branch(half_made, branch)
    half_made.rename(path)


def _tracking(branch: str) -> str:
    return f"refs/remotes/origin/{branch}"


@on_disk
def fetch_branch(land: Path, branch: str) -> str:
    """Fetch one branch of the remote and return its commit. Raises `BranchMissing` or `RemoteUnreachable`."""
    spec = f"+refs/heads/{check_branch_name(branch)}:{_tracking(branch)}"
    # Two fetches of one ref at once would make one of them fail on the other's lock.
    slot = crc32(branch.encode()) % _FETCH_LOCKS
    with exclusive(land / f"gastown.fetch-{slot}.flock", timeout_s=NETWORK_TIMEOUT_S):
        result = git(land, *_FETCH, "origin", spec, options=Options(as_user=True, expect=None))
        oid = history.ref_value(land, _tracking(branch)) if result.code == 0 else None
    if oid is None:
        raise remote.missing_branch(land, branch)
    return oid


@on_disk
def fetch_head(land: Path, work: Path, oid: str) -> None:
    """Bring commit `oid` with all its history from `work` into `land` and pin it there, so that nothing prunes it.

    Objects come from agents, so each new one is checked (`fsck`). Doing it again is free. Raises `ObjectMissing` where
    `work` does not have the commit, and `ObjectMalformed` where the check is against it.
    """
    if is_pinned(land, oid):
        return
    source = layout.view_of(work)
    result = _fetch_pinned(land, source, [oid])
    if result.code and not is_pinned(land, oid):
        if not history.has_commit(source, oid):
            raise ObjectMissing(f"{work} has no commit {oid}", hint="Its agent may not have committed yet: try again.")
        why = f"commit {oid} could not be fetched: {result.complaint}"
        # The exit code is that of a full disk, too; only these words of git's tell which it was.
        raise ObjectMalformed(why) if _REFUSED in result.stderr else GitFailed(why, hint="Try again.")
    tidy_if_crowded(land)


@on_disk
def fetch_heads(land: Path, work: Path, oids: Iterable[str]) -> None:
    """Do so for all of the commits that `work` has, in one fetch. Promises nothing: where one of them cannot be had
    none may be, and `fetch_head` says why.
    """
    source = layout.view_of(work)
    missing = _unpinned(land, list(dict.fromkeys(oids)))
    known = history.find_commits(source, missing) if missing else []
    if known:
        _fetch_pinned(land, source, known)
        tidy_if_crowded(land)


def _unpinned(land: Path, oids: Sequence[str]) -> list[str]:
    """Those that `is_pinned` would deny, at the cost of one."""
    if not oids:
        return []
    names = [f"{_HEADS}/{check_oid(oid)}" for oid in oids]
    pinned = set(git(land, "for-each-ref", "--format=%(refname) %(objectname)", *names).stdout.splitlines())
    return [oid for name, oid in zip(names, oids, strict=True) if f"{name} {oid}" not in pinned]


def _fetch_pinned(land: Path, source: Path, oids: Sequence[str]) -> Result:
    return git(
        Place(land),
        *_FETCH,
        "--upload-pack=git -c uploadpack.allowAnySHA1InWant=true upload-pack",
        str(source),
        *(f"{oid}:{_HEADS}/{oid}" for oid in oids),
        options=Options(expect=None, timeout_s=NETWORK_TIMEOUT_S, settings={"fetch.fsckObjects": "true"}),
    )


def is_pinned(land: Path, oid: str) -> bool:
    """Whether `land` holds the commit completely: the pin is written only after git has seen all that it needs."""
    return history.ref_value(land, f"{_HEADS}/{check_oid(oid)}") == oid


def pin(land: Path, oid: str) -> None:
    """Keep a commit that is already in `land`, such as a candidate that gates are testing."""
    git(land, "update-ref", f"{_HEADS}/{check_oid(oid)}", oid)


def unpin(land: Path, oid: str) -> None:
    """Let go of a commit that has landed or is no longer wanted; its objects stay until somebody prunes them."""
    git(land, "update-ref", "-d", f"{_HEADS}/{check_oid(oid)}")


def unpin_all(land: Path, oids: Iterable[str]) -> None:
    """Do so for many commits at once: for all of them, or for none."""
    lines = [f"delete {_HEADS}/{check_oid(oid)}\n" for oid in dict.fromkeys(oids)]
    if lines:
        git(land, "update-ref", "--stdin", options=Options(input="".join(lines)))


def list_pins(land: Path) -> list[str]:
    """The commits that are pinned in `land`."""
    answer = git(land, "for-each-ref", "--format=%(objectname)", f"{_HEADS}/")
    return [line for line in answer.stdout.splitlines() if line]


def is_held_elsewhere(land: Path, oid: str, *, target: str, work: Path, branch: str) -> bool:
    """Whether `oid` would be safe without its pin: the target has it, or the branch on which it was made does."""
    tip = history.ref_value(land, _tracking(target))
    if tip is not None and history.is_ancestor(land, check_oid(oid), tip):
        return True
    view = layout.view_of(work)
    if not branch or not view.exists():
        return False
    tip = history.ref_value(view, f"refs/heads/{check_branch_name(branch)}")
    return tip is not None and history.has_commit(view, oid) and history.is_ancestor(view, oid, tip)
