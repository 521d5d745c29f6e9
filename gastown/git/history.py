"""Questions about commits in a repository that we trust. A missing object raises `ObjectMissing`: it is no "no"."""

import contextlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from gastown.git.errors import BadObjectId, GitFailed, NotARepository, ObjectMissing
from gastown.git.names import check_oid
from gastown.git.run import Options, Place, Result, git

_FORMAT = "%H%x00%T%x00%P%x00%an%x00%ae%x00%cn%x00%ct%x00%at%x00%B"
_FIELDS = _FORMAT.count("%x00") + 1
_ANY = Options(expect=None)
_BEGINNING = re.compile(r"[0-9a-f]{7,64}")
_MOST_COMMITS = 50_000
_MOST_TREES = 4096


@dataclass(frozen=True)
class Commit:
    """One commit as it is recorded."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    author: str
    author_email: str
    committer: str
    committed_at: datetime
    authored_at: datetime
    message: str

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0]

    def trailers(self, key: str) -> list[str]:
        """The values of the message's `key: value` lines in its last paragraph, in order."""
        last = self.message.rstrip().rpartition("\n\n")[2]
        prefix = f"{key.lower()}: "
        return [line[len(prefix) :].strip() for line in last.splitlines() if line.lower().startswith(prefix)]


@dataclass(frozen=True)
class Distance:
    """How far two commits are apart."""

    ahead: int
    """Commits of the head that the base lacks."""
    behind: int
    """Commits of the base that the head lacks."""


def _describe(repo: Path, names: Sequence[str]) -> list[tuple[str, str] | None]:
    """The object id and type of each name, or None where there is no such object; one process for all."""
    answer = git(repo, "cat-file", "--batch-check=%(objectname) %(objecttype)", options=Options(input="\n".join(names)))
    described: list[tuple[str, str] | None] = []
    for line in answer.stdout.splitlines():
        oid, _, kind = line.rpartition(" ")
        described.append(None if kind in {"missing", "ambiguous"} else (oid, kind))
    return described


def has_commit(repo: Path, oid: str) -> bool:
    """Whether the repository has this commit object (not whether all that it names is there as well)."""
    return _describe(repo, [check_oid(oid)]) == [(oid, "commit")]


def resolve_commit(repo: Path, words: str) -> str:
    """The id of the commit whose id begins with `words`; raises `ObjectMissing` where there is none, or several."""
    if not _BEGINNING.fullmatch(words):
        raise BadObjectId(f"not a commit's id: {ascii(words)[:60]}", hint="Give 7 to 40 digits of it, or all.")
    (found,) = _describe(repo, [f"{words}^{{commit}}"])
    if found is None:
        raise ObjectMissing(f"{repo} has no commit {words}, or several", hint="Give its whole id; fetch it if need be.")
    return found[0]


def require_commits(repo: Path, *oids: str) -> None:
    """Raise `ObjectMissing` naming the first of these commits that the repository does not have."""
    for oid, found in zip(oids, _describe(repo, [check_oid(oid) for oid in oids]), strict=True):
        if found != (oid, "commit"):
            raise ObjectMissing(f"{repo} has no commit {oid}", hint="It may not have been fetched yet: try again.")


def fail(repo: Path, result: Result, *oids: str) -> GitFailed:
    """The error for a command about these commits that failed; raises `ObjectMissing` where one of them is missing."""
    require_commits(repo, *oids)
    return GitFailed(f"git ended with {result.code} in {repo}: {result.complaint or 'no message'}")


def _ask(repo: Path, args: Sequence[str], *oids: str) -> Result:
    for oid in oids:
        check_oid(oid)
    result = git(repo, *args, options=_ANY)
    if result.code:
        raise fail(repo, result, *oids)
    return result


def is_ancestor(repo: Path, ancestor: str, descendant: str) -> bool:
    """Whether `descendant` contains `ancestor`; a commit contains itself."""
    for oid in (ancestor, descendant):
        check_oid(oid)
    result = git(repo, "merge-base", "--is-ancestor", ancestor, descendant, options=_ANY)
    if result.code in {0, 1}:
        return result.code == 0
    raise fail(repo, result, ancestor, descendant)


def merge_base(repo: Path, one: str, other: str) -> str | None:
    """The best common ancestor of two commits, or None where they share no history."""
    for oid in (one, other):
        check_oid(oid)
    result = git(repo, "merge-base", one, other, options=_ANY)
    if result.code in {0, 1}:
        return result.line or None
    raise fail(repo, result, one, other)


def find_commits(repo: Path, oids: Sequence[str]) -> list[str]:
    """Those of the commits that the repository has."""
    described = _describe(repo, [check_oid(oid) for oid in oids])
    return [oid for oid, found in zip(oids, described, strict=True) if found == (oid, "commit")]


def find_merged(repo: Path, oids: Collection[str], *targets: str) -> frozenset[str]:
    """Those of the commits that are part of a target; one that the repository does not have is not."""
    known = find_commits(repo, list(oids))
    if not known:
        return frozenset()
    options = Options(expect=None, input="\n".join((*known, *(f"^{check_oid(target)}" for target in targets), "")))
    result = git(repo, "rev-list", "--stdin", options=options)
    if result.code:
        raise fail(repo, result, *targets, *known)
    return frozenset(known) - set(result.stdout.split())


def heads_within(repo: Path, heads: Sequence[str], target: str) -> dict[str, set[str]]:
    """For each of these commits, which of the others are part of its history without being part of `target`.

    One process for all. What the repository does not have is left out; `target` it must have. Of histories that part
    from the target by more than 50,000 commits in all, the newest are looked at.
    """
    known = [head for head, found in zip(heads, _describe(repo, heads), strict=True) if found == (head, "commit")]
    count = f"--max-count={_MOST_COMMITS}"
    words = ["rev-list", "--topo-order", "--parents", count, "--stdin"]
    wanted = "\n".join([*map(check_oid, known), f"^{check_oid(target)}", ""])
    listed = git(repo, *words, options=Options(input=wanted, expect=None))
    if listed.code:
        raise fail(repo, listed, target)
    inside: dict[str, frozenset[str]] = {}
    asked = frozenset(known)
    for line in reversed(listed.stdout.splitlines()):  # parents first
        oid, *parents = line.split()
        inside[oid] = frozenset().union(*(inside.get(parent, frozenset()) | ({parent} & asked) for parent in parents))
    return {head: set(inside.get(head, ())) & inside.keys() for head in known}


@lru_cache(maxsize=_MOST_TREES)
def tree_of(repo: Path, commit: str) -> str:
    """The id of the commit's tree. Git is asked once: a commit never has another one, whatever becomes of it here."""
    (found,) = _describe(repo, [f"{check_oid(commit)}^{{tree}}"])
    if found is None:
        raise ObjectMissing(f"{repo} has no commit {commit}", hint="It may not have been fetched yet: try again.")
    return found[0]


def distance(repo: Path, base: str, head: str) -> Distance:
    """How many commits `head` is ahead of `base`, and how many behind."""
    counts = _ask(repo, ["rev-list", "--left-right", "--count", f"{base}...{head}", "--"], base, head)
    behind, ahead = counts.line.split()
    return Distance(int(ahead), int(behind))


def commits_ahead(repo: Path, base: str, head: str) -> int:
    """How many commits `head` has that `base` lacks."""
    return distance(repo, base, head).ahead


def behind(repo: Path, head: str, target: str) -> int:
    """How many commits `target` has that `head` lacks."""
    return distance(repo, target, head).behind


def first_parent(repo: Path, since: str | None, until: str) -> list[Commit]:
    """The first-parent commits after `since` (None: from the first one) up to and with `until`, oldest first."""
    span = until if since is None else f"{since}..{until}"
    oids = [until] if since is None else [since, until]
    answer = _ask(repo, ["log", "-z", "--first-parent", "--reverse", f"--format={_FORMAT}", span, "--"], *oids)
    parts = answer.stdout.split("\0")
    return [_commit(parts[at : at + _FIELDS]) for at in range(0, len(parts) - _FIELDS + 1, _FIELDS)]


def read_commit(repo: Path, oid: str) -> Commit:
    """One commit as it is recorded."""
    answer = _ask(repo, ["log", "-1", "-z", f"--format={_FORMAT}", check_oid(oid), "--"], oid)
    return _commit(answer.stdout.split("\0")[:_FIELDS])


def read_messages(checkout: Path, *, limit: int = 10_000) -> list[Commit]:
    """The newest commits of every branch of somebody's own checkout, newest first; refuses where there is none."""
    place, options = Place(None, work_tree=checkout), Options(as_user=True, expect=None, timeout_s=60.0)
    answer = git(place, "log", "-z", "--all", f"--max-count={limit}", f"--format={_FORMAT}", options=options)
    if answer.code:
        raise NotARepository(f"no git repository in {checkout}", hint="Run it in a checkout, or give -C.")
    parts = answer.stdout.split("\0")
    return [_commit(parts[at : at + _FIELDS]) for at in range(0, len(parts) - _FIELDS + 1, _FIELDS)]


def _commit(parts: list[str]) -> Commit:
    oid, tree, parents, author, email, committer, seconds, authored, message = parts
    return Commit(
        oid=oid,
        tree=tree,
        parents=tuple(parents.split()),
        author=author,
        author_email=email,
        committer=committer,
        committed_at=datetime.fromtimestamp(int(seconds), UTC),
        authored_at=datetime.fromtimestamp(int(authored), UTC),
        message=message.rstrip("\n"),
    )


def changed_paths(repo: Path, base: str, head: str) -> list[str]:
    """The files that differ between two commits, without rename detection."""
    return _ask(repo, ["diff-tree", "-r", "-z", "--name-only", "--no-renames", base, head, "--"], base, head).fields


def subject_of(repo: Path, oid: str) -> str:
    """The first line of a commit's message."""
    return _ask(repo, ["log", "-1", "--format=%s", check_oid(oid), "--"], oid).line


def has_blob(repo: Path, oid: str) -> bool:
    """Whether the repository has this blob."""
    return _describe(repo, [check_oid(oid)]) == [(oid, "blob")]


def has_tree(repo: Path, oid: str) -> bool:
    """Whether the repository has this tree."""
    return _describe(repo, [check_oid(oid)]) == [(oid, "tree")]


def read_text(repo: Path, oid: str) -> str:
    """The content of a blob."""
    result = git(repo, "cat-file", "blob", check_oid(oid), options=_ANY)
    if result.code:
        raise ObjectMissing(f"{repo} has no blob {oid}")
    return result.stdout


def ref_value(repo: Path, ref: str) -> str | None:
    """The object id that a full ref name points at, or None. Tries the ref's own file first: that starts no process."""
    with contextlib.suppress(OSError, UnicodeDecodeError, BadObjectId):
        return check_oid((repo / ref).read_text().strip())
    result = git(repo, "rev-parse", "--quiet", "--verify", ref, options=_ANY)
    return result.line if result.code == 0 else None
