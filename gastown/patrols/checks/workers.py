"""Every kind of worker is alive somewhere, and those that said they are have said so lately."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import column, select, table

from gastown import policy
from gastown.db import UtcTime, database_time
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, error, warning

# A higher noun's table, by name.
_WORKERS = table(
    "workers",
    column("id"),
    column("host"),
    column("role"),
    *(column(name, UtcTime) for name in ("started_at", "seen_at")),
)
ROLES = ("sessions", "refinery", "gates", "town")
# What stands still while nobody has the role.
_WITHOUT = {
    "sessions": "no agent starts",
    "refinery": "nothing lands",
    "gates": "nothing is tested",
    "town": "nothing is dispatched, retried or taken over",
}
# Older presence rows are history, not news.
_FORGOTTEN = timedelta(days=1)
# As long as `gt up` waits: which of a town's first workers says first that it is there is nobody's fault.
_COMING_UP = timedelta(seconds=60)


def look(here: Here) -> Iterable[Fault]:
    """Presence rows against a lease's time."""
    with here.read() as session:
        ttl = timedelta(seconds=policy.load(session).number("lease.ttl_s"))
        now = database_time(session)
        rows = session.connection().execute(select(_WORKERS)).all()
    alive = [row for row in rows if now - row.seen_at <= ttl]
    if not alive:
        yield error("", "no worker is running anywhere", "`gt up` starts this host's.")
        return
    is_coming_up = timedelta(0) <= now - min(row.started_at for row in alive) < _COMING_UP
    served = {role for row in alive for role in (ROLES if row.role == "all" else (row.role,))}
    for role in ROLES:
        if role not in served and not is_coming_up:
            yield error(role, f"no worker of this kind is alive: {_WITHOUT[role]}", "`gt up`, or start that unit.")
    for row in rows:
        silent = now - row.seen_at
        if ttl < silent <= _FORGOTTEN:
            minutes = int(silent.total_seconds() // 60)
            yield warning(str(row.id), f"worker ({row.role} on {row.host}) was last seen {minutes} minutes ago")


CHECK = Check("workers", look, "every kind of worker is alive", category=Category.INFRASTRUCTURE, patrol=Patrol.DEACON)
