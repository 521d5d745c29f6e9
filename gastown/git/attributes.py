"""The `.gitattributes` of a commit, where a merge without a work tree can see them.

They say how files are merged (`merge=union`, `-merge`, `binary`). git reads them from the work tree that it merges
into, and a bare repository has none: it would merge as if they said nothing. So the files, and no others, are laid into
a folder that stands for the work tree. Drivers that they name live in somebody's configuration, and we read none: git
then merges such files as text, as it does in any fresh clone.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from gastown.git import history, scratch
from gastown.git.run import Options, git

NAMES = ":(glob)**/.gitattributes"
"""The pathspec of all of them."""
_FILES = ("100644", "100755")  # git takes none that is a symbolic link


@contextlib.contextmanager
def folder_of(repo: Path, commit: str) -> Iterator[Path | None]:
    """A folder with nothing but the `.gitattributes` of `commit` while the block lasts; None where it has none."""
    found = changed(repo, None, commit)
    if not found:
        yield None
        return
    with scratch.make_folder() as folder:
        lay_out(repo, Path(folder), found)
        yield Path(folder)


def changed(repo: Path, since: str | None, until: str) -> dict[str, str | None]:
    """The `.gitattributes` that differ between two commits, by path: blob, or None; since None: all that there are."""
    if since is None:
        result = git(repo, "ls-tree", "-r", "-z", "--full-tree", until, options=Options(expect=None))
        if result.code:
            raise history.fail(repo, result, until)
        lines = (line.partition("\t") for line in result.fields if line.endswith(".gitattributes"))
        return {
            path: words.split()[2]
            for words, _, path in lines
            if words.split()[0] in _FILES and PurePosixPath(path).name == ".gitattributes"
        }
    words = ("diff-tree", "-r", "-z", "--raw", "--no-renames", since, until, "--", NAMES)
    result = git(repo, *words, options=Options(expect=None))
    if result.code:
        raise history.fail(repo, result, since, until)
    return parse_raw(result.stdout)


def parse_raw(text: str) -> dict[str, str | None]:
    """The same from what `diff-tree --raw -z` says."""
    parts = text.split("\0")
    found: dict[str, str | None] = {}
    for words, path in zip(parts[0::2], parts[1::2], strict=False):
        _, mode, _, oid, _ = words.lstrip(":").split()
        found[path] = oid if mode in _FILES else None
    return found


def lay_out(repo: Path, folder: Path, files: Mapping[str, str | None]) -> None:
    """Write the files into the folder, or delete those without a blob. What git would not check out is left out."""
    for name, oid in files.items():
        parts = PurePosixPath(name).parts
        if name.startswith("/") or any(part == ".." or part.lower() == ".git" for part in parts):
            continue
        path = folder.joinpath(*parts)
        if oid is None:
            path.unlink(missing_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(history.read_text(repo, oid).encode("utf-8", "surrogateescape"))
