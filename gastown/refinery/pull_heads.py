"""The branch of a pull request: what is on it, and the commit that is put there.

A head of ours is the request's commit merged into the target as it was tested, so that the provider's own merge of it
gives the gated tree and nothing else.
"""

from collections.abc import Sequence

from gastown import git
from gastown.errors import Unavailable
from gastown.events import Event
from gastown.git import Pushed
from gastown.providers import PullState, PullView
from gastown.refinery import pull_records, queries
from gastown.refinery.candidate import Repository, join
from gastown.refinery.desk import Desk, Entry, View
from gastown.refinery.pull_standing import Shape, Shown

_PREFIX = "gastown/pr/"
# Merges between the target and a request's head: one, and what people add by "update branch".
_MOST_MERGES = 50


class BranchNotTaken(Unavailable):
    """The remote did not take the branch of a pull request."""


def branch_of(entry: Entry) -> str:
    """The branch of the request's pull request."""
    return name_for(entry.change.request.bead_id)


def name_for(bead_id: str) -> str:
    """The branch of the pull request of a bead's request."""
    return f"{_PREFIX}{bead_id}"


def tips(view: View, entries: Sequence[Entry]) -> dict[int, str]:
    """Where the branch of each request stands at the remote, by the request's number; absent ones are left out."""
    refs = {entry.change.request.id or 0: f"refs/heads/{branch_of(entry)}" for entry in entries}
    found = git.ls(view.repository.land, tuple(refs.values())) if refs else {}
    return {number: found[ref] for number, ref in refs.items() if ref in found}


def shape(desk: Desk, view: View, entry: Entry, tip: str | None, target: str, seen: str | None = None) -> Shape:
    """What is on the branch whose tip this is, and whether the provider has seen it, which shows the head `seen`.

    A branch that is gone holds nothing, so that it is made again.
    """
    if tip is None:
        return Shape(is_ours=True, has_head=False, has_target=False)
    repository, head = view.repository, entry.change.head
    repository.bring(head.head_oid, head.branch)
    _fetch(repository, branch_of(entry), tip)
    return Shape(
        is_ours=_is_ours(desk, repository, entry, tip, target),
        has_head=repository.is_in(head.head_oid, tip),
        has_target=repository.is_in(target, tip),
        is_seen=seen in (None, tip),
    )


def shown(view: View, entry: Entry, pull: PullView, opened: Event | None, target: str) -> Shown:
    """What the provider shows, or showed when it was closed or merged; `opened` tells what was put there last.

    That head may be gone from the branch and from this host: then the books say what was in it. Of an open one the
    branch tells, and nothing is asked here.
    """
    is_aimed = pull.target == view.rig.branch
    if pull.state is PullState.OPEN:
        return Shown(has_head=False, has_landed=False, is_aimed=is_aimed)
    repository, head = view.repository, entry.change.head
    said = opened.payload if opened is not None else {}
    has_head = (said.get("commit"), said.get("head_id")) == (pull.head_oid, head.id) or (
        repository.has(pull.head_oid) and repository.is_in(head.head_oid, pull.head_oid)
    )
    has_landed = pull.state is PullState.MERGED and (
        repository.is_in(head.head_oid, target)
        or (has_head and repository.is_in(pull.merge_oid or pull.head_oid, target))
    )
    return Shown(has_head=has_head, has_landed=has_landed, is_aimed=is_aimed)


def _fetch(repository: Repository, branch: str, tip: str) -> None:
    if not repository.has(tip):
        git.fetch_branch(repository.land, branch)
    if not repository.has(tip):
        raise git.ObjectMissing(f"{branch} moved while it was looked at", hint="It is looked at again by itself.")


def _is_ours(desk: Desk, repository: Repository, entry: Entry, tip: str, target: str) -> bool:
    """Whether nothing would be lost with the tip: besides the target, heads of the bead's requests and what the queue
    itself has put there it has clean merges only.

    Read from the commits, with no trust in a name. "Update branch" makes such merges, too. A target that was pushed
    back, or an earlier request of the bead, leaves there what is neither in the target nor in a head of this request.
    """
    bead_id = entry.change.request.bead_id
    with desk.write() as session:
        requests = queries.list_for_bead(session, bead_id)
        heads = [head.head_oid for one in requests for head in queries.list_heads(session, one.id or 0)]
        put = pull_records.list_put(session, bead_id)
    known = [f"^{oid}" for oid in git.find_commits(repository.land, [target, *heads, *put])]
    span = ("rev-list", "--parents", f"--max-count={_MOST_MERGES + 1}", tip, *known)
    commits = [line.split() for line in git.git(repository.land, *span).stdout.splitlines()]
    return len(commits) <= _MOST_MERGES and all(_is_clean_merge(repository, *commit) for commit in commits)


def _is_clean_merge(repository: Repository, oid: str, *parents: str) -> bool:
    if len(parents) != 2:
        return False
    merged = git.merge_trees(repository.land, *parents)
    return not isinstance(merged, git.Conflicted) and merged.tree == git.tree_of(repository.land, oid)


def gives(repository: Repository, target: str, tip: str, tree: str) -> bool:
    """Whether a merge of `tip` into `target` has the gated tree."""
    merged = git.merge_trees(repository.land, target, tip)
    return not isinstance(merged, git.Conflicted) and merged.tree == tree


def put(view: View, entry: Entry, tip: str | None, found: Shape, *, tree: str, target: str) -> str:
    """Have a head on the branch that contains the target and has the gated tree; the commit, new or as it was.

    `tip` and `found` say what is there now, which is replaced only if it is still that. Raises `BranchNotTaken`.
    """
    repository, change = view.repository, entry.change
    is_good = tip is not None and found.has_head and found.has_target and git.tree_of(repository.land, tip) == tree
    if tip is not None and is_good:
        return tip
    repository.bring(change.head.head_oid, change.head.branch)
    made = join(repository, [change], tree, target, change.request.boarded_at or change.request.queued_at)
    outcome = git.push_branch(repository.land, branch_of(entry), made.commit_oid, expect=tip)
    if outcome.kind is not Pushed.LANDED:
        raise BranchNotTaken(
            f"the remote did not take {branch_of(entry)}: {outcome.kind.value} {outcome.reason}",
            hint="It is tried again by itself. Check that the town may push branches there.",
        )
    return made.commit_oid


def landed_as(repository: Repository, base: str, tip: str, target: str) -> str:
    """The commit on the target's own line that brought `tip`, somewhere after `base`."""
    for commit in git.first_parent(repository.land, base, target) if base != target else []:
        if repository.is_in(tip, commit.oid):
            return commit.oid
    return tip
