"""Rebuilding the tables from the log: from empty, or from the newest snapshot before the moment in question."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session

from gastown.beads import history
from gastown.events import Contradiction, Fact, Gap, Key, Tables, fold
from gastown.replay import bead_rows, snapshots
from gastown.replay.bead_rows import BeadRows
from gastown.replay.differences import Difference, Flaw
from gastown.replay.reading import events_table, read_events
from gastown.replay.steps import KNOWN, STEPS

# Findings that are kept: of a log that was turned over a person reads no more.
MOST = 10_000
Progress = Callable[[int], None]
"""Called with the number of events that were read."""
_TELL_EVERY = 5000


@dataclass
class Rebuilt:
    """The tables as the log tells them."""

    tables: Tables = field(default_factory=Tables)
    beads: BeadRows = field(default_factory=BeadRows)
    wrong: list[Difference] = field(default_factory=list)
    """Events that cannot be, and gaps."""
    events: int = 0
    """How many were read."""
    last: int = 0
    """The number of the last one."""
    start: int = 0
    """The number of the snapshot that this starts from; 0: from empty."""

    def apply(self, fact: Fact) -> None:
        """One more event."""
        if fact.kind not in KNOWN:
            self.note(fact, Contradiction("is of a kind that no table follows"))
        if fact.kind in history.BEAD_KINDS:
            self.beads.apply(fact)
        for error in fold(self.tables, STEPS, fact):
            self.note(fact, error)

    def note(self, fact: Fact, error: Contradiction) -> None:
        """Something is wrong with an event."""
        flaw = Flaw.GAP if isinstance(error, Gap) else Flaw.EVENT
        self._add(Difference(flaw, event=fact.id, what=f"({fact.kind.value}): {error}"))

    def note_unreadable(self, number: int, what: str) -> None:
        """An event that is none."""
        self._add(Difference(Flaw.EVENT, event=number, what=what))

    def _add(self, difference: Difference) -> None:
        if len(self.wrong) < MOST:
            self.wrong.append(difference)

    def find(self, table: str, key: Key) -> dict[str, Any] | None:
        """One row; None where the log tells of none."""
        return self.beads.find(table, key) if table in bead_rows.TABLES else self.tables.rows[table].get(key)

    def keys(self, table: str) -> Sequence[Key]:
        """The primary keys of a table."""
        return list(self.beads.keys(table) if table in bead_rows.TABLES else self.tables.rows[table])

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """Every row of a table."""
        return self.beads.rows(table) if table in bead_rows.TABLES else iter(self.tables.rows[table].values())


def rebuild(session: Session, *, until: datetime | int | None = None, progress: Progress | None = None) -> Rebuilt:
    """The tables after all events, after the one with this number, or as they were at this time."""
    log = events_table()
    built = Rebuilt()
    newest = snapshots.find(session, until)
    conditions: list[ColumnElement[bool]] = []
    if newest is not None:
        for piece, error in snapshots.load(session, newest, built.tables, built.beads):
            built.note_unreadable(piece, str(error))
        built.start = built.last = newest.number
        conditions.append(log.columns["id"] > newest.number)
    if isinstance(until, datetime):
        conditions.append(log.columns["at"] <= until)
    elif until is not None:
        conditions.append(log.columns["id"] <= until)
    for number, found in read_events(session, *conditions):
        built.events, built.last = built.events + 1, number
        if progress is not None and built.events % _TELL_EVERY == 0:
            progress(built.events)
        if isinstance(found, str):
            built.note_unreadable(number, found)
        else:
            built.apply(found)
    return built
