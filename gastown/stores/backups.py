"""`bd backup`: checked copies of a store in a folder of the person's choice, and the way back."""

import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gastown.config import Settings
from gastown.db import DatabaseAway, dispose, open_raw
from gastown.errors import NotFound, Refused
from gastown.stores import layout
from gastown.stores.copies import copy_store, new_name, set_aside
from gastown.stores.errors import NotOurs, cannot_write

DESTINATION = "backup.path"
"""The store's key for where copies go."""


class NoBackup(NotFound):
    """No copy of that name, or none at all."""


class NotAFile(Refused):
    """The store is no file that could be copied."""


@dataclass(frozen=True)
class Copy:
    """One copy of a store."""

    path: Path
    made_at: datetime
    size: int
    beads: int | None
    """How many beads it holds; None when it cannot be read as a store."""

    def shown(self) -> dict[str, Any]:
        """For programs."""
        return {"path": str(self.path), "made_at": self.made_at.isoformat(), "size": self.size, "beads": self.beads}


def copies_folder(settings: Settings, destination: str) -> Path:
    """The folder that copies go to."""
    if not settings.embedded_database:
        raise NotAFile(
            "this store is in PostgreSQL", hint="Copy it with `pg_dump`, and bring it back with `pg_restore`."
        )
    return Path(destination).expanduser() if destination else settings.database_file.parent / layout.BACKUPS


def back_up(settings: Settings, destination: str) -> Copy:
    """Make a checked copy in `destination`, which may have to be made; others go on writing meanwhile."""
    folder = copies_folder(settings, destination)
    try:
        return _look(copy_store(settings.database_file, new_name(folder, settings.database_file.stem)))
    except OSError as error:
        raise cannot_write(folder, error) from error


def list_copies(folder: Path) -> list[Copy]:
    """The copies in a folder, newest first."""
    paths = sorted(folder.glob("*.db"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [_look(path) for path in paths]


def _look(path: Path) -> Copy:
    about = path.stat()
    count = None
    with contextlib.suppress(DatabaseAway), open_raw(path) as connection:
        count = int(connection.execute("SELECT count(*) FROM beads").fetchone()[0])
    return Copy(path, datetime.fromtimestamp(about.st_mtime, UTC), about.st_size, count)


def find_copy(folder: Path, name: str) -> Path:
    """The copy of that name or path; the newest one of `folder` without a name."""
    if not name:
        whole = [copy for copy in list_copies(folder) if copy.beads is not None]
        if not whole:
            raise NoBackup(f"no copy of a store in {folder}", hint="`bd backup sync` makes one.")
        return whole[0].path
    for path in (folder / name, Path(name).expanduser()):
        if path.is_file():
            return path.absolute()
    raise NoBackup(f"no such copy: {name}", hint="`bd backup status` lists them.")


def restore(folder: Path, copy: Path) -> Path | None:
    """Put the copy where the store of the `.beads` folder is; return where the store that was there is kept now.

    Refuses a copy that is not whole, of another program, or of a newer version: then nothing is changed.
    """
    _check(copy)
    new, database = folder / layout.NEW_DATABASE, folder / layout.DATABASE
    try:
        with layout.alone(folder):
            new.unlink(missing_ok=True)
            copy_store(copy, new)
            dispose()
            kept = set_aside(folder) if os.path.lexists(database) else None
            new.replace(database)
            layout.sync_folder(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return kept


def _check(copy: Path) -> None:
    from gastown.town import schema

    with open_raw(copy) as connection:
        said = connection.execute("PRAGMA integrity_check").fetchone()[0]
        if said != "ok":
            raise NotOurs(f"{copy} is not whole: {said}", hint="Choose another one: `bd backup status` lists them.")
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        if not {"beads", "alembic_version"} <= names:
            raise NotOurs(f"{copy} is no copy of a store", hint="`bd backup status` lists those that are.")
        schema.check_known(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
