"""Where a person's own checkout keeps its hooks, and the trailer of a commit message."""

from pathlib import Path

from gastown.git.errors import NotARepository
from gastown.git.run import Options, Place, git

_LOOK = Options(as_user=True, expect=None, timeout_s=10.0)


def hooks_folder(checkout: Path) -> Path:
    """The folder of the hooks that git runs in this checkout: `core.hooksPath`, or `hooks` of the common git folder.

    Refuses a folder that is no checkout.
    """
    place = Place(None, work_tree=checkout)
    common = git(place, "rev-parse", "--path-format=absolute", "--git-common-dir", options=_LOOK)
    if common.code != 0:
        raise NotARepository(f"{checkout} is no git repository", hint="Run this inside one.")
    for level in ("--local", "--global", "--system"):
        said = git(place, "config", level, "--type=path", "--get", "core.hooksPath", options=_LOOK)
        if said.code == 0 and said.line:
            top = git(place, "rev-parse", "--show-toplevel", options=_LOOK)
            return Path(top.line or str(checkout)) / said.line
    return Path(common.line) / "hooks"


def add_trailer(checkout: Path, message: Path, name: str, value: str) -> None:
    """Add a trailer to the commit message in a file, unless it holds the same one."""
    said = f"{name}: {value}"
    words = ("interpret-trailers", "--in-place", "--if-exists", "addIfDifferent", "--trailer", said, str(message))
    git(Place(None, work_tree=checkout), *words, options=Options(as_user=True, timeout_s=10.0))
