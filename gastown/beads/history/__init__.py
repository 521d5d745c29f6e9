"""What became of a bead and when, from the event rows alone."""

from gastown.beads.history.lineage import find_past
from gastown.beads.history.past import past
from gastown.beads.history.replay import BEAD_KINDS, NOT_REPLAYED, State, step
from gastown.beads.history.story import Entry, list_history

__all__ = [
    "BEAD_KINDS",
    "NOT_REPLAYED",
    "Entry",
    "State",
    "find_past",
    "list_history",
    "past",
    "step",
]
