"""Patrols: looking at the town without asking a model. One check, one function, used by `gt doctor` and by the tick.

A check finds and says; it changes nothing. Some have a mend: the next safe step, which looks again before it acts. The
witness, the deacon and boot walk their checks periodically (`walk`): what they find is a row (`findings`) until it is
gone, one a check and subject. Checks open short reading sessions of their own, so that none holds a transaction while
it asks a remote or a process.
"""

from gastown.patrols.catalog import ALL, run
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
from gastown.patrols.fixing import Examined, Fix, examine, list_elsewhere
from gastown.patrols.lifecycle import Noted, forget_unseen, mend_due_at, note_findings, note_step, stored_subject
from gastown.patrols.looking import Look, look_at
from gastown.patrols.models import FindingRow, Level
from gastown.patrols.queries import find_last_walk, find_open, list_open
from gastown.patrols.walk import Step, WalkResult, take_step, walk

__all__ = [
    "ALL",
    "Category",
    "Check",
    "Examined",
    "Fault",
    "Finding",
    "FindingRow",
    "Fix",
    "Hands",
    "Here",
    "Level",
    "Look",
    "NotMended",
    "Noted",
    "Patrol",
    "Step",
    "WalkResult",
    "absence",
    "error",
    "examine",
    "faults_of",
    "find_last_walk",
    "find_open",
    "forget_unseen",
    "list_elsewhere",
    "list_open",
    "look_at",
    "look_at_sqlite",
    "mend_due_at",
    "missing_program",
    "note_findings",
    "note_step",
    "path_in_tree",
    "run",
    "stored_subject",
    "take_step",
    "walk",
    "warning",
]
