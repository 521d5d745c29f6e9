"""The database: that it answers, is whole, and is kept as it must be."""

import os
import shutil
from collections.abc import Iterable

from sqlalchemy import text

from gastown.patrols import Check, Fault, Here, error, look_at_sqlite, warning

_MEGABYTE = 1_000_000
_LEAST_FREE_MB = 100
_RESCUE = "Keep the file as it is and make a copy of it. `bd backup status` lists copies of the store."


def _answers(here: Here) -> Iterable[Fault]:
    with here.read() as session:
        session.connection().execute(text("SELECT 1"))
    return ()


def _whole(pragma: str) -> Check:
    def look(here: Here) -> Iterable[Fault]:
        if not here.settings.embedded_database:
            return
        with here.read() as session:
            run = session.connection().exec_driver_sql
            said = [row[0] for row in run(f"PRAGMA {pragma}")]
            loose = run("PRAGMA foreign_key_check").fetchall()
        for line in said:
            if line != "ok":
                yield error("", f"SQLite says: {line}", _RESCUE)
        if loose:
            tables = ", ".join(sorted({str(row[0]) for row in loose}))
            yield error("", f"{len(loose)} rows belong to beads that are not here (in {tables})", _RESCUE)

    return Check("Database Integrity", look, "the database is whole")


def _library(here: Here) -> Iterable[Fault]:
    return look_at_sqlite() if here.settings.embedded_database else ()


def _journal(here: Here) -> Iterable[Fault]:
    if not here.settings.embedded_database:
        return
    with here.read() as session:
        mode = session.connection().exec_driver_sql("PRAGMA journal_mode").scalar()
    if mode != "wal":
        yield warning(
            "",
            f"readers and writers wait for each other: the journal mode is {mode}, not wal",
            "The disk may be a network's: keep the store on a disk of this machine (BEADS_DIR).",
        )


def _room(here: Here) -> Iterable[Fault]:
    if not here.settings.embedded_database:
        return
    free = shutil.disk_usage(here.settings.database_file.parent).free // _MEGABYTE
    if free < _LEAST_FREE_MB:
        yield warning("", f"only {free} MB are free on the disk of the store", "Make room.")


def _permissions(here: Here) -> Iterable[Fault]:
    if not here.settings.embedded_database:
        return
    file = here.settings.database_file
    for path in (file.parent, file):
        if not os.access(path, os.R_OK | os.W_OK):
            yield error(str(path), "you may not read and write this", "Check its owner, its mode and its mount.")
        elif path.stat().st_mode & 0o002:
            yield warning(str(path), "every user of this machine may write here", f"chmod o-w {path}")


ANSWERS = Check("Database", _answers, "the database answers and has this version's schema", is_first=True)
WHOLE = _whole("quick_check")
WHOLE_DEEP = _whole("integrity_check")
LIBRARY = Check("SQLite Version", _library, "SQLite keeps what two processes write at once", needs_sql=False)
JOURNAL = Check("Journal Mode", _journal, "readers and writers do not wait for each other")
ROOM = Check("Disk Space", _room, "the disk has room", needs_sql=False)
PERMISSIONS = Check("Permissions", _permissions, "the store can be read and written", needs_sql=False)
ALL = (ANSWERS, WHOLE, LIBRARY, JOURNAL, ROOM, PERMISSIONS)
DEEP = (ANSWERS, WHOLE_DEEP, LIBRARY, JOURNAL, ROOM, PERMISSIONS)
