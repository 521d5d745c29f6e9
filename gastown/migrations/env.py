"""What alembic runs: our metadata, on the connection that `gastown.town.schema` opened and locked."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

import gastown.tables  # noqa: F401 - fills the metadata
from gastown.db import UtcTime


def render_type(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our column types down as what they are in the database, so that a migration never changes with the code."""
    if kind != "type":
        return False
    if isinstance(item, UtcTime):
        return "sa.DateTime(timezone=True)"
    if isinstance(item, AutoString) or hasattr(item, "kind"):
        length = item.impl.length if hasattr(item, "kind") else item.length
        return f"sa.String(length={length})" if length else "sa.String()"
    if type(item).__name__ == "JSON":
        return "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')"
    if type(item).__name__ == "BigInteger" and item.dialect_impl is not None and "sqlite" in item._variant_mapping:
        return "sa.BigInteger().with_variant(sa.Integer(), 'sqlite')"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
    render_item=render_type,
    compare_type=True,
    transactional_ddl=True,  # also on SQLite: our engine begins its transactions itself
)
context.run_migrations()
