"""No row says what no part of this program can read: edited by hand, or written by a newer version."""

from collections.abc import Iterable

from sqlmodel import col, func, select

from gastown.assignments import Assignment
from gastown.db import UnknownWord
from gastown.events import Event
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, warning
from gastown.refinery import GateRun, LandingIntent, MergeRequest

_STATES = (
    ("attempts", Assignment.state),
    ("merge requests", MergeRequest.state),
    ("gate runs", GateRun.state),
    ("landings", LandingIntent.state),
)
# Of the feed only what is new is looked at: it has a row for everything that ever happened.
_NEWEST = 500


def look(here: Here) -> Iterable[Fault]:
    """The states in use, and the newest events, against the words that there are."""
    with here.read() as session:
        found = [
            (noun, state, count)
            for noun, column in _STATES
            for state, count in session.exec(select(column, func.count()).group_by(col(column))).all()
        ]
        newest = session.exec(select(Event.id, Event.kind).order_by(col(Event.id).desc()).limit(_NEWEST)).all()
    for noun, state, count in found:
        if isinstance(state, UnknownWord):
            yield warning(
                noun,
                f"{count} have the state {str(state)[:40]!r}, which this version does not know",
                "Nothing is done about them; their beads are given to a person. See `gt events` and who wrote that.",
            )
    strange = [number for number, kind in newest if isinstance(kind, UnknownWord)]
    if strange:
        yield warning("events", f"{len(strange)} of the newest are of a kind that this version does not know")


CHECK = Check("unreadable", look, "every row can be read", category=Category.CORE, patrol=Patrol.DEACON)
