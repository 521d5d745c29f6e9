"""The pages of the town's own database file are sound."""

from collections.abc import Iterable

from sqlalchemy import text

from gastown.db import is_sqlite
from gastown.patrols.findings import Category, Check, Fault, Here, error

_SHOWN = 5


def look(here: Here) -> Iterable[Fault]:
    """SQLite's own check, and references that lead nowhere; PostgreSQL looks after itself."""
    with here.read() as session:
        if not is_sqlite(session):
            return
        said = [str(row[0]) for row in session.connection().execute(text("PRAGMA quick_check(20)"))]
        lost = session.connection().execute(text("PRAGMA foreign_key_check")).all()
    hint = f"Copy {here.settings.town / 'gastown.db'} and its -wal away as they are, then restore the newest good copy."
    if said != ["ok"]:
        yield error("", f"the database file is damaged: {'; '.join(said[:_SHOWN])}", hint)
    tables = sorted({str(row[0]) for row in lost})
    if tables:
        yield error("", f"{len(lost)} rows of {', '.join(tables)} refer to rows that are not there", hint)


CHECK = Check("integrity", look, "the database file is sound", category=Category.CORE, is_slow=True)
