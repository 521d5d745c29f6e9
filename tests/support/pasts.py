"""Made-up histories with all that makes merging hard, from a seed: branches, their merges into a line, nothing else.

The trees are worked out here and handed to `git fast-import`: what git itself would have made of each merge is for the
reader of such a past to find out, so that a merge may also be one that somebody resolved by hand.
"""

import random
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gastown import git

File = tuple[str, bytes]
Files = dict[bytes, File]

TEXT, PROGRAM, LINK, MODULE = "100644", "100755", "120000", "160000"
FOLDERS = (b"src", b"src/deep/er", b"doc", b"data", "grüße".encode(), b"a b", b"caf\xe9")
NAMES = (b"one.txt", b"two.py", b"three", '日本"x".md'.encode(), b"-dash", b"tab\there", b"new\nline", b"caf\xe9.c")
ATTRIBUTES = (
    b"*.bin filter=lfs diff=lfs merge=lfs -text\nCHANGES merge=union\n",
    b"*.bin filter=lfs diff=lfs merge=lfs -text\nCHANGES merge=union\n*.lock -merge\n",
    b"*.lock binary\n* text=auto\n",
    b"*.md merge=nobody-has-it\nCHANGES merge=union\n*.lock merge=binary\n",
)


@dataclass(frozen=True)
class Merge:
    """A commit of the line: where it was, and the branch that was merged into it."""

    onto: str
    head: str


@dataclass
class Moment:
    """A commit that is still to be written: its mark, and its files."""

    mark: int
    files: Files


@dataclass
class Past:
    """What has been made up so far, as `git fast-import` reads it."""

    chance: random.Random = field(default_factory=random.Random)
    stream: list[bytes] = field(default_factory=list)
    blobs: dict[bytes, int] = field(default_factory=dict)
    marks: int = 0

    def commit(self, files: Files, *parents: Moment) -> Moment:
        """Make a commit with these files."""
        lines = [b"deleteall"]
        for path, (mode, content) in sorted(files.items()):
            name = content if mode == MODULE else b":%d" % self._blob(content)
            lines.append(b"M %s %s %s" % (mode.encode(), name, _quoted(path)))
        self.marks += 1
        moment = Moment(self.marks, dict(files))
        links = [b"%s :%d" % (b"merge" if n else b"from", parent.mark) for n, parent in enumerate(parents)]
        who = b"committer Somebody <somebody@example.com> %d +0000" % (1_700_000_000 + 60 * self.marks)
        branch = b"refs/heads/past/%d" % self.marks
        start = [b"commit " + branch, b"mark :%d" % self.marks, who, b"data 4\nwork"]
        if not parents:
            start.insert(0, b"reset " + branch)
        self.stream += [*start, *links, *lines, b""]
        return moment

    def _blob(self, content: bytes) -> int:
        if content not in self.blobs:
            self.marks += 1
            self.blobs[content] = self.marks
            self.stream += [b"blob", b"mark :%d" % self.marks, b"data %d" % len(content), content]
        return self.blobs[content]


def _quoted(path: bytes) -> bytes:
    return (
        b'"' + b"".join(b"\\%03o" % byte if byte in b'"\\\n\t' or byte > 126 else bytes([byte]) for byte in path) + b'"'
    )


def make_past(folder: Path, *, merges: int, seed: int) -> list[Merge]:
    """Make a bare repository with a line of so many merges; returns them, the first one first."""
    past = Past(random.Random(seed))
    line = [past.commit(_first(past.chance))]
    old: list[Moment] = []
    made: list[tuple[Moment, Moment]] = []
    for _ in range(merges):
        head = _branch(past, line, old)
        old.append(head)
        made.append((line[-1], head))
        line.append(past.commit(_mix(line[0].files, line[-1].files, head.files), line[-1], head))
    oids = write(folder, past)
    return [Merge(oids[onto.mark], oids[head.mark]) for onto, head in made]


def write(folder: Path, past: Past) -> dict[int, str]:
    """Make a bare repository of it; returns the object id of each mark."""
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
    marks = folder / "marks"
    words = ["git", "fast-import", "--quiet", "--force", f"--export-marks={marks}"]
    subprocess.run(words, cwd=folder, input=b"\n".join(past.stream) + b"\n", check=True)
    pairs = (line.split() for line in marks.read_text().splitlines())
    return {int(mark[1:]): oid for mark, oid in pairs}


def _lines(chance: random.Random) -> bytes:
    return b"".join(b"line %d %d\n" % (n, chance.randrange(10_000)) for n in range(40))


def _first(chance: random.Random) -> Files:
    files: Files = {b"%s/%s" % (folder, name): (TEXT, _lines(chance)) for folder in FOLDERS for name in NAMES}
    files[b".gitattributes"] = (TEXT, ATTRIBUTES[0])
    files[b"CHANGES"] = (TEXT, b"first\n")
    files[b"package.lock"] = (TEXT, _lines(chance))
    files[b"run.sh"] = (PROGRAM, _lines(chance))
    files[b"link"] = (LINK, b"src/one.txt")
    files[b"vendor/lib"] = (MODULE, b"%040x" % 1)
    files[b"big.bin"] = (TEXT, _pointer(chance))
    files[b"picture.png"] = (TEXT, b"\x89PNG\0" + chance.randbytes(300))
    return files


def _pointer(chance: random.Random) -> bytes:
    number = chance.randrange(1, 10**9)
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:%064x\nsize %d\n" % (
        chance.getrandbits(256),
        number,
    )


def _mix(base: Files, ours: Files, theirs: Files) -> Files:
    """What somebody might have made of a merge by hand: of each file the side that touched it, theirs before ours."""
    mixed = {}
    for path in sorted({*ours, *theirs}):  # in one order, or a seed makes another past each time
        kept = theirs.get(path) if theirs.get(path) != base.get(path) else ours.get(path)
        if kept is not None:
            mixed[path] = kept
    return _plain(mixed)


def _plain(files: Files) -> Files:
    """Without files that lie where others have a folder."""
    folders = {path[:at] for path in files for at in range(len(path)) if path[at : at + 1] == b"/"}
    return {path: file for path, file in files.items() if path not in folders}


def _branch(past: Past, line: list[Moment], old: list[Moment]) -> Moment:
    """A branch of one to four commits, from the line's end or from long ago, perhaps with merges of its own."""
    chance = past.chance
    if chance.random() < 0.02:
        return past.commit(_change(chance, {}))  # shares no history with anybody
    base = line[-1] if chance.random() < 0.4 else line[-chance.randint(1, min(len(line), 25))]
    if chance.random() < 0.05:
        return base if chance.random() < 0.5 else past.commit(base.files, base)  # nothing in it
    tip = base
    for _ in range(chance.randint(1, 4)):
        tip = past.commit(_change(chance, tip.files), tip)
        if chance.random() < 0.15:  # both ways between the line and a branch: merge bases that cross
            other = chance.choice([line[-1], *old[-5:]])
            tip = past.commit(_mix(base.files, tip.files, other.files), tip, other)
    return tip


def _change(chance: random.Random, files: Files) -> Files:
    changed = dict(files)
    for _ in range(chance.randint(1, 3)):
        chance.choices(_HOWS, _WEIGHTS)[0](chance, changed)
    return _plain(changed)


def _some(chance: random.Random, files: Files, *modes: str) -> bytes | None:
    found = sorted(path for path, (mode, _) in files.items() if mode in modes and path != b".gitattributes")
    return chance.choice(found) if found else None


def _edit(chance: random.Random, files: Files) -> None:
    path = _some(chance, files, TEXT, PROGRAM)
    if path is None:
        return
    mode, content = files[path]
    lines = content.split(b"\n")
    at = chance.randrange(len(lines))
    lines[at : at + chance.randint(0, 2)] = [b"edited %d" % chance.randrange(10_000)] * chance.randint(0, 2)
    files[path] = (mode, b"\n".join(lines))


def _add(chance: random.Random, files: Files) -> None:
    # Few names, so that two sides often choose the same one.
    files[b"%s/new%d" % (chance.choice(FOLDERS), chance.randrange(40))] = (TEXT, _lines(chance))


def _delete(chance: random.Random, files: Files) -> None:
    path = _some(chance, files, TEXT, PROGRAM, LINK)
    if path is not None:
        del files[path]


def _rename(chance: random.Random, files: Files) -> None:
    path = _some(chance, files, TEXT, PROGRAM, LINK)
    if path is not None:
        folder = chance.choice((*FOLDERS, b"moved"))
        files[b"%s/%s" % (folder, path.rpartition(b"/")[2] + chance.choice((b"", b".renamed")))] = files.pop(path)


def _rename_folder(chance: random.Random, files: Files) -> None:
    folder = chance.choice(FOLDERS)
    target = chance.choice((b"elsewhere", folder + b".was", b"doc/inner"))
    for path in [path for path in files if path.startswith(folder + b"/")]:
        files[target + path[len(folder) :]] = files.pop(path)


def _chmod(chance: random.Random, files: Files) -> None:
    path = _some(chance, files, TEXT, PROGRAM)
    if path is not None:
        files[path] = (PROGRAM if files[path][0] == TEXT else TEXT, files[path][1])


def _relink(chance: random.Random, files: Files) -> None:
    path = _some(chance, files, LINK) if chance.random() < 0.5 else _some(chance, files, TEXT)
    files[path or b"link"] = (LINK, b"src/%d" % chance.randrange(5))


def _swap(chance: random.Random, files: Files) -> None:
    """A file becomes a folder, or a folder a file."""
    path = _some(chance, files, TEXT)
    if path is None:
        return
    if chance.random() < 0.5:
        files[path + b"/inside"] = files.pop(path)
        return
    folder = path.rpartition(b"/")[0]
    if folder:
        for inner in [name for name in files if name.startswith(folder + b"/")]:
            del files[inner]
        files[folder] = (TEXT, _lines(chance))


def _other_kinds(chance: random.Random, files: Files) -> None:
    match chance.randrange(5):
        case 0:
            files[b"vendor/lib"] = (MODULE, b"%040x" % chance.randint(1, 9))
        case 1:
            files[chance.choice((b"big.bin", b"other.bin"))] = (TEXT, _pointer(chance))
        case 2:
            files[b"picture.png"] = (TEXT, b"\x89PNG\0" + chance.randbytes(300))
        case 3:
            files[b"package.lock"] = (TEXT, _lines(chance))
        case 4:
            files[chance.choice((b".gitattributes", b"doc/.gitattributes"))] = (TEXT, chance.choice(ATTRIBUTES))


def _tell(chance: random.Random, files: Files) -> None:
    _mode, content = files.get(b"CHANGES", (TEXT, b""))
    files[b"CHANGES"] = (TEXT, content + b"changed %d\n" % chance.randrange(10_000))


_HOWS: tuple[Callable[[random.Random, Files], None], ...] = (
    _edit, _add, _delete, _rename, _rename_folder, _chmod, _relink, _swap, _other_kinds, _tell,
)  # fmt: skip
_WEIGHTS = (30, 10, 6, 10, 2, 6, 4, 3, 12, 8)


def first_parent_merges(repository: Path, tip: str, *, limit: int) -> list[Merge]:
    """The newest merges of two on the first-parent line of a repository that exists, the oldest first."""
    commits = git.first_parent(repository, None, tip)
    return [Merge(commit.parents[0], commit.parents[1]) for commit in commits if len(commit.parents) == 2][-limit:]
