"""No two hosts go by one name."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations

from sqlalchemy import column, select, table

from gastown import policy
from gastown.db import UtcTime, database_time
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, error

# A higher noun's table, by name.
_WORKERS = table("workers", column("id"), column("host"), column("started_at", UtcTime), column("seen_at", UtcTime))

_PARTS = 4


@dataclass
class _Machine:
    """What one boot of a kernel was heard of under a host's name."""

    first: datetime
    last: datetime


def look(here: Here) -> Iterable[Fault]:
    """Workers of one host name that live at the same time under different kernels: each would take the other's sessions
    for its own. Those of a machine that has booted again do not.
    """
    with here.read() as session:
        ttl = timedelta(seconds=policy.load(session).number("lease.ttl_s"))
        now = database_time(session)
        rows = session.connection().execute(select(_WORKERS)).all()
    found: dict[str, dict[str, _Machine]] = defaultdict(dict)
    for row in rows:
        parts = str(row.id).split(":")  # <host>:<pid>:<start>:<boot>
        if now - row.seen_at > ttl or len(parts) != _PARTS:
            continue
        machine = found[row.host].setdefault(parts[-1], _Machine(row.started_at, row.seen_at))
        machine.first, machine.last = min(machine.first, row.started_at), max(machine.last, row.seen_at)
    for host, machines in sorted(found.items()):
        if any(one.first < other.last and other.first < one.last for one, other in combinations(machines.values(), 2)):
            yield error(
                host,
                f"{len(machines)} machines work under this name",
                "Give each a name of its own in its town.toml (host = ...), then `gt down` and `gt up` there.",
            )


CHECK = Check("identity", look, "every host has a name of its own", category=Category.CORE, patrol=Patrol.DEACON)
