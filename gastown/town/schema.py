"""Moving the database to this version's schema: all of it or nothing, one upgrader at a time.

Alembic is imported inside the functions, since it costs half a second and only set-up needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from gastown.db import get_engine
from gastown.errors import NotFound, Refused, Unavailable

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

# An arbitrary number, the same in every version: PostgreSQL's name for "the schema is being changed".
_ADVISORY_LOCK = 0x6761_7374
UPGRADER = "db upgrade"  # who takes the snapshot


class NewerSchema(Refused):
    """The database was made by a newer version of Gas Town."""


class UnknownRevision(NotFound):
    """No migration leads to the schema that was named."""


class SchemaAway(Unavailable):
    """The database did not let us change its schema just now."""


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade did."""

    before: str | None
    """The revision that was found; None in an empty database."""
    after: str

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return self.before != self.after


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration for the migrations that ship with the package."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", "gastown:migrations")
    made.attributes["connection"] = connection
    return made


def _scripts() -> ScriptDirectory:
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(config())


def head() -> str:
    """The revision that this version of Gas Town works with."""
    return str(_scripts().get_current_head())


def current(url: str) -> str | None:
    """The database's revision; None when it has no tables of ours. Raises SchemaAway when it does not answer."""
    with _changing(url, read_only=True) as connection:
        return _current(connection)


def _current(connection: Connection) -> str | None:
    from alembic.runtime.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def check_known(revision: str | None) -> None:
    """Refuse a revision that this version has never heard of."""
    from alembic.util import CommandError

    if revision is None:
        return
    try:
        _scripts().get_revision(revision)
    except CommandError:
        raise NewerSchema(
            f"the database is of a newer version of Gas Town (schema {revision}, this version knows {head()})",
            hint="Install that version here; this one changed nothing.",
        ) from None


def upgrade(url: str) -> Upgrade:
    """Bring the database to this version's schema in one transaction; a second upgrader waits, then finds it done.

    Refuses a newer database (NewerSchema). Raises SchemaAway when the database does not answer, is read-only or full.
    """
    from alembic import command

    with _changing(url) as connection:
        before = _current(connection)
        check_known(before)
        target = head()
        if before != target:
            command.upgrade(config(connection), "head")
            if before is not None:
                _take_snapshot(connection)
    return Upgrade(before, target)


def _take_snapshot(connection: Connection) -> None:
    """Let replay start here: events of older versions do not say all that they changed."""
    from sqlmodel import Session

    from gastown import events, replay

    # A savepoint in the transaction of the upgrade, which alone commits.
    with Session(connection, join_transaction_mode="create_savepoint") as session, session.begin():
        if events.latest_id(session):
            replay.take_snapshot(session, actor=UPGRADER)


def check_target(revision: str) -> None:
    """Refuse a revision that the schema cannot be brought to."""
    if revision not in _known():
        raise UnknownRevision(f"no such schema: {revision!r}", hint=f"Known: {', '.join(_known())}.")


def move(url: str, target: str) -> str:
    """Bring the schema to `target`, forwards or back, in one transaction; return it.

    Going back drops what newer versions added, with what is in it: keep a copy.
    """
    from alembic import command

    check_target(target)
    with _changing(url) as connection:
        before = _current(connection)
        check_known(before)
        made = config(connection)
        order = [None, *_known()]
        if order.index(before) < order.index(target):
            command.upgrade(made, target)
        elif before != target:
            command.downgrade(made, target)
    return target


def _known() -> list[str]:
    """Every revision, oldest first."""
    return [script.revision for script in _scripts().walk_revisions()][::-1]


@contextmanager
def _changing(url: str, *, read_only: bool = False) -> Iterator[Connection]:
    """One transaction that nobody else who changes schemas shares; SQLite begins IMMEDIATE, PostgreSQL takes a lock."""
    try:
        engine = get_engine(url).execution_options(gastown_read_only=read_only)
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql" and not read_only:
                from gastown.db import postgres

                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
                postgres.wait_for_ever(connection)
            yield connection
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0] if error.orig else "no answer"
        raise SchemaAway(
            f"the database cannot serve this: {reason}",
            hint="Nothing was changed. Check that it runs, that its disk has room, and its address in the settings.",
        ) from error
