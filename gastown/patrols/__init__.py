"""Patrols: looking at the town without asking a model. One check, one function, used by `gt doctor` and by the tick.

A check finds and says; it changes nothing. What must be done about a finding is done elsewhere (reconciling leases,
sweeping the outbox) or by a person: each finding says how. Checks open short reading sessions of their own, so that
none holds a transaction while it asks a remote or a process.
"""

from gastown.patrols.catalog import ALL, QUICK, run
from gastown.patrols.checks.agents import faults_of
from gastown.patrols.checks.database import look_at_sqlite
from gastown.patrols.commands import absence, missing_program, path_in_tree
from gastown.patrols.findings import (
    Category,
    Check,
    Fault,
    Finding,
    Hands,
    Here,
    NotMended,
    Patrol,
    error,
    warning,
)
from gastown.patrols.models import FindingRow, Level

__all__ = [
    "ALL",
    "QUICK",
    "Category",
    "Check",
    "Fault",
    "Finding",
    "FindingRow",
    "Hands",
    "Here",
    "Level",
    "NotMended",
    "Patrol",
    "absence",
    "error",
    "faults_of",
    "look_at_sqlite",
    "missing_program",
    "path_in_tree",
    "run",
    "warning",
]
