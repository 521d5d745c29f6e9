"""Commands reach SQL through here: the schema is checked before anything is read or written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text
from sqlmodel import Session

from gastown import config
from gastown.db import table_names
from gastown.db import unit_of_work as work
from gastown.db.revision import OLDER_REVISIONS, REVISION
from gastown.errors import Refused, Unavailable

_VERSIONS = "alembic_version"
# Looking through the whole schema would take longer than most commands.
_HAS_VERSIONS = {
    "sqlite": text("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"),
    "postgresql": text("SELECT count(to_regclass('alembic_version'))"),
}
_checked: set[str] = set()
is_transient = work.is_transient


class SchemaMismatch(Refused):
    """The database was made by another version of Gas Town."""


def check_schema(settings: config.Settings) -> None:
    """Refuse a database without our schema or with another version's; looked at once a process."""
    if settings.database in _checked:
        return
    if settings.embedded_database and not settings.database_file.exists():
        # Opening it would make an empty one.
        raise Unavailable(f"the database is gone: {settings.database_file}", hint="Put it back, or a copy of it.")
    if not settings.is_town:
        _check_file(settings.database_file)
    with work.reading(settings.database) as session:
        has_schema = session.execute(_HAS_VERSIONS[session.get_bind().dialect.name]).scalar()
        found = session.execute(text("SELECT version_num FROM alembic_version")).scalar() if has_schema else None
    if found is None:
        raise Unavailable("the database has no tables yet", hint=f"Run `{settings.upgrade_command}`, which adds them.")
    if found == REVISION:
        _checked.add(settings.database)
        return
    if found in OLDER_REVISIONS:
        raise SchemaMismatch(
            f"the database is of an older version ({found})",
            hint=f"Run `{settings.upgrade_command}`, then try again.",
        )
    raise SchemaMismatch(
        f"the database is of a newer version of Gas Town ({found})",
        hint="Install that version here; this one changes nothing.",
    )


def _check_file(file: Path) -> None:
    """Refuse a file of another program before it is opened as one of ours, which would change it."""
    found = table_names(file)
    if found and _VERSIONS not in found:
        from gastown.stores import check_ours

        check_ours(file)


def forget_checks() -> None:
    """Look at every database again before its next use."""
    _checked.clear()


@contextmanager
def writing(settings: config.Settings) -> Iterator[Session]:
    """A unit of work on the town's database."""
    check_schema(settings)
    with work.unit_of_work(settings.database) as session:
        yield session


@contextmanager
def writing_for(settings: config.Settings, assignment_id: int, fence: int) -> Iterator[Session]:
    """A unit of work of an attempt that runs; its row is held until the commit, so that it cannot end meanwhile."""
    from gastown import assignments

    with writing(settings) as session:
        assignments.note_progress(session, assignment_id, fence)
        yield session


@contextmanager
def reading(settings: config.Settings, *, frozen: bool = False) -> Iterator[Session]:
    """A reading session on the town's database."""
    check_schema(settings)
    with work.reading(settings.database, frozen=frozen) as session:
        yield session
