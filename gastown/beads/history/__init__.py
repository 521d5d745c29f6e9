"""What became of a bead and when, from the event rows alone."""

from gastown.beads.history.lineage import find_past
from gastown.beads.history.past import past
from gastown.beads.history.story import Entry, list_history

__all__ = [
    "Entry",
    "find_past",
    "list_history",
    "past",
]
