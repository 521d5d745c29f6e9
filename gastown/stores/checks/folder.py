"""The files around the database, in a `.beads` folder."""

from collections.abc import Iterable
from pathlib import Path

from gastown.patrols import Check, Fault, Here, error, warning
from gastown.stores import githooks, layout

_MARKS = (b"<<<<<<< ", b">>>>>>> ")
# Without these a store, or who acts, ends up in everybody's repository.
_NEEDED = ("*.db", "*.db-wal", "*.db-shm")


def _conflicts(here: Here) -> Iterable[Fault]:
    file = here.settings.town / layout.EXCHANGE
    if here.settings.is_town or not file.is_file():
        return
    with file.open("rb") as lines:
        marked = [number for number, line in enumerate(lines, 1) if line.startswith(_MARKS)]
    if marked:
        yield error(
            str(file),
            f"conflict markers in lines {', '.join(map(str, marked[:10]))}",
            "Take both sides of each conflict (`bd import` keeps the newer line of a bead), remove the marker lines.",
        )


def _ignored(here: Here) -> Iterable[Fault]:
    if here.settings.is_town or not _is_in_git(here.settings.town) or not _missing(here.settings.town):
        return
    yield warning(
        str(here.settings.town / ".gitignore"),
        f"lines are missing: {' '.join(_missing(here.settings.town))}",
        "`bd doctor --fix` adds them.",
    )


def _is_in_git(folder: Path) -> bool:
    return any((above / ".git").exists() for above in folder.parents)


def _missing(folder: Path) -> list[str]:
    try:
        present = (folder / ".gitignore").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        present = []
    return [line for line in _NEEDED if line not in present]


def mend_ignored(folder: Path) -> None:
    """Add the lines that `.gitignore` lacks; what it has stays."""
    path = folder / ".gitignore"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = "".join(f"{line}\n" for line in _missing(folder))
    layout.replace_text(path, text + ("" if not text or text.endswith("\n") else "\n") + lines)


def _hooks(here: Here) -> Iterable[Fault]:
    """Some of our hooks without the others: those that are there were meant to work together."""
    if here.settings.is_town or not _is_in_git(here.settings.town):
        return
    hooks = githooks.list_hooks(here.settings.town.parent)
    missing = [hook.name for hook in hooks if not hook.installed]
    if missing and len(missing) < len(hooks):
        yield warning("", f"not installed: {', '.join(missing)}", "`bd hooks install` adds them.")


def _leftovers(here: Here) -> Iterable[Fault]:
    new = here.settings.town / layout.NEW_DATABASE
    if not here.settings.is_town and new.exists():
        yield warning(str(new), "a store that was being made and never was finished", "The next `bd init` replaces it.")


CONFLICTS = Check("Git Conflicts", _conflicts, "the exchange file has no conflict markers", needs_sql=False)
IGNORED = Check("Gitignore", _ignored, "git overlooks the database", needs_sql=False)
HOOKS = Check("Git Hooks", _hooks, "all hooks of beads are installed, or none", needs_sql=False)
LEFTOVERS = Check("Unfinished Files", _leftovers, "nothing was left half made", needs_sql=False)
ALL = (CONFLICTS, IGNORED, HOOKS, LEFTOVERS)
