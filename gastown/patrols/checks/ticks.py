"""The periodic steps run: beat sends them, or a worker runs what is overdue."""

from collections.abc import Iterable
from datetime import timedelta

from gastown.db import database_time, locks
from gastown.patrols.findings import Category, Check, Fault, Here, error, warning
from gastown.queue import Task

# Each tick leaves a lease that expires half a period after it began; workers run what nobody ran for three periods.
_WATCHED = {Task.RECONCILE: timedelta(minutes=1), Task.PATROL: timedelta(minutes=5)}


def look(here: Here) -> Iterable[Fault]:
    """When each tick last ran."""
    with here.read() as session:
        now = database_time(session)
        last = {task: session.get(locks.Lease, f"tick.{task.value}") for task in _WATCHED}
    hint = "Start beat and a town worker: `gt up`, or their units."
    for task, patience in _WATCHED.items():
        row = last[task]
        if row is None or row.expires_at is None:
            yield warning(task.value, "has never run", hint)
        elif now - row.expires_at > patience:
            minutes = int((now - row.expires_at).total_seconds() // 60)
            yield error(task.value, f"has not run for {minutes} minutes: nothing is retried or taken over", hint)


CHECK = Check("ticks", look, "the periodic steps run", category=Category.INFRASTRUCTURE)
