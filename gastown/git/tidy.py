"""Keeping repositories quick without ever dropping an object: automatic garbage collection is off in them."""

import contextlib
import os
from pathlib import Path

from gastown.git.errors import GitFailed, GitTimedOut, RepositoryBusy
from gastown.git.locks import exclusive
from gastown.git.run import Options, git

MANY_PACKS = 50
"""Measured: at 100 packs a merge takes twice as long as at one, at 400 eight times; a checked fetch adds one each."""
MANY_LOOSE = 27
"""Files in one of the 256 folders for loose objects, as `gc.auto` guesses: about 7,000 in all."""
_TIMEOUT_S = 300.0


def tidy_if_crowded(repo: Path) -> bool:
    """Roll small packs and loose objects of `repo` into one pack once there are many; returns whether it did.

    Unreachable objects stay: an agent's work may hang on nothing but its memory. Trouble or company is no error, since
    the next call tries again.
    """
    if not _is_crowded(repo / "objects"):
        return False
    with (
        contextlib.suppress(GitFailed, GitTimedOut, RepositoryBusy, OSError),
        exclusive(repo / "gastown.tidy.flock", timeout_s=0),
    ):
        settings = {"repack.writeBitmaps": "false"}
        git(repo, "repack", "--quiet", "-d", "--geometric=2", options=Options(timeout_s=_TIMEOUT_S, settings=settings))
        return True
    return False


def _is_crowded(objects: Path) -> bool:
    packs = sum(name.endswith(".pack") for name in _names(objects / "pack"))
    return packs > MANY_PACKS or len(_names(objects / "17")) > MANY_LOOSE


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
