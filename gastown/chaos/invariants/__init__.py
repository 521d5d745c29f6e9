"""The invariants by theme: the work (I1 to I8), the merge queue (I9 to I16), the records (I17 to I23)."""

from gastown.chaos.invariants.agents import AGENTS
from gastown.chaos.invariants.merge import MERGE
from gastown.chaos.invariants.quiet import QUIET
from gastown.chaos.invariants.records import RECORDS
from gastown.chaos.invariants.work import WORK

__all__ = ["AGENTS", "MERGE", "QUIET", "RECORDS", "WORK"]
