"""Every queue that gets messages has a worker that reads it."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import column, select, table

from gastown import assignments, policy, queue, refinery, rigs
from gastown.db import JsonObject, UtcTime, database_time
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, error, warning

# A higher noun's table, by name.
_WORKERS = table("workers", column("role"), column("seen_at", UtcTime), column("queues", JsonObject))


def look(here: Here) -> Iterable[Fault]:
    """What the rigs' work needs against what the workers that were heard lately say they read."""
    with here.read() as session:
        ttl = timedelta(seconds=policy.load(session).number("lease.ttl_s"))
        now = database_time(session)
        rows = session.connection().execute(select(_WORKERS)).all()
        served = {name for row in rows if now - row.seen_at <= ttl for name in row.queues}
        names = [rig.name for rig in rigs.list_all(session)]
        busy = {row.rig for row in assignments.list_offered(session)}
        merging = {up.item.request.rig for up in refinery.list_next(session)}
    if not served:
        return  # the check `workers` says that nobody is there
    for name in names:
        for wanted, has_work in ((queue.rig_queue(name), name in busy), (queue.refinery_queue(name), name in merging)):
            if wanted not in served:
                say = error if has_work else warning
                hint = "Workers take all rigs unless `rigs` in their town.toml names some; they look every ten seconds."
                yield say(wanted, f"no worker reads this queue of rig {name}", hint)


CHECK = Check("queues", look, "every queue has a worker", category=Category.INFRASTRUCTURE, patrol=Patrol.DEACON)
