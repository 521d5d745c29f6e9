"""From a request's head to a candidate commit, in this host's `land.git` and without a work tree."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gastown import git, rigs
from gastown.agents import split_address
from gastown.errors import GastownError, Unavailable
from gastown.git import Conflicted, Draft, Person
from gastown.refinery.lifecycle import Candidate
from gastown.refinery.models import MergeHead, MergeRequest
from gastown.rigs import Rig

TOWN = Person("gastown", "refinery@gastown.local")
# Of each side of a conflict: enough to see who else was there, at 2 ms a commit searched.
MOST_COMMITS_SEARCHED = 30
MOST_COMMITS_TOLD = 5


@dataclass(frozen=True)
class Repository:
    """A rig's repositories on this host, and where its target is."""

    land: Path
    work: Path
    url: str
    branch: str

    @classmethod
    def of(cls, town: Path, rig: Rig) -> "Repository":
        """The repositories of `rig` in `town`; nothing is created."""
        return cls(rigs.land_git(town, rig.name), rigs.work_git(town, rig.name), rig.remote_url, rig.branch)

    def target(self) -> str:
        """Where the target stands at the remote now, its commits fetched; `land.git` is made where it is missing."""
        if not self.land.exists():
            git.create_land(self.land, self.url, self.branch)
        return git.fetch_target(self.land, self.branch)

    def bring(self, oid: str, branch: str) -> None:
        """Have commit `oid` in `land.git` and pinned: from this host's `work.git`, else from the remote's `branch`.

        Raises `ObjectMissing` where neither has it, and `Unavailable` where the remote cannot be asked.
        """
        if git.is_pinned(self.land, oid):
            return
        if self.work.exists():
            with suppress(git.ObjectMissing):
                git.fetch_head(self.land, self.work, oid)
                return
        with suppress(git.BranchMissing):
            git.fetch_branch(self.land, branch)
        if not git.has_commit(self.land, oid):
            raise git.ObjectMissing(
                f"commit {oid} is neither on this host nor on the remote's branch {branch}",
                hint="The host that has it may not have pushed it yet.",
            )
        git.pin(self.land, oid)

    def has(self, oid: str) -> bool:
        """Whether `land.git` has this commit."""
        return git.has_commit(self.land, oid)

    def is_in(self, oid: str, target: str) -> bool:
        """Whether commit `oid` is part of `target`; one that `land.git` does not have is not."""
        return git.has_commit(self.land, oid) and git.is_ancestor(self.land, oid, target)


@dataclass(frozen=True)
class Change:
    """A request with what its merge commit will say."""

    request: MergeRequest
    head: MergeHead
    title: str


def build(repository: Repository, change: Change, base: str, when: datetime) -> Candidate | Conflicted:
    """Merge the change's head into `base`. The same inputs give the same commit on every host."""
    merged = git.merge_trees(repository.land, base, change.head.head_oid)
    if isinstance(merged, Conflicted):
        return merged
    draft = Draft(
        tree=merged.tree,
        parents=(base, change.head.head_oid),
        message=f"Merge {change.request.bead_id}: {' '.join(change.title.split())}",
        author=_author(change.head.polecat),
        committer=TOWN,
        when=when,
        trailers=(
            ("Bead", change.request.bead_id),
            ("Request", str(change.request.id)),
            ("Actor", change.head.polecat),
        ),
    )
    return Candidate(base, git.commit_tree(repository.land, draft), merged.tree, when)


def _author(address: str) -> Person:
    try:
        rig, name = split_address(address)
    except GastownError:
        return Person(address, TOWN.email)
    return Person(address, f"{name}.{rig}@gastown.local")


def sides(repository: Repository, base: str, head: str, paths: Sequence[str]) -> dict[str, list[dict[str, object]]]:
    """The first-parent commits of both sides since they parted that touch `paths`, newest first, a few of each."""
    fork = git.merge_base(repository.land, base, head)
    if fork is None:
        return {"target": [], "head": []}
    return {name: _touching(repository, fork, tip, set(paths)) for name, tip in (("target", base), ("head", head))}


def _touching(repository: Repository, fork: str, tip: str, paths: set[str]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    with suppress(Unavailable):
        for commit in reversed(git.first_parent(repository.land, fork, tip)[-MOST_COMMITS_SEARCHED:]):
            changed = paths & set(git.changed_paths(repository.land, commit.parents[0], commit.oid))
            if changed:
                found.append({"commit": commit.oid, "subject": commit.subject[:200], "paths": sorted(changed)[:20]})
            if len(found) == MOST_COMMITS_TOLD:
                break
    return found
