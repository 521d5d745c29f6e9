"""Replay: the state tables rebuilt from the events, to prove that the log tells all, and to show the town as it was.

Every state change is an event with its new values, in the same transaction. Each noun's `replay.py` says what its
events change; here they come together. What the log does not give back is in one list, `columns.py`. The log is read
in the order of its numbers. PostgreSQL gives these before the commit, so that events of different rows may stand in
another order than they happened in: no reducer depends on any order but that of one row's own events, which is that
of the commits, since whoever changes a row holds it until then.
"""

from gastown.replay.differences import Difference, Flaw
from gastown.replay.past import Picture, at, draw, parse_moment, parse_time
from gastown.replay.pruning import prune
from gastown.replay.rebuild import Rebuilt, rebuild
from gastown.replay.snapshots import Snapshot
from gastown.replay.snapshots import find as find_snapshot
from gastown.replay.snapshots import take as take_snapshot
from gastown.replay.verify import compare, find_gaps, verify

__all__ = [
    "Difference",
    "Flaw",
    "Picture",
    "Rebuilt",
    "Snapshot",
    "at",
    "compare",
    "draw",
    "find_gaps",
    "find_snapshot",
    "parse_moment",
    "parse_time",
    "prune",
    "rebuild",
    "take_snapshot",
    "verify",
]
