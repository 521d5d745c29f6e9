"""The resident that runs the commands of every town of a test run; it ends with the run."""

from pathlib import Path

from tests.support.stragglers import end_processes_of

# For a run that was killed: what is left ends by itself.
_IDLE_S = "60"
_folder = ""


def environment() -> dict[str, str]:
    """What commands need to find the resident; outside a test run there is none."""
    if not _folder:
        return {"GASTOWN_RESIDENT": "off"}
    return {"XDG_RUNTIME_DIR": _folder, "GASTOWN_RESIDENT_IDLE_S": _IDLE_S}


def use(folder: str) -> None:
    """Have the resident's socket below this folder."""
    global _folder
    _folder = folder


def end() -> None:
    """End the resident."""
    if _folder:
        end_processes_of(Path(_folder))
    use("")
