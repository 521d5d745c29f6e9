"""Work that was offered was claimed."""

from collections.abc import Iterable
from datetime import timedelta

from gastown import assignments, policy, rigs
from gastown.db import database_time
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, warning

# After this many doorbells in vain somebody should look.
_RINGS = 4


def look(here: Here) -> Iterable[Fault]:
    """Offered attempts older than several doorbells; what somebody halted is the check `halts`'s business."""
    with here.read() as session:
        patience = timedelta(seconds=_RINGS * policy.load(session).number("doorbell.again_s"))
        now = database_time(session)
        running = assignments.running_by_host(session)
        halted = {halt.rig for halt in rigs.list_halts(session)}
        rows = [row for row in assignments.list_offered(session) if not halted & {None, row.rig}]
        held_up = [*assignments.list_offered(session), *assignments.list_waiting(session)]
        is_shut = bool(policy.load(session).count("dispatch.paused") and held_up)
    if is_shut:
        yield warning(
            "",
            "nothing new is claimed: dispatch is paused, as by a `gt shutdown` that did not come to its end",
            "`gt config set dispatch.paused 0` lets claims go on.",
        )
    for row in rows:
        if now - row.created_at > patience:
            busy = sum(running.values())
            why = f"{busy} attempts run now; there may be no free slot" if busy else "no worker took it"
            minutes = int((now - row.created_at).total_seconds() // 60)
            yield warning(
                row.bead_id,
                f"has been offered in {row.rig} for {minutes} minutes: {why}",
                "`gt status` shows slots and workers; `slots` in town.toml adds some.",
            )


CHECK = Check("offers", look, "all offered work was taken", category=Category.WORK, patrol=Patrol.WITNESS)
