"""Copies of a store's file: whole and checked ones, made while others read and write."""

import contextlib
import os
import shutil
import uuid
from pathlib import Path

from gastown import clock
from gastown.db import open_raw
from gastown.db.engine import sqlite_module
from gastown.errors import Unavailable
from gastown.stores import layout
from gastown.stores.errors import StoreInUse

_WAIT_S = 5.0
_MAGIC = b"SQLite format 3\0"


class BadCopy(Unavailable):
    """A copy did not come out whole."""


def new_name(folder: Path, stem: str = "beads") -> Path:
    """A name for a copy that nothing has yet: with the time, to be sorted by."""
    folder.mkdir(parents=True, exist_ok=True)
    base = f"{stem}-{clock.now():%Y%m%dT%H%M%SZ}"
    names = (f"{base}{f'-{number}' if number > 1 else ''}.db" for number in range(1, 10_000))
    return next(path for name in names if not os.path.lexists(path := folder / name))


def copy_store(database: Path, target: Path) -> Path:
    """A whole copy of `database` at `target`, or beside it where another copy took that name; return where it is.

    Others may write, and make copies, meanwhile.
    """
    waiting = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.new")
    try:
        waiting.touch()
        with open_raw(database) as source, open_raw(waiting, read_only=False) as copy:
            source.backup(copy)
            found = copy.execute("PRAGMA quick_check").fetchone()[0]
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
        if found != "ok":
            raise BadCopy(f"the copy of {database} is not whole: {found}", hint="`bd doctor` looks at the store.")
        _to_disk(waiting)
        placed = _place(waiting, target)
        layout.sync_folder(target.parent)
        return placed
    finally:
        waiting.unlink(missing_ok=True)


def _place(waiting: Path, target: Path) -> Path:
    """Give the file its name, unless that is taken; then the next that is not."""
    names = (target.with_stem(f"{target.stem}-{number}") for number in range(2, 10_000))
    for path in (target, *names):
        try:
            os.link(waiting, path)
        except FileExistsError:
            continue
        return path
    raise BadCopy(f"no name is left beside {target}", hint="`bd backup remove` takes copies away.")


def _to_disk(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def set_aside(folder: Path) -> Path:
    """Keep the store's present file under a second name, so that another may take its place; return that name.

    Afterwards nothing of it is left beside the place that it has now. Refuses a store that somebody has open.
    """
    database = folder / layout.DATABASE
    kept = new_name(folder / layout.BACKUPS)
    # Looked for only now: closing a damaged file may have taken them away.
    settled = _is_settled(database)
    companions = [] if settled else [end for end in layout.COMPANIONS if os.path.lexists(f"{database}{end}")]
    try:
        os.link(database, kept, follow_symlinks=False)
    except OSError:  # a folder, or a disk without second names
        if database.is_dir() and not database.is_symlink():
            database.rename(kept)
        else:
            shutil.copy2(database, kept)
            _to_disk(kept)
    for end in companions:
        shutil.copy2(f"{database}{end}", f"{kept}{end}")
    layout.sync_folder(kept.parent)
    for end in companions:
        Path(f"{database}{end}").unlink()
    return kept


def _begins_with(file: Path, magic: bytes) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(magic)) == magic


def _is_settled(database: Path) -> bool:
    """Bring everything into the one file, with nobody else at it; False for what is no sound database."""
    sqlite = sqlite_module()
    if not database.is_file() or not _begins_with(database, _MAGIC):
        return False  # SQLite would throw away what lies beside such a file
    with contextlib.closing(sqlite.connect(database, timeout=_WAIT_S, isolation_level=None)) as connection:
        try:
            # Leaving WAL is what SQLite allows to nobody but the only user of a file.
            mode = connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
        except sqlite.OperationalError as error:
            if str(error).startswith("database is locked"):
                raise StoreInUse(f"somebody is at work on {database}", hint="Try again when they are done.") from error
            return False
        except sqlite.DatabaseError:
            return False
    return str(mode) == "delete"
