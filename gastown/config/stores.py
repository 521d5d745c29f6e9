"""Which store `bd` works on: a town's database, or the one in a folder's own `.beads`."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gastown.config.settings import Settings, TownNotFound, find_town, load, working_folder
from gastown.errors import Invalid, NotFound, Refused

BEADS_DIR = ".beads"
DATABASE = "beads.db"
REDIRECT = "redirect"
ENV_FILE = ".env"
_ENV_LIMIT = 65536  # bytes
_ENV_NAME = re.compile(r"(BEADS|BD)_[A-Z0-9_]+")
_ENV_REFUSED = frozenset({"BEADS_DIR", "BEADS_DB", "BD_DB", "BEADS_MAIL_DELEGATE"})
# A redirect leads to a store, not to another redirect: two folders that name each other must not catch us.
_REDIRECT_LIMIT = 4096  # bytes of the file that are read


class StoreNotFound(TownNotFound):
    """Neither a town nor a `.beads` folder here or above."""


class StoreMissing(NotFound):
    """There is a `.beads` folder, and no database in it."""

    def __init__(self, folder: Path, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.folder = folder


class InTown(Refused):
    """A folder of a town gets no store of its own."""

    bd_exit_code = 10


@dataclass(frozen=True)
class FolderStore(Settings):
    """A store without a town: one SQLite file in a `.beads` folder, which `town` names here."""

    file: Path = Path()
    """The database's file."""
    redirected_from: Path | None = None
    """The `.beads` folder whose `redirect` led here."""

    @property
    def database(self) -> str:
        """The database's URL."""
        return sqlite_url(self.file)

    @property
    def database_file(self) -> Path:
        """Where the database is."""
        return self.file

    @property
    def is_town(self) -> bool:
        """No workers, queues or rigs are behind a folder's store."""
        return False

    @property
    def upgrade_command(self) -> str:
        """What brings this store's schema to our version."""
        return "bd migrate"


def sqlite_url(file: Path) -> str:
    """The URL of a SQLite file; two characters mean something else in URLs."""
    return "sqlite:///" + str(file).replace("%", "%25").replace("?", "%3F")


def load_store(
    *, start: Path | None = None, town: Path | None = None, db: str = "", environ: Mapping[str, str] | None = None
) -> Settings:
    """The store that `bd` works on, looked for from `start` (default: the working folder).

    First that is said wins: `db` (or BEADS_DB, BD_DB), a database file; `town` (or GASTOWN_TOWN); BEADS_DIR; a town
    around `start`; the nearest `.beads` with a store in it, from `start` upwards or in the main checkout of a git
    worktree. In a town a repository's `.beads` is data of that repository and never a store.
    """
    environ = os.environ if environ is None else environ
    # What was typed counts for more than what the environment says.
    named = db or ("" if town or start else environ.get("BEADS_DB") or environ.get("BD_DB") or "")
    if named:
        return _opened(_absolute(named).parent, _absolute(named))
    if town is not None or (start is None and environ.get("GASTOWN_TOWN")):
        return load(town, environ)
    if start is None and environ.get("BEADS_DIR"):
        return _store(_absolute(environ["BEADS_DIR"]))
    here = working_folder() / start if start else working_folder()
    if not here.is_dir():
        raise StoreNotFound(f"no such folder: {here}")
    around = find_town(here)
    if around is not None:
        return load(around, environ)
    folder = find_folder(here)
    if folder is None:
        raise StoreNotFound(
            f"no beads database found in {here} or above it",
            hint="Make one with `bd init` (a town: `gt install DIR`), or go to a folder that has one.",
        )
    return _store(folder)


def find_folder(start: Path) -> Path | None:
    """The `.beads` folder that a command in `start` belongs to: the nearest upwards, or of a worktree's main checkout.

    A worktree's own `.beads` is what git checked out; the store is beside the main checkout.
    """
    for folder in (start, *start.parents):
        found = folder / BEADS_DIR
        main = _main_checkout(folder)
        if main is not None and not (found / DATABASE).exists() and (main / BEADS_DIR).is_dir():
            return main / BEADS_DIR
        if found.is_dir():
            return found
    return None


def new_folder(start: Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """The `.beads` folder that a new store for `start` belongs into (BEADS_DIR, else here; a redirect is followed).

    Refuses a place inside a town, whose database is the store.
    """
    environ = os.environ if environ is None else environ
    if start is None and environ.get("BEADS_DIR"):
        return follow(_absolute(environ["BEADS_DIR"]))
    here = Path(os.path.normpath(working_folder() / start)) if start else working_folder()
    if not here.is_dir():
        raise StoreNotFound(f"no such folder: {here}")
    around = find_town(here) or (Path(environ["GASTOWN_TOWN"]) if environ.get("GASTOWN_TOWN") else None)
    if around is not None:
        raise InTown(
            f"this folder belongs to the town {around}, whose database is the store",
            hint="Use `bd` here as it is: `bd where` shows the store.",
        )
    main = _main_checkout(here)
    return follow((main or here) / BEADS_DIR)


def take_env_file(start: Path | None) -> None:
    """Add the variables of the `.env` beside the store of `start` to those of this process, which come first.

    Only names of beads' own, and none that chooses another store or a program to run: the file may have come with a
    repository.
    """
    try:
        here = Path.cwd() / (start or "") if start or not os.environ.get("BEADS_DIR") else None
        folder = find_folder(here) if here else Path(os.environ["BEADS_DIR"])
        if folder is None or (here and find_town(here)):
            return
        text = (folder / ENV_FILE).read_bytes()[:_ENV_LIMIT].decode()
    except (OSError, UnicodeDecodeError):
        return
    for line in text.splitlines():
        name, is_set, value = line.strip().removeprefix("export ").partition("=")
        if is_set and _ENV_NAME.fullmatch(name) and name not in _ENV_REFUSED:
            os.environ.setdefault(name, value.strip().strip("\"'").replace("\x00", ""))


def is_switched_on(name: str) -> bool:
    """Whether a variable says yes."""
    return os.environ.get(name, "").lower() in {"1", "true", "yes", "on"}


def follow(folder: Path) -> Path:
    """The `.beads` folder that `folder`'s `redirect` file names, or `folder` itself."""
    try:
        text = (folder / REDIRECT).read_bytes()[:_REDIRECT_LIMIT].decode().strip()
    except (FileNotFoundError, NotADirectoryError):
        return folder
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"cannot read {folder / REDIRECT}", hint="It holds the path of another .beads folder.") from None
    if not text or "\n" in text or "\x00" in text:
        raise Invalid(f"{folder / REDIRECT} names no folder", hint="It holds the path of another .beads folder.")
    # A relative path starts where the repository is.
    target = Path(os.path.normpath(folder.parent / text))
    if not target.is_dir():
        raise StoreMissing(
            target, f"{folder / REDIRECT} leads to {target}, which is not there", hint="Mend the path in it."
        )
    return target


def beads_folders(settings: Settings, *, start: Path | None = None, here: bool = True) -> tuple[Path, ...]:
    """The `.beads` folders whose formulas a command knows: the store's, the checkout's, the user's, the town's.

    Without `here` (for a command of an agent's session, which runs elsewhere) only those of the store and the town.
    """
    found: list[Path | None] = [None if settings.is_town else settings.town]
    if here:
        place = working_folder() / start if start else working_folder()
        found += [find_folder(place), Path("~").expanduser() / BEADS_DIR]
    found.append(settings.town / BEADS_DIR if settings.is_town else None)
    root = os.environ.get("GT_ROOT", "") if here else ""
    found.append(_absolute(root) / BEADS_DIR if root else None)
    return tuple(dict.fromkeys(folder for folder in found if folder is not None))


def _store(folder: Path) -> FolderStore:
    target = follow(folder)
    return _opened(target, target / DATABASE, redirected_from=None if target == folder else folder)


def _opened(folder: Path, file: Path, *, redirected_from: Path | None = None) -> FolderStore:
    if not file.is_file():
        raise StoreMissing(
            folder,
            f"no beads database at {file}",
            hint="`bd init` makes it and takes in the issues.jsonl that is there.",
        )
    return FolderStore(town=folder, file=file, redirected_from=redirected_from)


def _absolute(text: str) -> Path:
    return working_folder() / Path(text).expanduser()


def _main_checkout(folder: Path) -> Path | None:
    """The main checkout of the git worktree at `folder`; None when `folder` is none."""
    try:
        said = (folder / ".git").read_bytes()[:_REDIRECT_LIMIT].decode()
    except (OSError, UnicodeDecodeError):
        return None
    kind, _, where = said.partition(":")
    git_dir = folder / where.strip()
    if kind != "gitdir" or git_dir.parent.name != "worktrees":
        return None
    main = Path(os.path.normpath(git_dir.parent.parent))
    return main.parent if main.name == ".git" else None
