"""Merges without a work tree: two commits to a tree, a tree to a commit. Milliseconds, and nothing to clean up."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from gastown.git import attributes, history
from gastown.git.names import check_oid
from gastown.git.run import Options, Place, git


@dataclass(frozen=True)
class Merged:
    """The two sides go together; `tree` is in the repository."""

    tree: str


@dataclass(frozen=True)
class Conflicted:
    """The two sides do not go together: a verdict on the change, not a failure of ours."""

    paths: tuple[str, ...]
    messages: tuple[str, ...]
    """One line each, in git's words, for whoever mends it."""


@dataclass(frozen=True)
class Person:
    """A name and address as git records them."""

    name: str
    email: str


@dataclass(frozen=True)
class Draft:
    """A commit to be made. The same draft gives the same object id on every host."""

    tree: str
    parents: tuple[str, ...]
    message: str
    author: Person
    committer: Person
    when: datetime
    trailers: tuple[tuple[str, str], ...] = field(default=())
    authored_at: datetime | None = None
    """When its author made it; None: `when`."""


def merge_trees(repo: Path, base: str, head: str) -> Merged | Conflicted:
    """Merge commit `head` into commit `base` as `git merge` does in a clean checkout of `base`, without one and moving
    no ref: the `.gitattributes` of `base` hold. Raises `ObjectMissing`, no guess.
    """
    with attributes.folder_of(repo, check_oid(base)) as folder:
        return merge_in(repo, folder, base, head)


def merge_in(repo: Path, folder: Path | None, base: str, head: str) -> Merged | Conflicted:
    """The same with the `.gitattributes` that are in `folder`; None: there are none."""
    for oid in (base, head):
        check_oid(oid)
    words = ("merge-tree", "--write-tree", "-z", "--name-only", "--messages", base, head)
    result = git(Place(repo, work_tree=folder), *words, options=Options(expect=None))
    if result.stderr:
        _require_trees(repo, base, head)
    tree, _, rest = result.stdout.partition("\0")
    if result.code == 0:
        return Merged(check_oid(tree))
    # 1 means conflict only together with a tree: git 2.39 also ends with 1 for a commit that it does not have.
    if result.code == 1 and tree:
        paths, _, messages = rest.partition("\0\0")
        return Conflicted(tuple(path for path in paths.split("\0") if path), tuple(_messages(messages)))
    error = history.fail(repo, result, base, head)
    if history.merge_base(repo, base, head) is None:
        return Conflicted((), ("the two branches share no history",))
    raise error


def _require_trees(repo: Path, base: str, head: str) -> None:
    """Raise `GitFailed` if a folder is missing from either commit or from their common one.

    git 2.39 takes a tree that it cannot read for an empty one: it complains, and answers with everything deleted.
    """
    history.require_commits(repo, base, head)
    common = history.merge_base(repo, base, head)
    commits = [base, head, *([common] if common else [])]
    git(repo, "rev-list", "--objects", "--quiet", "--no-walk", *commits, "--")


def _messages(section: str) -> Iterator[str]:
    """Each message: the number of its paths, the paths, a fixed word for its kind, the text."""
    parts = iter(section.split("\0"))
    for count in parts:
        if not count.isdigit():
            return
        for _ in range(int(count)):
            next(parts, None)
        kind, text = next(parts, ""), next(parts, "").strip()
        if kind != "Auto-merging":  # said of every file that both sides touch, also of those that merged well
            yield text


def commit_text(draft: Draft) -> str:
    """The commit as git stores it, to the letter what `commit_tree` has git write."""
    lines = [f"tree {check_oid(draft.tree)}"]
    lines += [f"parent {check_oid(parent)}" for parent in dict.fromkeys(draft.parents)]
    authored_at = draft.authored_at or draft.when
    for role, person, moment in (("author", draft.author, authored_at), ("committer", draft.committer, draft.when)):
        name, email = _ident(person.name) or "unknown", _ident(person.email) or "unknown@localhost"
        lines.append(f"{role} {name} <{email}> {int(moment.timestamp())} +0000")
    return "\n".join((*lines, "", _message(draft)))


def commit_tree(repo: Path, draft: Draft) -> str:
    """Write the commit and return its id; no ref moves."""
    parents = [word for parent in draft.parents for word in ("-p", check_oid(parent))]
    moments = (("AUTHOR", draft.authored_at or draft.when), ("COMMITTER", draft.when))
    env = {f"GIT_{role}_DATE": f"@{int(moment.timestamp())} +0000" for role, moment in moments}
    for role, person in (("AUTHOR", draft.author), ("COMMITTER", draft.committer)):
        env[f"GIT_{role}_NAME"] = _ident(person.name) or "unknown"
        env[f"GIT_{role}_EMAIL"] = _ident(person.email) or "unknown@localhost"
    result = git(
        repo,
        "commit-tree",
        *parents,
        "-F",
        "-",
        check_oid(draft.tree),
        options=Options(input=_message(draft), env=env),
    )
    return check_oid(result.line)


def _ident(text: str) -> str:
    """Without the characters that end a field of a commit's header; git drops dots and commas at the ends itself."""
    cleaned = "".join(character for character in text if character.isprintable() and character not in "<>")
    return cleaned.encode("utf-8", "replace").decode().strip(" .,:;\"'\\")


def _message(draft: Draft) -> str:
    trailers = [f"{key}: {' '.join(value.split())}" for key, value in draft.trailers]
    text = "\n\n".join(part for part in (draft.message.strip(), "\n".join(trailers)) if part)
    return text.replace("\0", "").encode("utf-8", "replace").decode() + "\n"
