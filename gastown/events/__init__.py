"""What happened: one row a fact, written in the transaction that made it true.

The table is the feed that people read, the outbox from which doorbells are rung (`rung_at`), and the log from which
state can be rebuilt, so a row carries the new values. Rows are never changed, except for the marks `rung_at` and
`reacted_at`.
"""

from gastown.events import outbox
from gastown.events.feed import after, for_bead, latest, latest_id
from gastown.events.folding import (
    Contradiction,
    Fact,
    Gap,
    Key,
    Step,
    Tables,
    fold,
    is_json,
    key_columns,
    read,
    say_time,
    show_key,
)
from gastown.events.kinds import EventKind
from gastown.events.models import Event
from gastown.events.record import record, record_many
from gastown.events.tail import Tail

__all__ = [
    "Contradiction",
    "Event",
    "EventKind",
    "Fact",
    "Gap",
    "Key",
    "Step",
    "Tables",
    "Tail",
    "after",
    "fold",
    "for_bead",
    "is_json",
    "key_columns",
    "latest",
    "latest_id",
    "outbox",
    "read",
    "record",
    "record_many",
    "say_time",
    "show_key",
]
