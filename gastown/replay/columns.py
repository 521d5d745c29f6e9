"""What the log does not give back: the one list, with the reason for each."""

from collections.abc import Iterable

from sqlalchemy import Table
from sqlmodel import SQLModel

DERIVED = "derived from other rows"
MARK = "a delivery mark: when a doorbell was rung last"
EXPIRY = "an expiry, which every heartbeat moves"
SIGN = "a sign of life, which a heartbeat brings"
SECRET = "a secret: nobody who reads the feed may learn it"  # noqa: S105 - a reason, no password

# By table: every column of these, rows and all.
TABLES: dict[str, str] = {
    "events": "the log itself",
    "leases": "who may do a thing just now; a grant that is lost is granted again",
    "workers": "who is at work just now; each says so itself every few seconds",
    "bead_counts": DERIVED,
}
# By table and column.
COLUMNS: dict[str, dict[str, str]] = {
    "beads": {"is_blocked": DERIVED, "last_child": DERIVED},
    "dependencies": {"is_provided": DERIVED},
    "assignments": {
        "rung_at": MARK,
        "expires_at": EXPIRY,
        "active_at": SIGN,
        "progress_at": SIGN,
        "session_pass": SECRET,
    },
    "rigs": {"remote_url": "may hold a password"},
    "gate_runs": {"rung_at": MARK, "expires_at": EXPIRY},
    "refineries": {
        "seen_oid": "what the queue saw when it looked last",
        "looked_at": "when the queue looked last",
        "waits_for": "what the queue said when it looked last",
    },
    "findings": {"seen_at": "when a patrol saw it last"},
}


def replayed(table: str, columns: Iterable[str]) -> tuple[str, ...]:
    """Those of a table's columns that the log gives back."""
    left = COLUMNS.get(table, {})
    return tuple(name for name in columns if name not in left)


def state_tables() -> list[Table]:
    """Every table that the log gives back, in an order in which rows may be added."""
    return [table for table in SQLModel.metadata.sorted_tables if table.name not in TABLES]
