"""`gt demo`: a whole town in a folder of its own, seen at work, with faults, in under a minute.

Everything is real: services, agents (`agent.py`, a program without a model), merge queues, gates, a killed agent and a
killed worker. Only the agents' work is prescribed, in their beads. Nothing outside of the folder is written; the
repository that is copied is only read. Afterwards nothing runs, and the folder is a town like any other.
"""

from gastown.town.demo.plan import LEAST_BEADS, MOST_BEADS
from gastown.town.demo.run import Outcome, Wanted, Ways, run
from gastown.town.demo.screen import Plain, Rich, Screen

__all__ = ["LEAST_BEADS", "MOST_BEADS", "Outcome", "Plain", "Rich", "Screen", "Wanted", "Ways", "run"]
