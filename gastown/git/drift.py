"""What stands in the configuration of our repositories and was not written by us."""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gastown import clock
from gastown.git import layout
from gastown.git.disk import on_disk
from gastown.git.run import NOWHERE, git

# What `git init` finds out about the file system and the object format by itself.
_FOUND_OUT = frozenset(
    {
        "core.repositoryformatversion",
        "core.filemode",
        "core.bare",
        "core.ignorecase",
        "core.precomposeunicode",
        "core.symlinks",
        "extensions.objectformat",
    }
)
_COMMON = {"core.logallrefupdates": "true", "gc.auto": "0", "maintenance.auto": "false"}


@dataclass(frozen=True)
class Drift:
    """A repository whose configuration is not the town's."""

    repository: Path
    keys: tuple[str, ...]
    """What was added, changed or taken away."""
    wanted: Mapping[str, str]


def find_drifts(land: Path, work: Path, *, url: str, branch: str) -> list[Drift]:
    """Compare the configurations of `land.git` and of the view of `work.git` with what the town wrote; those that are
    not on this host are left out.
    """
    of_land = {
        "remote.origin.url": url,
        "remote.origin.tagopt": "--no-tags",
        "remote.origin.fetch": f"+refs/heads/{branch}:refs/remotes/origin/{branch}",
    }
    of_view = {
        "remote.origin.url": str(work),
        "remote.origin.fetch": "+refs/remotes/origin/*:refs/remotes/origin/*",
        "push.default": "current",
    }
    found = []
    for repository, own in ((land, of_land), (layout.view_of(work), of_view)):
        if (repository / "config").exists():
            wanted = {**_COMMON, **own}
            keys = _differences(_read(repository), wanted)
            if keys:
                found.append(Drift(repository, keys, wanted))
    return found


def _read(repository: Path) -> list[tuple[str, str]]:
    """Every key and value of the file itself, without what it includes."""
    words = ("config", "--file", str(repository / "config"), "--no-includes", "--null", "--list")
    listed = git(NOWHERE, *words).stdout
    pairs = [entry.partition("\n") for entry in listed.split("\0") if entry]
    return [(key, value) for key, _, value in pairs]


def _differences(found: list[tuple[str, str]], wanted: Mapping[str, str]) -> tuple[str, ...]:
    expected = sorted(wanted.items())
    ours = sorted((key, value) for key, value in found if key in wanted)
    foreign = {key for key, _ in found if key not in wanted and key not in _FOUND_OUT}
    changed = {key for key, _ in set(expected) ^ set(ours)}
    if len(ours) != len(set(ours)):
        changed |= {key for key, value in ours if ours.count((key, value)) > 1}
    return tuple(sorted(foreign | changed))


@on_disk
def mend_drift(drift: Drift) -> Path:
    """Write the town's configuration again; returns where the old file is kept."""
    path = drift.repository / "config"
    kept = path.with_name(f"config.before-{clock.now():%Y%m%d-%H%M%S}")
    found = [(key, value) for key, value in _read(drift.repository) if key in _FOUND_OUT]
    made = path.with_name(f".config.{os.getpid()}")
    made.write_text("")
    for key, value in [*found, *drift.wanted.items()]:
        git(NOWHERE, "config", "--file", str(made), key, value)
    with contextlib.suppress(FileExistsError):
        os.link(path, kept)
    made.replace(path)
    return kept
