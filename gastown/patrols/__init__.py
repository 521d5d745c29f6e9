"""Patrols: looking at the town without asking a model. One check, one function, used by `gt doctor` and by the tick.

A check finds and says; it changes nothing. What must be done about a finding is done elsewhere (reconciling leases,
sweeping the outbox) or by a person: each finding says how. Checks open short reading sessions of their own, so that
none holds a transaction while it asks a remote or a process.
"""

from gastown.patrols.catalog import ALL, QUICK, run
from gastown.patrols.checks.agents import faults_of
from gastown.patrols.checks.database import look_at_sqlite
from gastown.patrols.commands import absence, missing_program, path_in_tree
from gastown.patrols.findings import Check, Fault, Finding, Here, Level, error, warning

__all__ = [
    "ALL",
    "QUICK",
    "Check",
    "Fault",
    "Finding",
    "Here",
    "Level",
    "absence",
    "error",
    "faults_of",
    "look_at_sqlite",
    "missing_program",
    "path_in_tree",
    "run",
    "warning",
]
