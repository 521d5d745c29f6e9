"""The demo's two repositories, made inside its own folder: a copy of a real one, and the sample.

The repository that the copy is taken from is only read. Both copies are bare and become the remotes of the rigs, with
one branch, `main`, that begins where the source stood.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gastown import clock, git, ids
from gastown.errors import Invalid
from gastown.git import Draft, Options, Person, Place
from gastown.town.demo import sample

BRANCH = "main"
SAMPLE_NAME = "sample"
PLAIN_NAME = "project"
# Folders are often called so; as a rig's name it would say nothing, or something else.
_NO_NAMES = frozenset({SAMPLE_NAME, BRANCH, "master", "trunk", "src", "repo", "work", "code"})
# Where the agents' files go in the copy of the real repository; numbered while somebody has that name.
WORK_FOLDER = "gastown_demo"
_TOWN = Person("gastown demo", "demo@gastown.local")
_COPYING_TIMEOUT_S = 120.0


class NothingToCopy(Invalid):
    """The repository has no commit, or its newest one has no files."""


@dataclass(frozen=True)
class Copy:
    """A bare repository of the demo's own."""

    name: str
    """How its rig is called."""
    path: Path
    base: str
    """Where `main` begins."""
    source: str
    """What it was copied from, for people; empty for the sample."""
    work_folder: str = ""


def find_source(named: str | None, cwd: Path) -> str | None:
    """What to copy: what was named, else the repository around the working folder; None where there is neither.

    A path stands for the repository around it. Refuses paths outside of any, and addresses that git may not be given.
    """
    if named is None:
        return _repository_around(cwd)
    path = cwd / named
    if named.startswith("-") or not path.exists():
        return git.check_remote_url(named)
    found = _repository_around(path) if path.is_dir() else None
    if found is None:
        raise git.NotARepository(f"{path} is in no git repository", hint="gt demo --repo PATH-OR-URL")
    return found


def _repository_around(folder: Path) -> str | None:
    options = Options(as_user=True, expect=None)
    place = Place(None, work_tree=folder)
    top = git.git(place, "rev-parse", "--show-toplevel", options=options)
    if top.code == 0 and top.line:
        return top.line
    bare = git.git(place, "rev-parse", "--absolute-git-dir", options=options)
    return bare.line if bare.code == 0 and bare.line else None


def copy(source: str, folder: Path) -> Copy:
    """Copy what `source` has checked out into a bare repository below `folder`.

    Refuses a source without commits or files. History comes along, unless the source itself has only a part of it:
    then the copy begins with one commit of the same files.
    """
    name = rig_name(source)
    path = folder / f"{name}.git"
    options = Options(as_user=True, expect=None, timeout_s=_COPYING_TIMEOUT_S)
    git.git(Place(path), "init", "--quiet", "--bare", "--template=", f"--initial-branch={BRANCH}")
    words = ("fetch", "--quiet", "--no-tags", "--update-shallow", "--", source, f"+HEAD:refs/heads/{BRANCH}")
    fetched = git.git(path, *words, options=options)
    if fetched.code:
        raise NothingToCopy(
            f"cannot copy {git.redact(source)}: {fetched.complaint or 'it has no commit'}",
            hint="Name a repository with a commit: gt demo --repo PATH-OR-URL",
        )
    base = git.ref_value(path, f"refs/heads/{BRANCH}") or ""
    if (path / "shallow").exists():
        base = _begin_anew(path, base, source)
    top = set(git.git(path, "ls-tree", "-z", "--name-only", base).fields)
    if not top:
        raise NothingToCopy(f"{git.redact(source)} has no files", hint="Name another one: gt demo --repo PATH-OR-URL")
    return Copy(name, path, base, git.redact(source), _free_name(top))


def _begin_anew(path: Path, commit: str, source: str) -> str:
    """A commit without a past and with the files of `commit`: nobody can be given half a history."""
    message = f"Files of {git.redact(source)} at {commit}"
    draft = Draft(git.tree_of(path, commit), (), message, _TOWN, _TOWN, clock.now())
    made = git.commit_tree(path, draft)
    git.git(path, "update-ref", f"refs/heads/{BRANCH}", made)
    (path / "shallow").unlink()
    return made


def _free_name(taken: set[str]) -> str:
    number, name = 1, WORK_FOLDER
    while name in taken:
        number += 1
        name = f"{WORK_FOLDER}_{number}"
    return name


def rig_name(source: str) -> str:
    """A rig's name from an address: its last part, if that can be a name; never the sample's."""
    last = source.rstrip("/").removesuffix(".git").replace(":", "/").rpartition("/")[2].lower()
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in last)
    name = letters.strip("-").lstrip("0123456789-")[:20].rstrip("-")
    try:
        return PLAIN_NAME if name in _NO_NAMES else ids.check_rig_name(name)
    except ids.BadName:
        return PLAIN_NAME


def make_sample(folder: Path) -> Copy:
    """Make the sample repository below `folder`."""
    path = folder / f"{SAMPLE_NAME}.git"
    return Copy(SAMPLE_NAME, path, _make(path, sample.FILES, "A small till"), "")


def make_project(folder: Path) -> Copy:
    """Make what stands in for a real repository where there is none to copy: hardly more than a folder."""
    path = folder / f"{PLAIN_NAME}.git"
    return Copy(PLAIN_NAME, path, _make(path, sample.PROJECT_FILES, "An empty notebook"), "", WORK_FOLDER)


def _make(path: Path, files: Mapping[str, str], message: str) -> str:
    git.git(Place(path), "init", "--quiet", "--bare", "--template=", f"--initial-branch={BRANCH}")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".files-") as made:
        for name, text in files.items():
            file = Path(made) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        place = Place(path, work_tree=Path(made), index=path / "index")
        git.git(place, "add", "--all", "--", *sorted({name.partition("/")[0] for name in files}))
        tree = git.git(place, "write-tree").line
    (path / "index").unlink()
    base = git.commit_tree(path, Draft(tree, (), message, _TOWN, _TOWN, clock.now()))
    git.git(path, "update-ref", f"refs/heads/{BRANCH}", base)
    return base
