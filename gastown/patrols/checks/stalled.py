"""Sessions say something soon after their start."""

from collections.abc import Iterable
from datetime import timedelta

from gastown import assignments
from gastown.db import database_time
from gastown.events import EventKind
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, warning
from gastown.patrols.queries import last_told

# A run this old that has given no sign of life at all stands at a dialog, a login or a lock, as a rule. It is said
# early; what is done about it waits for `witness.silent_s`, since some agents work before they speak.
STALLED = timedelta(seconds=90)
# The start itself counts as a sign; so does what comes with it.
_AT_START = timedelta(seconds=5)


def look(here: Here) -> Iterable[Fault]:
    """Running attempts whose newest run has given no sign since it began."""
    with here.read() as session:
        now = database_time(session)
        quiet = [row for row in assignments.list_running(session) if row.active_at and now - row.active_at > STALLED]
        begun = last_told(session, EventKind.SESSION_STARTED, quiet)
    for row in quiet:
        start = begun.get(row.id or 0)
        if start is not None and row.active_at is not None and row.active_at - start < _AT_START:
            yield warning(
                row.bead_id,
                f"{row.polecat} was started at {start:%H:%M:%S} UTC and has said nothing yet",
                "A login or a question may hold it up: look at the end of its output in the town's sessions folder.",
            )


CHECK = Check(
    "stalled", look, "every session said something after its start", category=Category.AGENTS, patrol=Patrol.WITNESS
)
