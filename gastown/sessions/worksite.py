"""An attempt's worktree: made ready before the agent starts, saved before anything is let go."""

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
        _bring(land, work, start, branch, previous_branch)
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


def _bring(land: Path, work: Path, oid: str, branch: str, previous_branch: str | None) -> None:
    """Fetch what an attempt on another host pushed."""
    if not git.has_commit(land, oid) and previous_branch:
        git.fetch_branch(land, previous_branch)
    git.bring_commit(work, land, oid, branch)


def site_of(settings: Settings, rig: Rig, row: Assignment, polecat: Polecat) -> Site:
    """The site of an attempt that has been prepared already; the target is where it was fetched last."""
    land = rigs.land_git(settings.town, rig.name)
    target = git.ref_value(land, f"refs/remotes/origin/{rig.branch}") or row.base_oid
    work = rigs.work_git(settings.town, rig.name)
    return Site(worktree_path(settings, polecat), work, land, row.branch, row.base_oid, target)


def save(site: Site, *, agent: str, why: str, push: bool = True) -> str | None:
    """Commit what the worktree holds to the attempt's branch, and push that; None when it could not be saved.

    The commit is safe in `work.git` even when the remote cannot be reached. Without `push` it stays there.
    """
    person = git.Person(agent, f"{agent.replace('/', '.')}@gastown.local")
    try:
        saved = git.save_work(
            site.work, site.path, site.branch, git.Keeper(f"Work in progress: {why}", person, clock.now())
        )
    except GastownError as error:
        log.warning("could not save %s: %s", site.path, error)
        return None
    if saved.left_out:
        log.warning("saved %s without %s; the folder is kept", site.path, ", ".join(saved.left_out[:5]))
        return None
    if push and saved.oid != site.base_oid:
        forward(site, saved.oid)
    return saved.oid


def forward(site: Site, oid: str) -> bool:
    """Give the remote the attempt's branch at `oid`, so that other hosts find it. False: it is away or refused."""
    try:
        git.fetch_head(site.land, site.work, oid)
        known = git.ls(site.land, [f"refs/heads/{site.branch}"]).get(f"refs/heads/{site.branch}")
        if known == oid:
            return True
        outcome = git.push_branch(site.land, site.branch, oid, expect=known)
    except GastownError as error:
        log.warning("branch %s is not on the remote: %s", site.branch, error)
        return False
    if outcome.kind is not git.Pushed.LANDED:
        log.warning("branch %s is not on the remote: %s", site.branch, outcome.reason)
        return False
    return True
