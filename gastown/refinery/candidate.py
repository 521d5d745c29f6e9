"""From a request's head to a candidate commit, in this host's `land.git` and without a work tree."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gastown import git, rigs
from gastown.agents import split_address
from gastown.errors import GastownError, Unavailable
from gastown.git import Conflicted, Draft, Merger, Person
from gastown.refinery.lifecycle import Candidate, Step
from gastown.refinery.models import MergeHead, MergeRequest
from gastown.rigs import LandingStyle, Rig

TOWN = Person("gastown", "refinery@gastown.local")
# Of each side of a conflict: enough to see who else was there, at 2 ms a commit searched.
MOST_COMMITS_SEARCHED = 30
MOST_COMMITS_TOLD = 5
# Commits of one request in a rig that rebases, each of which is gated by itself.
MOST_REPLAYED = 50


@dataclass(frozen=True)
class Repository:
    """A rig's repositories on this host, and where its target is."""

    land: Path
    work: Path
    url: str
    branch: str
    style: LandingStyle = LandingStyle.MERGE

    @classmethod
    def of(cls, town: Path, rig: Rig) -> "Repository":
        """The repositories of `rig` in `town`; nothing is created."""
        return cls(
            rigs.land_git(town, rig.name), rigs.work_git(town, rig.name), rig.remote_url, rig.branch, rig.landing
        )

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

    def bring_all(self, heads: Iterable[MergeHead]) -> None:
        """Bring what this host's `work.git` has of these heads at the cost of one; `bring` says why one is missing."""
        if self.work.exists():
            with suppress(GastownError):
                git.fetch_heads(self.land, self.work, [head.head_oid for head in heads])

    def has(self, oid: str) -> bool:
        """Whether `land.git` has this commit."""
        return git.has_commit(self.land, oid)

    def workbench(self) -> "Workbench":
        """For candidates that are built one on top of the other; a context manager."""
        return Workbench(self.land, self.style)

    def is_in(self, oid: str, target: str) -> bool:
        """Whether commit `oid` is part of `target`; one that `land.git` does not have is not."""
        return git.has_commit(self.land, oid) and git.is_ancestor(self.land, oid, target)


class Workbench(Merger):
    """Where candidates are built in the way in which their rig lands."""

    def __init__(self, repo: Path, style: LandingStyle) -> None:
        super().__init__(repo)
        self.style = style

    def __enter__(self) -> "Workbench":
        super().__enter__()
        return self


@dataclass(frozen=True)
class Change:
    """A request with what its merge commit will say."""

    request: MergeRequest
    head: MergeHead
    title: str


def put_on(bench: Workbench, below: Candidate, head: MergeHead, when: datetime) -> Candidate | Conflicted:
    """The candidate that `head` makes when it is merged on top of `below`; its commit is for gates, and never lands.

    The commit is the same on every host and at any time, so that one can make what another has made.
    """
    steps = _replay(bench, below, head) if bench.style is LandingStyle.REBASE else _merge(bench, below, head)
    if isinstance(steps, Conflicted):
        return steps
    commit, tree = (steps[-1].commit_oid, steps[-1].tree_oid) if steps else (below.commit_oid, below.tree_oid)
    return Candidate(below.base_oid, commit, tree, when, (*below.riders, head.id or 0), steps)


def _merge(bench: Workbench, below: Candidate, head: MergeHead) -> tuple[Step, ...] | Conflicted:
    merged = bench.merge(below.commit_oid, head.head_oid)
    if isinstance(merged, Conflicted):
        return merged
    parents = (below.commit_oid, head.head_oid)
    commit = bench.write(Draft(merged.tree, parents, "Candidate", TOWN, TOWN, head.submitted_at))
    return (Step(commit, merged.tree, head.head_oid),)


def _replay(bench: Workbench, below: Candidate, head: MergeHead) -> tuple[Step, ...] | Conflicted:
    """One step for each commit on the head's own line that changes something; of a merge, what it changed there."""
    commits = git.first_parent(bench.repo, below.base_oid, head.head_oid)
    if len(commits) > MOST_REPLAYED:
        return Conflicted((), (f"it has {len(commits)} commits of its own: {MOST_REPLAYED} are replayed at most",))
    top, tree, steps = below.commit_oid, below.tree_oid, []
    for commit in commits:
        if not commit.parents:
            return Conflicted((), ("the two branches share no history",))
        merged = bench.replay(tree, commit)
        if isinstance(merged, Conflicted):
            told = f"when commit {commit.oid[:10]} ({commit.subject[:100]}) is replayed"
            return Conflicted(merged.paths, (*merged.messages, told))
        if merged.tree != tree:
            tree = merged.tree
            top = bench.write(Draft(tree, (top,), "Candidate", TOWN, TOWN, head.submitted_at))
            steps.append(Step(top, tree, commit.oid))
    return tuple(steps)


def ground(repository: Repository, target: str, when: datetime) -> Candidate:
    """The target itself, for the first head to be put on."""
    return Candidate(target, target, git.tree_of(repository.land, target), when)


def stack(repository: Repository, heads: Sequence[MergeHead], base: str, when: datetime) -> Candidate | Conflicted:
    """Put all the heads on `base`, one after the other; each is brought to this host first."""
    built = stack_each(repository, heads, base, when)
    return built if isinstance(built, Conflicted) else built[-1]


def stack_each(
    repository: Repository, heads: Sequence[MergeHead], base: str, when: datetime
) -> list[Candidate] | Conflicted:
    """The same, with the candidate that each head makes on those before it; the base itself comes first."""
    built = [ground(repository, base, when)]
    repository.bring_all(heads)
    with repository.workbench() as bench:
        for head in heads:
            repository.bring(head.head_oid, head.branch)
            made = put_on(bench, built[-1], head, when)
            if isinstance(made, Conflicted):
                return made
            built.append(made)
    return built


def join(repository: Repository, changes: Sequence[Change], tree: str, target: str, when: datetime) -> Candidate:
    """The commit that lands: the gated tree on the target, with every head as a parent, so that all are reachable and
    the target's own line has gated trees alone. The same on every host.
    """
    heads = dict.fromkeys(change.head.head_oid for change in changes)
    draft = Draft(
        tree=tree,
        parents=(target, *heads),
        message=_message(changes),
        author=_author(changes[0].head.polecat) if len(changes) == 1 else TOWN,
        committer=TOWN,
        when=when,
        trailers=tuple(trailer for change in changes for trailer in _trailers(change)),
    )
    riders = tuple(change.head.id or 0 for change in changes)
    return Candidate(target, git.commit_tree(repository.land, draft), tree, when, riders)


def squash(
    repository: Repository, changes: Sequence[Change], trees: Sequence[str], target: str, when: datetime
) -> Candidate:
    """The commits that land in a rig that squashes: one on top of the other, each a request with its gated tree."""
    top, landings = target, []
    for change, tree in zip(changes, trees, strict=True):
        title = f"{change.request.bead_id}: {' '.join(change.title.split())}"
        author = _author(change.head.polecat)
        top = git.commit_tree(
            repository.land, Draft(tree, (top,), title, author, TOWN, when, trailers=_trailers(change))
        )
        landings.append(top)
    riders = tuple(change.head.id or 0 for change in changes)
    return Candidate(target, top, trees[-1], when, riders, landings=tuple(landings))


def rebase(
    repository: Repository, changes: Sequence[Change], built: Sequence[Candidate], target: str, when: datetime
) -> Candidate:
    """The commits that land in a rig that rebases: those of the requests, each with its author and words, one on top of
    the other. `built` are the candidates of the changes, whose steps were gated.
    """
    top, landings = target, []
    for change, candidate in zip(changes, built, strict=True):
        for step in candidate.steps:
            origin = git.read_commit(repository.land, step.origin)
            draft = Draft(
                tree=step.tree_oid,
                parents=(top,),
                message=origin.message,
                author=Person(origin.author, origin.author_email),
                committer=TOWN,
                when=when,
                trailers=_trailers(change),
                authored_at=origin.authored_at,
            )
            top = git.commit_tree(repository.land, draft)
        landings.append(top)
    riders = tuple(change.head.id or 0 for change in changes)
    return Candidate(target, top, built[-1].tree_oid, when, riders, landings=tuple(landings))


def _message(changes: Sequence[Change]) -> str:
    lines = [f"{change.request.bead_id}: {' '.join(change.title.split())}" for change in changes]
    return f"Merge {lines[0]}" if len(lines) == 1 else "\n".join((f"Merge {len(lines)} beads", "", *lines))


def _trailers(change: Change) -> tuple[tuple[str, str], ...]:
    return (
        ("Bead", change.request.bead_id),
        ("Request", str(change.request.id)),
        ("Actor", change.head.polecat),
    )


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
