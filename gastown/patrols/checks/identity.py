"""No two hosts go by one name."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import column, select, table

from gastown import policy
from gastown.db import UtcTime, database_time
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, error

# A higher noun's table, by name.
_WORKERS = table("workers", column("id"), column("host"), column("seen_at", UtcTime))

_PARTS = 4


def look(here: Here) -> Iterable[Fault]:
    """Workers of one host name that were heard lately and run under different kernels: each takes the other's
    sessions for its own. One that has just booted again is forgiven for a lease's time.
    """
    with here.read() as session:
        ttl = timedelta(seconds=policy.load(session).number("lease.ttl_s"))
        now = database_time(session)
        rows = session.connection().execute(select(_WORKERS)).all()
    boots: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        parts = str(row.id).split(":")  # <host>:<pid>:<start>:<boot>
        if now - row.seen_at <= ttl and len(parts) == _PARTS:
            boots[row.host].add(parts[-1])
    for host, found in sorted(boots.items()):
        if len(found) > 1:
            yield error(
                host,
                f"{len(found)} machines work under this name",
                "Give each a name of its own in its town.toml (host = ...), then `gt down` and `gt up` there.",
            )


CHECK = Check("identity", look, "every host has a name of its own", category=Category.CORE, patrol=Patrol.DEACON)
