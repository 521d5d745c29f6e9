"""All of git: the one place that runs it. Functions return values or raise the errors of `gastown.git.errors`.

A rig has two bare repositories on each host. `land.git` is ours: the only one with a remote, where candidates are
merged without a work tree and pushed. `work.git` carries the agents' worktrees, and nothing an agent writes there is
obeyed: the town looks at it through a view with a configuration of its own (`layout.make_view`). Heads go from there to
`land.git` by object id. Gates run in pooled folders that belong to neither.

A missing object is `ObjectMissing`, which may be tried again; it is never mistaken for "no" or for a conflict. What
came of a push is read from the remote's refs, never from messages.
"""

from gastown.git.checkouts import Checkout, add_checkout, list_checkouts, list_uncommitted, remove_checkout
from gastown.git.errors import (
    BadBranchName,
    BadObjectId,
    BadRemoteUrl,
    BranchMissing,
    BranchTaken,
    DiskTrouble,
    GitFailed,
    GitNotInstalled,
    GitTimedOut,
    NotARepository,
    NotFastForward,
    ObjectMissing,
    PushForbidden,
    RemoteUnreachable,
    RepositoryBusy,
    RepositoryExists,
    WorktreeBroken,
    WorkUnsaved,
)
from gastown.git.gatetree import GateTree, checkout_gate, remove_gate
from gastown.git.history import (
    Commit,
    Distance,
    behind,
    changed_paths,
    commits_ahead,
    distance,
    first_parent,
    has_commit,
    is_ancestor,
    merge_base,
    read_messages,
    ref_value,
    require_commits,
    tree_of,
)
from gastown.git.hooks import add_trailer, hooks_folder
from gastown.git.identity import user_email, user_name
from gastown.git.land import create_land, fetch_branch, fetch_head, is_pinned, pin, unpin
from gastown.git.layout import view_of
from gastown.git.locks import exclusive, remove_stale_locks
from gastown.git.merge import Conflicted, Draft, Merged, Person, commit_tree, merge_trees
from gastown.git.names import check_branch_name, check_oid, check_remote_url, local_path
from gastown.git.push import (
    Fence,
    Landing,
    Pushed,
    PushOutcome,
    delete_branch,
    push_branch,
    push_landing,
    read_fence,
)
from gastown.git.remote import (
    FENCE_REF,
    PushSupport,
    RemoteHead,
    checkout_of,
    default_branch,
    ls,
    probe,
    try_push,
)
from gastown.git.run import Options, Place, Result, git, redact, version
from gastown.git.save import Keeper, Saved, save_work
from gastown.git.source import Acceptance, Source, checkout_accepts, resolve_source
from gastown.git.worktree import (
    TreeState,
    bring_commit,
    create_work,
    head_of,
    is_clean,
    prepare_worktree,
    remove_worktree,
    state,
    update_work,
)

fetch_target = fetch_branch
"""The same act under the name that a landing uses."""

__all__ = [
    "FENCE_REF",
    "Acceptance",
    "BadBranchName",
    "BadObjectId",
    "BadRemoteUrl",
    "BranchMissing",
    "BranchTaken",
    "Checkout",
    "Commit",
    "Conflicted",
    "DiskTrouble",
    "Distance",
    "Draft",
    "Fence",
    "GateTree",
    "GitFailed",
    "GitNotInstalled",
    "GitTimedOut",
    "Keeper",
    "Landing",
    "Merged",
    "NotARepository",
    "NotFastForward",
    "ObjectMissing",
    "Options",
    "Person",
    "Place",
    "PushForbidden",
    "PushOutcome",
    "PushSupport",
    "Pushed",
    "RemoteHead",
    "RemoteUnreachable",
    "RepositoryBusy",
    "RepositoryExists",
    "Result",
    "Saved",
    "Source",
    "TreeState",
    "WorkUnsaved",
    "WorktreeBroken",
    "add_checkout",
    "add_trailer",
    "behind",
    "bring_commit",
    "changed_paths",
    "check_branch_name",
    "check_oid",
    "check_remote_url",
    "checkout_accepts",
    "checkout_gate",
    "checkout_of",
    "commit_tree",
    "commits_ahead",
    "create_land",
    "create_work",
    "default_branch",
    "delete_branch",
    "distance",
    "exclusive",
    "fetch_branch",
    "fetch_head",
    "fetch_target",
    "first_parent",
    "git",
    "has_commit",
    "head_of",
    "hooks_folder",
    "is_ancestor",
    "is_clean",
    "is_pinned",
    "list_checkouts",
    "list_uncommitted",
    "local_path",
    "ls",
    "merge_base",
    "merge_trees",
    "pin",
    "prepare_worktree",
    "probe",
    "push_branch",
    "push_landing",
    "read_fence",
    "read_messages",
    "redact",
    "ref_value",
    "remove_checkout",
    "remove_gate",
    "remove_stale_locks",
    "remove_worktree",
    "require_commits",
    "resolve_source",
    "save_work",
    "state",
    "tree_of",
    "try_push",
    "unpin",
    "update_work",
    "user_email",
    "user_name",
    "version",
    "view_of",
]
