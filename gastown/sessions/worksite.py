"""An attempt's worktree: made ready before the agent starts, saved before anything is let go."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gastown import clock, git, logs, rigs
from gastown.agents import Polecat
from gastown.assignments import Assignment
from gastown.config import Settings
from gastown.errors import GastownError, Unavailable
from gastown.rigs import Rig

log = logs.get(__name__)


@dataclass(frozen=True)
class Site:
    """Where an attempt works."""

    path: Path
    work: Path
    land: Path
    branch: str
    base_oid: str
    """The commit that the attempt starts from."""
    target_oid: str
    """Where the target stood."""


def branch_name(polecat: Polecat, row: Assignment) -> str:
    """The attempt's own branch; the fence in it keeps a stale attempt's push away from a newer one's."""
    return f"polecat/{polecat.name}/{row.bead_id}@{row.fence}"


def worktree_path(settings: Settings, polecat: Polecat) -> Path:
    """The polecat's worktree on this host."""
    return rigs.polecats_dir(settings.town, polecat.rig) / (polecat.worktree or polecat.name)


@contextlib.contextmanager
def alone(settings: Settings, polecat: Polecat) -> Iterator[None]:
    """Be the only process that makes this polecat's worktree ready; raises `RepositoryBusy` after a minute."""
    folder = rigs.polecats_dir(settings.town, polecat.rig)
    folder.mkdir(parents=True, exist_ok=True)
    with git.exclusive(folder / f".{polecat.name}.flock"):
        yield


def prepare(settings: Settings, rig: Rig, row: Assignment, polecat: Polecat, *, previous_branch: str | None) -> Site:
    """Make the worktree ready at the attempt's start: what the last attempt left, or the target's head.

    Makes the rig's repositories on a host that has none. Raises the git door's errors; an unreachable remote is
    tolerated where its target was fetched before.
    """
    land, work = rigs.land_git(settings.town, rig.name), rigs.work_git(settings.town, rig.name)
    git.create_land(land, rig.remote_url, rig.branch)
    target = _fetch(land, rig.branch)
    git.create_work(work, land, rig.branch)
    git.update_work(work, land, rig.branch)
    branch = branch_name(polecat, row)
    start = row.base_oid or target
    if not git.has_commit(git.view_of(work), start):
        start = _bring(land, work, start, branch, previous_branch) or target
    path = worktree_path(settings, polecat)
    git.prepare_worktree(work, path, branch, start, keep_ignored=bool(rig.setup_command))
    return Site(path, work, land, branch, start, target)


def _fetch(land: Path, branch: str) -> str:
    try:
        return git.fetch_target(land, branch)
    except Unavailable as error:
        known = git.ref_value(land, f"refs/remotes/origin/{branch}")
        if known is None:
            raise
        log.warning("the remote does not answer, starting from what was fetched last: %s", error)
        return known


def _bring(land: Path, work: Path, oid: str, branch: str, previous_branch: str | None) -> str | None:
    """Fetch what an attempt on another host pushed, or as much of it as there is; None when there is nothing.

    Its last commit may never have left a host that is gone: to wait for it would be to wait for ever.
    """
    found: str | None = oid
    if not git.has_commit(land, oid):
        try:
            pushed = git.fetch_branch(land, previous_branch) if previous_branch else None
        except git.BranchMissing:
            pushed = None
        if not git.has_commit(land, oid):
            log.warning("commit %s of %s is on no host that answers; going on from %s", oid, previous_branch, pushed)
            found = pushed
    if found is not None:
        git.bring_commit(work, land, found, branch)
    return found


def site_of(settings: Settings, rig: Rig, row: Assignment, polecat: Polecat) -> Site:
    """The site of an attempt that has been prepared already; the target is where it was fetched last."""
    land = rigs.land_git(settings.town, rig.name)
    target = git.ref_value(land, f"refs/remotes/origin/{rig.branch}") or row.base_oid
    work = rigs.work_git(settings.town, rig.name)
    return Site(worktree_path(settings, polecat), work, land, row.branch, row.base_oid, target)


@dataclass(frozen=True)
class Kept:
    """Where the work of a session is when it has ended."""

    oid: str | None
    """The commit that a successor starts from; None when nothing could be saved."""
    is_whole: bool
    """Whether it holds all that is in the worktree, which may then be used again."""


def save(site: Site, number: int, *, agent: str, why: str, push: bool = True) -> Kept:
    """Commit what the worktree holds to the branch of attempt `number`, and push that.

    The commit is safe in `work.git` even when the remote cannot be reached. Without `push` it stays there. Where the
    worktree cannot be read any more, the last snapshot is what there is.
    """
    try:
        saved = git.save_work(site.work, site.path, site.branch, _keeper(agent, why))
    except (GastownError, OSError) as error:
        log.warning("could not save %s: %s", site.path, error)
        return Kept(_last_snapshot(site, number), is_whole=False)
    if saved.left_out:
        log.warning("saved %s without %s; the folder is kept", site.path, ", ".join(saved.left_out[:5]))
    if push and saved.oid != site.base_oid:
        forward(site, saved.oid)
    drop_snapshot(site, number)
    return Kept(saved.oid, is_whole=not saved.left_out)


_SAVED = "Work in progress: "
"""How the message of each save begins."""


def _keeper(agent: str, why: str) -> git.Keeper:
    person = git.Person(agent, f"{agent.replace('/', '.')}@gastown.local")
    return git.Keeper(f"{_SAVED}{why}", person, clock.now())


SNAPSHOTS = "refs/gastown/saved"
"""Where `work.git` keeps the last snapshot of each attempt."""


def snapshot_ref(number: int) -> str:
    """Where `work.git` keeps the last snapshot of an attempt."""
    return f"{SNAPSHOTS}/{number}"


def snapshot(site: Site, number: int, *, agent: str, why: str) -> tuple[str, bool]:
    """Save what the worktree holds while its agent works: the commit, and whether it is another than the last time."""
    before = _last_snapshot(site, number)
    saved = git.snapshot_work(site.work, site.path, site.branch, _keeper(agent, why), ref=snapshot_ref(number))
    if saved.left_out:
        log.info("the snapshot of %s is without %s", site.path, ", ".join(saved.left_out[:5]))
    return saved.oid, saved.oid != before


def _last_snapshot(site: Site, number: int) -> str | None:
    return git.ref_value(git.view_of(site.work), snapshot_ref(number))


def drop_snapshot(site: Site, number: int) -> None:
    """Let the snapshots of an attempt go: its branch holds all that they do."""
    last = _last_snapshot(site, number)
    if last is None:
        return
    try:
        git.drop_snapshot(site.work, snapshot_ref(number))
        if _is_ours(site, last):
            git.unpin(site.land, last)
    except GastownError as error:
        log.warning("snapshot of %s is left behind: %s", site.branch, error)


def _is_ours(site: Site, oid: str) -> bool:
    """Whether the commit was made by a save, and not by an agent."""
    view = git.view_of(site.work)
    return git.has_commit(view, oid) and git.subject_of(view, oid).startswith(_SAVED)


def send_snapshot(site: Site, oid: str) -> bool:
    """Give the remote the attempt's branch at a snapshot. False: it refuses, or has what the agent itself handed in.

    A snapshot follows what it is built on, or another snapshot; never the agent's own word. Raises the git door's
    errors.
    """
    known = _at_remote(site)
    if known == oid:
        return True
    view = git.view_of(site.work)
    is_later = known is not None and git.has_commit(view, known) and git.is_ancestor(view, known, oid)
    if known is not None and not is_later and not _is_ours(site, known):
        log.info("branch %s is at %s on the remote, which no snapshot replaces", site.branch, known[:12])
        return False
    git.fetch_head(site.land, site.work, oid)
    is_there = _push(site, oid, known) is git.Pushed.LANDED
    if is_there and known is not None and not is_later:
        git.unpin(site.land, known)
    return is_there


def forward(site: Site, oid: str) -> bool:
    """Give the remote the attempt's branch at `oid`, so that other hosts find it. False: it is away or refused."""
    try:
        git.fetch_head(site.land, site.work, oid)
        for _ in range(_TRIES):
            known = _at_remote(site)
            if known == oid:
                return True
            outcome = _push(site, oid, known)
            if outcome is not git.Pushed.TARGET_MOVED:
                return outcome is git.Pushed.LANDED
    except GastownError as error:
        log.warning("branch %s is not on the remote: %s", site.branch, error)
    return False


# A snapshot may be on its way to the same branch; after it no other comes.
_TRIES = 3


def _at_remote(site: Site) -> str | None:
    name = f"refs/heads/{site.branch}"
    return git.ls(site.land, [name]).get(name)


def _push(site: Site, oid: str, known: str | None) -> git.Pushed:
    outcome = git.push_branch(site.land, site.branch, oid, expect=known)
    if outcome.kind is not git.Pushed.LANDED:
        log.warning("branch %s is not on the remote: %s", site.branch, outcome.reason)
    return outcome.kind
