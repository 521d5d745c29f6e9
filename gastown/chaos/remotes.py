"""What each rig's remote says for itself: its line, every value its target had, and what really comes of a merge."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from gastown import git
from gastown.chaos.evidence import CONFLICT, Commit, Remote, Repository, Row
from gastown.errors import GastownError
from gastown.events import EventKind
from gastown.git import Conflicted, Options, Place

_UPDATES = "chaos.updates"
_NOTHING = "0" * 40
# What every push brought, in order: seconds, old value, new value, ref.
_HOOK = f"""#!/bin/sh
while read old new ref; do echo "$(date +%s) $old $new $ref"; done >> {_UPDATES}
"""
_TRAILERS = ("Bead", "Request", "Actor")


def watch(remote: Path) -> None:
    """Have a bare repository write down every update of its refs, deletions too, of which git itself keeps no trace."""
    git.git(remote, "config", "core.logAllRefUpdates", "true")
    hook = remote / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(_HOOK)
    hook.chmod(0o755)


@dataclass(frozen=True)
class Claims:
    """What the log says of one rig, to be held against its remote."""

    landed: Sequence[Row]
    returned: Sequence[Row]

    @classmethod
    def of(cls, events: Iterable[Row], rig: str) -> "Claims":
        """The rig's landings and returns."""
        mine = [event for event in events if event["rig"] == rig]
        return cls(
            [event for event in mine if event["kind"] == EventKind.REQUEST_LANDED],
            [event for event in mine if event["kind"] == EventKind.REQUEST_RETURNED],
        )


def look(rig: str, remote: Remote, claims: Claims, scratch: Path) -> Repository:
    """Everything that the checker wants to know of a remote."""
    refs = _refs(remote.path)
    tip = refs.get(f"refs/heads/{remote.branch}", remote.first_oid)
    line = [
        *git.first_parent(remote.path, None, remote.first_oid)[-1:],
        *git.first_parent(remote.path, remote.first_oid, tip),
    ]
    commits = tuple(_commit(found) for found in line)
    values = _values(remote)
    merges, trees = _merge_again(remote.path, claims.returned)
    return Repository(
        rig=rig,
        branch=remote.branch,
        first_parents=commits,
        target_values=values,
        reachable=frozenset(git.git(remote.path, "rev-list", tip).stdout.split()),
        rewinds=_rewinds(remote.path, commits, values),
        branches={
            name.removeprefix("refs/heads/"): oid for name, oid in refs.items() if name.startswith("refs/heads/")
        },
        deleted_branches=_deletions(remote.path),
        undone=tuple(_undone(remote.path, commits, claims.landed)),
        red=tuple(_red(remote, commits, scratch / f"again-{rig}")),
        temporary_refs=tuple(name for name in refs if not _is_known(name)),
        merges=merges,
        trees=trees,
    )


def _refs(path: Path) -> dict[str, str]:
    lines = git.git(path, "for-each-ref", "--format=%(refname) %(objectname)").stdout.splitlines()
    return dict((line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines)


def _is_known(ref: str) -> bool:
    return ref.startswith(("refs/heads/", "refs/tags/")) or ref == git.FENCE_REF


def _commit(found: git.Commit) -> Commit:
    trailers = {name: tuple(found.trailers(name)) for name in _TRAILERS}
    return Commit(found.oid, found.tree, found.parents, trailers, found.committed_at)


def _values(remote: Remote) -> tuple[str, ...]:
    """Every value of the target since the rig was added, by the remote's own log of it."""
    log = remote.path / "logs" / "refs" / "heads" / remote.branch
    pairs = [line.split(" ", 2)[:2] for line in log.read_text().splitlines()] if log.exists() else []
    if not pairs:
        return ()
    values = [oid for oid in (pairs[0][0], *(new for _, new in pairs)) if oid != _NOTHING]
    start = values.index(remote.first_oid) if remote.first_oid in values else 0
    return tuple(values[start:])


def _rewinds(path: Path, line: Sequence[Commit], values: Sequence[str]) -> tuple[str, ...]:
    """Values that the next one does not contain. Only what is not on the line in order has to be asked for."""
    place = {commit.oid: number for number, commit in enumerate(line)}
    found = []
    for old, new in pairwise(values):
        if old in place and new in place and place[old] <= place[new]:
            continue
        is_kept = False
        with suppress(git.ObjectMissing):
            is_kept = git.is_ancestor(path, old, new)
        if not is_kept:
            found.append(old)
    return tuple(found)


def _deletions(path: Path) -> dict[str, datetime]:
    """When each branch was deleted, by the hook's account; the last time, where there were several."""
    log = path / _UPDATES
    found = {}
    for line in log.read_text().splitlines() if log.exists() else ():
        seconds, _, new, ref = line.split(" ", 3)
        if new == _NOTHING and ref.startswith("refs/heads/"):
            found[ref.removeprefix("refs/heads/")] = datetime.fromtimestamp(int(seconds), UTC)
    return found


def _undone(path: Path, line: Sequence[Commit], landed: Sequence[Row]) -> Iterable[str]:
    """Files that a landing changed on the target although none of its heads had touched them."""
    ours = {event["payload"]["sha"] for event in landed}
    for commit in line:
        if commit.oid not in ours or len(commit.parents) < 2:
            continue
        base, *heads = commit.parents
        meant: set[str] = set()
        for head in heads:
            fork = git.merge_base(path, base, head)
            meant |= set(git.changed_paths(path, fork, head)) if fork else set()
        more = sorted(set(git.changed_paths(path, base, commit.oid)) - meant)
        if more:
            yield f"{commit.oid} changed {', '.join(more[:5])}, which none of its heads had touched"


def _merge_again(path: Path, returned: Sequence[Row]) -> tuple[Mapping[tuple[str, str], str], Mapping[str, str]]:
    """What the queue said does not merge, or changes nothing, merged by us."""
    merges, trees = {}, {}
    for event in returned:
        target, head = str(event["payload"].get("target", "")), str(event["payload"]["head"])
        if event["payload"]["reason"] not in ("conflict", "no_change"):
            continue
        with suppress(GastownError):  # objects that are gone: the return is believed
            trees[target] = git.tree_of(path, target)
            made = git.merge_trees(path, target, head)
            merges[target, head] = CONFLICT if isinstance(made, Conflicted) else made.tree
    return merges, trees


def _red(remote: Remote, line: Sequence[Commit], folder: Path) -> Iterable[str]:
    """Commits of the line on whose tree the gate fails when it is run once more; each tree is put out once."""
    if remote.is_green is None:
        return
    folder.mkdir(parents=True)
    place = Place(remote.path, work_tree=folder, index=folder.with_suffix(".index"))
    verdicts: dict[str, bool] = {}
    for commit in line:
        if commit.tree not in verdicts:
            git.git(place, "read-tree", "-u", "--reset", commit.tree, options=Options(timeout_s=120))
            verdicts[commit.tree] = remote.is_green(folder)
        if not verdicts[commit.tree]:
            yield commit.oid
    shutil.rmtree(folder)
