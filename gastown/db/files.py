"""SQLite files as they are: looked at without the engine, which would make them files of ours."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gastown.config import sqlite_url
from gastown.db.engine import DatabaseAway, sqlite_module

_WAIT_S = 5.0


@contextlib.contextmanager
def open_raw(file: Path, *, read_only: bool = True) -> Iterator[Any]:
    """The driver's own connection to a SQLite file that is there; says in words what is wrong with it."""
    sqlite = sqlite_module()
    uri = "file:" + sqlite_url(file).removeprefix("sqlite:///").replace("#", "%23")
    uri += f"?mode={'ro' if read_only else 'rw'}"
    try:
        with contextlib.closing(sqlite.connect(uri, uri=True, timeout=_WAIT_S, isolation_level=None)) as connection:
            yield connection
    except sqlite.DatabaseError as error:
        raise DatabaseAway(
            f"{file} cannot be read: {_reason(file, error)}",
            hint="It was left as it is. Check the disk, and who may read and write there; "
            "`bd backup status` lists copies of a folder's store.",
        ) from error


def _reason(file: Path, error: Exception) -> str:
    """What SQLite says, in other words where it says too little."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(file.parent).free == 0:
            return "the disk is full"
        if not os.access(file.parent, os.W_OK):
            return f"{file.parent} cannot be written to, which SQLite needs even to read"
    return str(error)


def table_names(file: Path) -> frozenset[str]:
    """The names of a SQLite file's tables; refuses what is no such file."""
    with open_raw(file) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return frozenset(str(row[0]) for row in rows)
