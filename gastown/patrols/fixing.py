"""What `gt doctor` does: run checks, take the safe step about each fault, and run the same check again."""

from collections.abc import Sequence
from dataclasses import dataclass

from gastown import clock
from gastown.errors import GastownError
from gastown.patrols import catalog, queries
from gastown.patrols.findings import Check, Fault, Hands, Here
from gastown.patrols.looking import Look, look_at
from gastown.patrols.models import FindingRow, Level
from gastown.patrols.walk import Step, take_step

# Steps a check: of a thousand faults that are alike the rest is left to the next call, and said.
MOST_FIXES = 50


@dataclass(frozen=True)
class Fix:
    """What was done about one fault, and whether the check is content since."""

    fault: Fault
    step: Step
    is_fixed: bool


@dataclass(frozen=True)
class Examined:
    """What one check says, after fixing if that was asked for."""

    check: Check
    faults: Sequence[Fault]
    fixes: Sequence[Fix]
    seconds: float

    @property
    def has_failed(self) -> bool:
        """Whether something keeps work from going on, or a step did not help."""
        return any(fault.level is Level.ERROR for fault in self.faults) or any(not fix.is_fixed for fix in self.fixes)


def examine(here: Here, checks: Sequence[Check], *, hands: Hands | None = None) -> list[Examined]:
    """Run `checks`; with `hands`, take the step about each fault that has one, then look again.

    Without a database, the checks that need it are left out after the first that says so.
    """
    found: list[Examined] = []
    has_sql = True
    for check in checks:
        if check.needs_sql and not has_sql:
            continue
        one = _examine(here, check, hands)
        if check.is_first:
            has_sql = not any(fault.level is Level.ERROR for fault in one.faults)
        found.append(one)
    return found


def list_elsewhere(here: Here) -> list[FindingRow]:
    """What other hosts' own patrols found there and is still wrong; this host's checks cannot see it."""
    local = {check.name for check in catalog.ALL if check.is_local}
    mine = here.settings.host_id
    with here.read() as session:
        rows = [row for row in queries.list_open(session) if row.check in local]
    return [row for row in rows if row.subject.partition(" ")[0] != mine]


def _examine(here: Here, check: Check, hands: Hands | None) -> Examined:
    began = clock.monotonic()
    look = look_at(check, here)
    fixes: list[Fix] = []
    if hands is not None and check.mend is not None and look.faults:
        tried = [(fault, _take(hands, check, fault)) for fault in look.faults[:MOST_FIXES]]
        look = look_at(check, here)
        fixes = [Fix(fault, step, _is_gone(fault, look)) for fault, step in tried]
    return Examined(check, look.faults, fixes, clock.monotonic() - began)


def _take(hands: Hands, check: Check, fault: Fault) -> Step:
    try:
        return take_step(hands, check, fault)
    except GastownError as failure:  # the step itself may have been taken: looking again tells
        return Step(refused=f"it could not be noted: {failure.message}")


def _is_gone(fault: Fault, look: Look) -> bool:
    return look.is_whole and not any(left.subject == fault.subject for left in look.faults)
