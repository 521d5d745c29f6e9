"""Chaos: a real town under a seeded schedule of faults, and a checker that does not trust it."""

from gastown.chaos.evidence import Commit, Evidence, Fault, Invariant, JournalLine, Note, Repository

__all__ = ["Commit", "Evidence", "Fault", "Invariant", "JournalLine", "Note", "Repository"]
