"""Chaos: a real town under a seeded schedule of faults, and a checker that does not trust it.

The driver (`run.py`) founds a town, gives it work and hurts it; the checker compares tables, events, git and a journal
that the agents keep outside of the system. Neither is used by a town at work.
"""

from gastown.chaos.evidence import Commit, Evidence, Fault, Invariant, JournalLine, Note, Remote, Repository
from gastown.chaos.result import Result
from gastown.chaos.run import run
from gastown.chaos.screen import Screen
from gastown.chaos.wanted import Counts, Wanted, make_wanted

__all__ = [
    "Commit",
    "Counts",
    "Evidence",
    "Fault",
    "Invariant",
    "JournalLine",
    "Note",
    "Remote",
    "Repository",
    "Result",
    "Screen",
    "Wanted",
    "make_wanted",
    "run",
]
