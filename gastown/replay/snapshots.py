"""Snapshots in the log: the state tables in pieces of bounded size, complete only with the closing event.

A snapshot is taken in one transaction while nobody adds an event, so that its pieces stand together and everything
with a higher number happened after it. Replay starts at the newest one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, text
from sqlmodel import Session

from gastown import assignments, clock
from gastown.db import is_sqlite
from gastown.events import Contradiction, EventKind, Fact, Tables, key_columns, read, record, say_time
from gastown.replay import bead_rows, columns
from gastown.replay.bead_rows import BeadRows
from gastown.replay.reading import events_table, read_events, read_rows

ROWS_A_PIECE = 200


@dataclass(frozen=True)
class Snapshot:
    """A complete snapshot in the log."""

    first: int
    """The number of its first piece."""
    number: int
    """The number of its closing event."""
    pieces: int
    rows: int


def take(session: Session, *, actor: str) -> Snapshot:
    """Write the state tables into the log, in this transaction; others wait with their events until it ends."""
    session.flush()
    if not is_sqlite(session):  # which has one writer
        session.execute(text("LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE"))
    now, first, pieces, rows = clock.now(), _newest(session) + 1, 0, 0
    for payload in _pieces(session):
        said = {"at": now, "kind": EventKind.SNAPSHOT_ROWS, "actor": actor, "payload": payload}
        session.execute(insert(events_table()), said)
        pieces, rows = pieces + 1, rows + len(payload["rows"])
    closing = record(session, EventKind.SNAPSHOT_TAKEN, actor=actor, first=first, pieces=pieces, rows=rows)
    session.flush()
    return Snapshot(first, closing.id or 0, pieces, rows)


def _newest(session: Session) -> int:
    return session.execute(select(func.max(events_table().columns["id"]))).scalar() or 0


def _pieces(session: Session) -> Iterator[dict[str, Any]]:
    for table in columns.state_tables():
        names = columns.replayed(table.name, (column.key for column in table.columns))
        rows = read_rows(session, table, names)
        while part := [list(map(_as_said, row.values())) for row in islice(rows, ROWS_A_PIECE)]:
            yield {"table": table.name, "columns": list(names), "rows": part}


def _as_said(value: Any) -> Any:
    return say_time(value) if isinstance(value, datetime) else value


def find(session: Session, until: datetime | int | None = None) -> Snapshot | None:
    """The newest snapshot that is complete (by then); None: replay starts from empty."""
    log = events_table()
    conditions = [log.columns["kind"] == EventKind.SNAPSHOT_TAKEN]
    if isinstance(until, datetime):
        conditions.append(log.columns["at"] <= until)
    elif until is not None:
        conditions.append(log.columns["id"] <= until)
    closings = [found for _, found in read_events(session, *conditions) if isinstance(found, Fact)]
    return next((one for one in map(partial(_complete, session), reversed(closings)) if one is not None), None)


def _complete(session: Session, closing: Fact) -> Snapshot | None:
    first, pieces, rows = (closing.payload.get(name) for name in ("first", "pieces", "rows"))
    if not (isinstance(first, int) and isinstance(pieces, int) and isinstance(rows, int)):
        return None
    count = session.execute(select(func.count()).where(*_between(first, closing.id))).scalar()
    return Snapshot(first, closing.id, pieces, rows) if count == pieces else None


def _between(first: int, number: int) -> list[ColumnElement[bool]]:
    log = events_table()
    return [
        log.columns["kind"] == EventKind.SNAPSHOT_ROWS,
        log.columns["id"] >= first,
        log.columns["id"] < number,
    ]


def load(session: Session, snapshot: Snapshot, tables: Tables, beads: BeadRows) -> list[tuple[int, Contradiction]]:
    """Put the rows of a snapshot where they belong; returns which pieces are wrong."""
    wrong, rows = [], 0
    for number, found in read_events(session, *_between(snapshot.first, snapshot.number)):
        try:
            if isinstance(found, str):
                raise Contradiction(found)
            rows += _restore(found, tables, beads)
        except Contradiction as error:
            wrong.append((number, error))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            wrong.append((number, Contradiction(f"is no piece of a snapshot: {type(error).__name__} {error}")))
    if rows != snapshot.rows:
        what = f"closes a snapshot of {snapshot.rows} rows, and its pieces hold {rows}"
        wrong.append((snapshot.number, Contradiction(what)))
    return wrong


def _restore(piece: Fact, tables: Tables, beads: BeadRows) -> int:
    table, names, rows = (piece.of(name) for name in ("table", "columns", "rows"))
    for values in rows:
        row = read(table, dict(zip(names, values, strict=True)))
        if table in bead_rows.TABLES:
            beads.restore(table, row)
        else:
            key = tuple(row.pop(name) for name in key_columns(table))
            tables.add(table, key, row)
            assignments.replay.restore(tables, table, row)
    return len(rows)
