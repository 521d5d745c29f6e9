"""The door to SQL: engine, column types, units of work, lease rows, status transitions. SQLite and PostgreSQL alike."""

from gastown.db.columns import JsonFacts, JsonObject, UnknownWord, UtcTime, enum_column
from gastown.db.engine import (
    DatabaseAway,
    be_worker,
    database_time,
    dispose,
    forget_after_fork,
    get_engine,
    hold_time,
    is_sqlite,
    time_in_sql,
)
from gastown.db.files import open_raw, table_names
from gastown.db.transitions import IllegalTransition, Transitions

__all__ = [
    "DatabaseAway",
    "IllegalTransition",
    "JsonFacts",
    "JsonObject",
    "Transitions",
    "UnknownWord",
    "UtcTime",
    "be_worker",
    "database_time",
    "dispose",
    "enum_column",
    "forget_after_fork",
    "get_engine",
    "hold_time",
    "is_sqlite",
    "open_raw",
    "table_names",
    "time_in_sql",
]
