"""Running one check so that nothing it meets stops the others."""

from collections.abc import Sequence
from dataclasses import dataclass

from gastown import logs
from gastown.errors import GastownError
from gastown.patrols.findings import Check, Fault, Here, error

log = logs.get(__name__)


@dataclass(frozen=True)
class Look:
    """What one check said."""

    check: Check
    faults: Sequence[Fault]
    is_whole: bool = True
    """Whether it looked to the end; else what it did not say may be there all the same."""


def look_at(check: Check, here: Here) -> Look:
    """Run the check; that it could not look is something it says."""
    found: list[Fault] = []
    try:
        for fault in check.look(here):
            found.append(fault)  # what it said before it failed counts
    except GastownError as failure:
        return Look(check, [*found, error("", failure.message, failure.hint or "")], is_whole=False)
    except OSError as failure:
        return Look(
            check, [*found, error("", f"this could not be looked at: {failure.strerror or failure}")], is_whole=False
        )
    except Exception as failure:
        log.exception("check %s failed", check.name)
        words = f"this could not be looked at: {type(failure).__name__}: {' '.join(str(failure).split())[:300]}"
        return Look(check, [*found, error("", words, "The log of whoever looked has the details.")], is_whole=False)
    return Look(check, found)
