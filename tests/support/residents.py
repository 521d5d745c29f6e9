"""The resident that runs the commands of every town of a test run; it ends with the run."""

import shutil
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import scratch
from tests.support.stragglers import end_processes_of

# For a run that was killed: what is left ends by itself.
_IDLE_S = "60"
_STOP = f"{Path(sysconfig.get_path('scripts')) / 'gt'} resident stop >/dev/null"
_folder = ""


def environment() -> dict[str, str]:
    """What commands need to find the resident; outside a test run there is none."""
    if not _folder:
        return {"GASTOWN_RESIDENT": "off"}
    return {"XDG_RUNTIME_DIR": _folder, "GASTOWN_RESIDENT_IDLE_S": _IDLE_S}


@contextmanager
def elsewhere() -> Iterator[tuple[dict[str, str], str]]:
    """Variables for commands in a namespace of their own, whose resident is one of theirs; and how a shell ends it."""
    folder = scratch.make("gt-run-")
    try:
        yield {"XDG_RUNTIME_DIR": str(folder), "GASTOWN_RESIDENT": "", "GASTOWN_RESIDENT_IDLE_S": "10"}, _STOP
    finally:
        end_processes_of(folder)
        shutil.rmtree(folder, ignore_errors=True)


def use(folder: str) -> None:
    """Have the resident's socket below this folder."""
    global _folder
    _folder = folder


def end() -> None:
    """End the resident."""
    if _folder:
        end_processes_of(Path(_folder))
    use("")
