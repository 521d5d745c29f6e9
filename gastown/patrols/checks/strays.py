"""No polecat is kept busy by nobody."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import column, exists, select, table
from sqlmodel import col
from sqlmodel import select as select_rows

from gastown import clock, policy
from gastown.agents import Polecat, WorktreeState
from gastown.assignments import Assignment, AssignmentState
from gastown.db import UtcTime, database_time
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, warning

# A higher noun's table, by name.
_WORKERS = table("workers", column("host"), column("role"), column("seen_at", UtcTime))
# A worker of its host settles it within minutes: saves what is in the worktree, and frees it.
_PATIENCE = timedelta(minutes=15)
_SHOWN = 200


def look(here: Here) -> Iterable[Fault]:
    """Worktrees that are marked as in use and have no running attempt, most often on a host that went away."""
    running = exists().where(
        col(Assignment.polecat) == col(Polecat.address), col(Assignment.state) == AssignmentState.RUNNING
    )
    query = select_rows(Polecat).where(
        Polecat.worktree_state == WorktreeState.BUSY, ~running, col(Polecat.last_used_at) < clock.now() - _PATIENCE
    )
    with here.read() as session:
        ttl = timedelta(seconds=policy.load(session).number("lease.ttl_s"))
        now = database_time(session)
        found = session.exec(query.order_by(col(Polecat.address)).limit(_SHOWN)).all()
        workers = session.connection().execute(select(_WORKERS)).all()
    served = {row.host for row in workers if now - row.seen_at <= ttl and row.role in ("sessions", "all")}
    for polecat in found:
        is_served = polecat.host in served
        why = "its host settles it" if is_served else f"its host {polecat.host} is not at work"
        yield warning(
            polecat.address,
            f"is marked as busy and nobody works with it: {why}",
            f"`gt up` on {polecat.host} saves what is in its worktree; its beads are worked on by others meanwhile.",
        )


CHECK = Check("strays", look, "no polecat is kept busy by nobody", category=Category.CLEANUP, patrol=Patrol.WITNESS)
