"""No agent's process outlives its attempt, or its keeper, on this host."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from sqlmodel import col, select

from gastown.assignments import Assignment, AssignmentState
from gastown.db import database_time
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, warning
from gastown.runtimes import host, strays

# An agent may say goodbye for a minute after its attempt ended; then its worker, or the host's upkeep, saves its work
# and stops it. What is there after that long stays there until somebody looks.
GRACE = timedelta(minutes=6)


def look(here: Here) -> Iterable[Fault]:
    """Processes whose environment names a session folder of this town, against the attempts and their keepers."""
    root = here.settings.town / "sessions"
    found = strays.list_running(root)
    numbers = {int(folder.parent.name) for folder in found if folder.parent.name.isdigit()}
    if not found:
        return
    with here.read() as session:
        now = database_time(session)
        rows = {row.id: row for row in session.exec(select(Assignment).where(col(Assignment.id).in_(numbers)))}
    for folder, processes in sorted(found.items()):
        row = rows.get(int(folder.parent.name)) if folder.parent.name.isdigit() else None
        if why := _why(folder, row, now):
            yield warning(
                f"{folder.parent.name}/{folder.name}",
                f"{len(processes)} processes run on, though {why}",
                "A worker of this host saves the work and ends them: see the check `workers`.",
            )


def _why(folder: Path, row: Assignment | None, now: datetime) -> str:
    """What is wrong with processes of this folder; empty: nothing."""
    if row is None:
        return "there is no such attempt"
    if row.state is not AssignmentState.RUNNING:
        is_old = row.ended_at is not None and now - row.ended_at > GRACE
        return f"the attempt at {row.bead_id} is over ({row.state})" if is_old else ""
    ended = host.read_exit(folder)
    is_old = ended is not None and now.timestamp() - ended.ended_at > GRACE.total_seconds()
    return f"that run of the session for {row.bead_id} has ended" if is_old else ""


CHECK = Check(
    "zombies",
    look,
    "no agent's process outlives its attempt",
    category=Category.CLEANUP,
    patrol=Patrol.WITNESS,
    is_local=True,
)
