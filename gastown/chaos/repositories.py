"""The remotes of a chaos run: bare repositories with a gate that costs milliseconds."""

import tempfile
from pathlib import Path

from gastown import clock, git
from gastown.chaos.evidence import Remote
from gastown.chaos.remotes import watch
from gastown.git import Draft, Person, Place

BRANCH = "main"
GATE_NAME = "green"
# Long enough to be killed in its middle now and then.
GATE = "sleep 0.05; test -e README.md && ! grep -rqs '^RED' parts"
_TOWN = Person("gastown chaos", "chaos@gastown.local")


def is_green(folder: Path) -> bool:
    """Whether the gate passes on a folder that holds a tree."""
    if not (folder / "README.md").is_file():
        return False
    return not any(
        line.startswith("RED")
        for path in sorted((folder / "parts").rglob("*"))
        if path.is_file()
        for line in path.read_text(errors="replace").splitlines()
    )


def make(path: Path) -> Remote:
    """Make a rig's remote, which remembers every value of its branches."""
    git.git(Place(path), "init", "--quiet", "--bare", "--template=", f"--initial-branch={BRANCH}")
    watch(path)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".files-") as made:
        (Path(made) / "README.md").write_text("# Chaos\n")
        place = Place(path, work_tree=Path(made), index=path / "index")
        git.git(place, "add", "--", "README.md")
        tree = git.git(place, "write-tree").line
    (path / "index").unlink()
    first = git.commit_tree(path, Draft(tree, (), "Begin", _TOWN, _TOWN, clock.now()))
    git.git(path, "update-ref", f"refs/heads/{BRANCH}", first)
    return Remote(path=path, branch=BRANCH, first_oid=first, is_green=is_green)
