"""The trees in which gates run: pooled, detached, warm, and with nothing of ours inside that a test could harm.

A gate runs code that nobody has read yet. Were its folder a worktree of `land.git`, a test that calls `git push` or
`git config` there would reach the rig's remote and our configuration. So the town keeps the slot's own repository
beside the folder (`<path>.git`), and inside it lies a throw-away one, without a remote, made anew for every run.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from gastown.git import history, layout
from gastown.git.disk import on_disk
from gastown.git.errors import GitFailed
from gastown.git.locks import exclusive
from gastown.git.names import check_oid
from gastown.git.run import Options, Place, git

_LONGEST_S = 600.0


@dataclass(frozen=True)
class GateTree:
    """What a gate run will see."""

    path: Path
    commit: str
    tree: str


@on_disk
def checkout_gate(path: Path, land: Path, commit: str, *, keep_ignored: bool = True) -> GateTree:
    """Put `path` at `commit` of `land`: tracked files as committed, others gone, ignored ones (caches) kept if asked.

    One gate run at a time may own a slot; what a killed command left in it is put right. Raises `ObjectMissing`.
    """
    tree = history.tree_of(land, check_oid(commit))
    town = _town_side(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(path.with_name(f".{path.name}.flock"), timeout_s=_LONGEST_S) as lock:
        if not (town / "config").exists():
            _make_town_side(town, land, commit)
        path.mkdir(exist_ok=True)
        # We hold the lock, and git holds it while it runs: a lock file here belongs to nobody.
        (town / "index.lock").unlink(missing_ok=True)
        _remove_inner(path)
        place = Place(town, work_tree=path)
        options = Options(timeout_s=_LONGEST_S, keep_open=(lock,))
        (town / "HEAD").write_text(f"{commit}\n")
        _reset(place, land, commit, options)
        git(place, "clean", "--quiet", "-ffd" if keep_ignored else "-ffdx", options=options)
        _make_inner(path / ".git", town, commit)
    return GateTree(path, commit, tree)


def _reset(place: Place, land: Path, commit: str, options: Options) -> None:
    try:
        git(place, "reset", "--quiet", "--hard", commit, "--", options=options)
    except GitFailed:
        history.require_commits(land, commit)
        raise


@on_disk
def remove_gate(path: Path) -> None:
    """Delete a slot: its folder, and the town's side of it."""
    for folder in (path, _town_side(path)):
        if folder.exists():
            layout.remove(folder)


def _town_side(path: Path) -> Path:
    return path.with_name(f"{path.name}.git")


def _make_town_side(town: Path, land: Path, commit: str) -> None:
    layout.remove(town)
    layout.make_bare(town, "none", oid=commit, settings="")
    (town / "objects" / "info" / "alternates").write_text(f"{land.resolve() / 'objects'}\n")


def _remove_inner(path: Path) -> None:
    layout.remove(path / ".git")


def _make_inner(inner: Path, town: Path, commit: str) -> None:
    """A repository for the tests to see: at the right commit, clean, and with nowhere to push to."""
    for folder in ("objects/info", "refs/heads"):
        (inner / folder).mkdir(parents=True)
    (inner / "HEAD").write_text(f"{commit}\n")
    (inner / "config").write_text((town / "config").read_text().replace("bare = true", "bare = false"))
    shutil.copyfile(town / "objects" / "info" / "alternates", inner / "objects" / "info" / "alternates")
    shutil.copy2(town / "index", inner / "index")
