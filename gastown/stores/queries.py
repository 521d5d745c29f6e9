"""`bd sql`: one statement of the person's own, that changes nothing unless they say so."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, ResourceClosedError
from sqlmodel import Session

from gastown.db import is_sqlite
from gastown.db.engine import sqlite_module
from gastown.errors import Invalid


class BadStatement(Invalid):
    """The database did not understand, or refused, a statement."""


@dataclass(frozen=True)
class Answer:
    """What a statement gave."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    changed: int
    """Rows that it wrote."""

    def records(self) -> list[dict[str, Any]]:
        """For programs."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def run_sql(session: Session, statement: str, *, write: bool) -> Answer:
    """Run one statement; without `write` the database refuses whatever would change it."""
    if not statement.strip():
        raise BadStatement("an SQL statement is required", hint='bd sql "SELECT count(*) FROM beads"')
    connection = session.connection()
    try:
        with _guarded(connection, write=write, sqlite=is_sqlite(session)):
            result = connection.exec_driver_sql(statement)
            try:
                return Answer(list(result.keys()), [tuple(row) for row in result], 0)
            except ResourceClosedError:
                return Answer([], [], max(0, result.rowcount))
    except (DBAPIError, sqlite_module().Warning) as error:  # the driver warns of a second statement, and runs none
        cause = getattr(error, "orig", None) or error
        said = str(cause).strip().splitlines()[0]
        hint = "Without --write nothing can be changed." if not write else None
        raise BadStatement(f"the database says: {said}", hint=hint) from error


@contextmanager
def _guarded(connection: Connection, *, write: bool, sqlite: bool) -> Iterator[None]:
    if write:
        yield
    elif sqlite:
        connection.exec_driver_sql("PRAGMA query_only = ON")
        try:
            yield
        finally:
            connection.exec_driver_sql("PRAGMA query_only = OFF")
    else:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        yield
