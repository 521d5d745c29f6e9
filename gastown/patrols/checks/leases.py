"""No attempt's lease has expired unnoticed."""

from collections.abc import Iterable
from datetime import timedelta

from gastown import assignments, policy
from gastown.db import database_time
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, error


def look(here: Here) -> Iterable[Fault]:
    """Leases that ran out longer ago than the reconciler waits."""
    with here.read() as session:
        ttl = timedelta(seconds=policy.load(session).number("lease.ttl_s"))
        now = database_time(session)
        rows = assignments.list_expired(session, now - 2 * ttl)
    for row in rows:
        yield error(
            row.bead_id,
            f"the lease of {row.polecat} on {row.host} ran out and nobody took the attempt over",
            "A town worker does that: see the check `workers`.",
        )


CHECK = Check("leases", look, "no lease has run out unnoticed", category=Category.WORK, patrol=Patrol.DEACON)
