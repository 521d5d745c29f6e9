"""The event log tells all that is in the tables."""

from collections.abc import Iterable

from gastown import replay
from gastown.db import is_sqlite
from gastown.patrols.findings import Category, Check, Fault, Here, error

_SHOWN = 20


def look(here: Here) -> Iterable[Fault]:
    """The tables rebuilt from the log, against the tables."""
    with here.read() as session:
        if not is_sqlite(session):  # all of one moment, whoever writes meanwhile
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        found = replay.verify(session)
    hint = (
        "`gt events verify` shows them all. A row that was edited by hand looks like this, and so does a bug of ours."
    )
    for difference in found[:_SHOWN]:
        yield error("", str(difference), hint)
    if len(found) > _SHOWN:
        yield error("", f"and {len(found) - _SHOWN} more differences", hint)


CHECK = Check("replay", look, "the event log replays to the same state", category=Category.CORE, is_slow=True)
