"""A past lived through again: each branch of it is put on the target by the refinery's own code, and merged by git
in a work tree, by somebody with a clone and no settings; what differs is told.
"""

import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gastown import git
from gastown.refinery.candidate import Change, Repository, ground, join, put_on
from gastown.refinery.lifecycle import Candidate
from gastown.refinery.models import MergeHead, MergeRequest
from tests.support.pasts import Merge

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
NOBODY = {
    "PATH": "/usr/bin:/bin:/usr/local/bin",
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Somebody",
    "GIT_AUTHOR_EMAIL": "somebody@example.com",
    "GIT_COMMITTER_NAME": "Somebody",
    "GIT_COMMITTER_EMAIL": "somebody@example.com",
    # Nothing is tidied in the background, beside the command that comes next.
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "gc.auto",
    "GIT_CONFIG_VALUE_0": "0",
    "GIT_CONFIG_KEY_1": "maintenance.auto",
    "GIT_CONFIG_VALUE_1": "false",
}


_SIDE = re.compile(r"~(HEAD|[0-9a-f]{40})$")


# A file that was written in the same moment as the index may look changed to git, which then merges nothing.
_TRIES = 3
FELL = ("git merge fell over its own conflict",)


class WorkTree:
    """A clone with files, in which git merges as it does for people."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder = folder
        subprocess.run(["git", "init", "--quiet", str(folder)], check=True, env=NOBODY)
        (folder / ".git/objects/info/alternates").write_text(f"{source.resolve() / 'objects'}\n")

    def run(self, *words: str) -> tuple[int, str]:
        done = subprocess.run(["git", *words], cwd=self.folder, env=NOBODY, capture_output=True, check=False)
        return done.returncode, (done.stdout or done.stderr).decode("utf-8", "backslashreplace")

    def stand_on(self, commit: str) -> None:
        """Check out this commit and nothing else."""
        self.run("reset", "--quiet", "--hard")
        self.run("clean", "-ffdxq")
        code, said = self.run("checkout", "--quiet", "--force", "--detach", commit)
        assert code == 0, (commit, said)

    def merge(self, head: str) -> str | tuple[str, ...]:
        """The tree that `git merge` makes of it, or the paths that it leaves unmerged, and then nothing is merged."""
        for _ in range(_TRIES):
            code, said = self.run("merge", "--quiet", "--no-ff", "--no-edit", head)
            if code == 0:
                return self.run("rev-parse", "HEAD^{tree}")[1].strip()
            unmerged = self.run("ls-files", "--unmerged", "-z")[1].split("\0")[:-1]
            if code < 0:
                # Git 2.39 falls over some conflicts of folders when it writes them into an index ("BUG: merge-ort.c").
                (self.folder / ".git/index.lock").unlink(missing_ok=True)
            self.run("reset", "--quiet", "--hard")
            self.run("clean", "-ffdxq")
            if code < 0:
                return FELL
            if unmerged or "unrelated histories" in said:
                return tuple(sorted({_place(line.partition("\t")[2]) for line in unmerged}))
        raise AssertionError(f"git neither merged {head} nor said where it conflicts: {said}")


def _place(path: str) -> str:
    """Without the name of the side behind a file whose place a folder has taken: git says HEAD, and we a commit."""
    return _SIDE.sub("~side", path)


@dataclass
class Account:
    """What came of a replay."""

    landed: int = 0
    conflicts: int = 0
    differing: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    """How often git spoke of each kind of conflict."""


def change(number: int, head: str) -> Change:
    """A request with this head, as the refinery's rows have it."""
    row = MergeHead(
        id=number,
        request_id=number,
        assignment_id=number,
        fence=1,
        polecat="app/polecats/nux",
        head_oid=head,
        branch=f"polecat/nux/app-{number}@1",
        submitted_at=WHEN,
    )
    request = MergeRequest(id=number, bead_id=f"app-{number}", rig="app", head_id=number, queued_at=WHEN)
    return Change(request, row, f"Change {number}")


def replay_in_trains(land: Path, tree: WorkTree, merges: Sequence[Merge], *, riders: int) -> Account:
    """Send all the heads to the target in trains: what goes together with those before it lands with them."""
    account, target = Account(), merges[0].onto
    repository = Repository(land, land.with_name("none"), "", "main")
    for at in range(0, len(merges), riders):
        train: list[Change] = []
        below = ground(repository, target, WHEN)
        tree.stand_on(target)
        with repository.workbench() as merger:
            for number, merge in enumerate(merges[at : at + riders], at + 1):
                rider = change(number, merge.head)
                made = put_on(merger, below, rider.head, WHEN)
                _compare(account, number, made, tree.merge(merge.head))
                if isinstance(made, Candidate):
                    train, below = [*train, rider], made
        if train:
            target = join(repository, train, below.tree_oid, target, WHEN).commit_oid
            assert git.tree_of(land, target) == below.tree_oid
    return account


def replay_as_it_stood(land: Path, tree: WorkTree, merges: Sequence[Merge]) -> Account:
    """Put each head on what it was merged into then."""
    account = Account()
    repository = Repository(land, land.with_name("none"), "", "main")
    with repository.workbench() as merger:
        for number, merge in enumerate(merges, 1):
            tree.stand_on(merge.onto)
            below = ground(repository, merge.onto, WHEN)
            made = put_on(merger, below, change(number, merge.head).head, WHEN)
            _compare(account, number, made, tree.merge(merge.head))
    return account


def _compare(account: Account, number: int, made: Candidate | git.Conflicted, git_says: str | tuple[str, ...]) -> None:
    if isinstance(made, git.Conflicted):
        ours: str | tuple[str, ...] = tuple(sorted({_place(path) for path in made.paths}))
        account.conflicts += 1
        account.kinds.update(text.partition(":")[0] for text in made.messages if text.startswith("CONFLICT"))
    else:
        ours = made.tree_oid
        account.landed += 1
    if ours != git_says and not (git_says == FELL and isinstance(made, git.Conflicted)):
        account.differing.append(f"request {number}: {ours!r}, and git merge makes {git_says!r}")
