"""The database answers, has our schema, and is of a version that keeps what it is given."""

from collections.abc import Iterable

from sqlalchemy import text

from gastown.db import engine
from gastown.patrols.findings import Category, Check, Fault, Here, warning


def look(here: Here) -> Iterable[Fault]:
    """Raises what the database says when it does not serve us."""
    with here.read() as session:
        session.connection().execute(text("SELECT 1"))
    if not here.settings.embedded_database:
        return
    yield from look_at_sqlite()


def look_at_sqlite() -> Iterable[Fault]:
    """Whether the library in use keeps what two processes write at once."""
    found = tuple(engine.sqlite_module().sqlite_version_info)
    if found < engine.SAFE_SQLITE:
        wanted = ".".join(map(str, engine.SAFE_SQLITE))
        shown = ".".join(map(str, found))
        yield warning(
            "",
            f"SQLite {shown} can corrupt a database that two processes write to; {wanted} cannot",
            "pip install --upgrade pysqlite3",
        )


CHECK = Check(
    "database", look, "the database answers and has this version's schema", category=Category.CORE, is_first=True
)
