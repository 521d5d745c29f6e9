"""Moving a store to another version of the schema: only when asked for, with a copy of it beside, and back again."""

from dataclasses import dataclass
from pathlib import Path

from gastown.config import Settings
from gastown.db import table_names
from gastown.errors import NotFound, Refused
from gastown.stores import layout
from gastown.stores.copies import copy_store, new_name
from gastown.stores.errors import NotOurs


class TownsDatabase(Refused):
    """A town's database is moved by `gt`, with its workers stopped."""


class NothingThere(NotFound):
    """The database has no revision to go back from."""


@dataclass(frozen=True)
class Migrated:
    """What became of the schema."""

    before: str | None
    after: str
    copy: Path | None
    """The database as it was; None when nothing was changed, or it is no file."""

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return self.before != self.after


def check_ours(file: Path) -> None:
    """Refuse a SQLite file with tables of another program; one without any is only empty."""
    found = table_names(file)
    if not found or "alembic_version" in found:
        return
    if {"issues", "dependencies"} <= found:
        raise NotOurs(
            f"{file} was made by another program for beads",
            hint="Write issues.jsonl with that program (`bd export`) beside it; `bd init --reinit-local` then takes "
            "the beads in, and keeps this file under another name.",
        )
    raise NotOurs(
        f"{file} is a database of another program", hint="Name the right one with --db, or look at `bd where`."
    )


def migrate(settings: Settings, to: str | None = None) -> Migrated:
    """Bring a folder's store to this version's schema, or to the named older one."""
    if settings.is_town:
        raise TownsDatabase(
            "this is a town's database",
            hint="Stop its workers (`gt down`), then run `gt db upgrade` or `gt db downgrade`.",
        )
    return move(settings, to)


def move(settings: Settings, to: str | None = None) -> Migrated:
    """Change the schema, with a copy of a database that is a file."""
    from gastown.town import schema

    if settings.embedded_database:
        check_ours(settings.database_file)
    before = schema.current(settings.database)
    schema.check_known(before)
    target = to or schema.head()
    if before == target:
        return Migrated(before, target, None)
    if to is not None and before is None:
        raise NothingThere("the database has no tables yet", hint=f"Run `{settings.upgrade_command}` first.")
    schema.check_target(target)
    kept = _keep(settings, before) if settings.embedded_database and before else None
    return Migrated(before, schema.move(settings.database, target), kept)


def _keep(settings: Settings, revision: str) -> Path:
    file = settings.database_file
    kept = new_name(file.parent / layout.BACKUPS, f"{file.stem}-schema-{revision}")
    return copy_store(file, kept)
