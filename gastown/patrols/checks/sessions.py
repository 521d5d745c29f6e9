"""Every attempt that runs on this host has a live process."""

from collections.abc import Iterable
from datetime import timedelta

from gastown import assignments, policy, sessions
from gastown.db import database_time
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, warning
from gastown.runtimes import host


def look(here: Here) -> Iterable[Fault]:
    """Running attempts of this host against the processes in their session folders."""
    with here.read() as session:
        ttl = timedelta(seconds=policy.load(session).number("lease.ttl_s"))
        now = database_time(session)
        rows = assignments.list_running_on(session, here.settings.host_id)
    for row in rows:
        # Preparing a worktree and booking an end take their time.
        if row.id is None or row.claimed_at is None or now - row.claimed_at < ttl:
            continue
        folder = sessions.latest_run_dir(here.settings, row.id)
        process = host.find(folder) if folder else None
        if process is None or not host.is_alive(process):
            yield warning(
                row.bead_id,
                f"{row.polecat} has no process, and its end is not booked yet",
                "A worker of this host books it within seconds of its own start: `gt up`.",
            )


CHECK = Check(
    "sessions",
    look,
    "every running attempt of this host has its process",
    category=Category.AGENTS,
    patrol=Patrol.WITNESS,
    is_local=True,
)
