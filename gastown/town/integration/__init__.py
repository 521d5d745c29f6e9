"""Integration branches: an epic's beads land together on a branch of their own, and then on the target as one.

The branch is the target of a rig of its own, so that all that a merge queue does is done for it, too: `creating.py`
makes both, `standing.py` says how they stand, `landing.py` hands the branch in to the queue of the rig that it came
from and clears up. Which beads go there is decided in `gastown.sling.homes`.
"""
