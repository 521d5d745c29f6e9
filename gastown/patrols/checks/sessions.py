"""Every attempt that runs on this host has a live process."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlmodel import Session

from gastown import assignments, policy, sessions
from gastown.assignments import Assignment, AssignmentState, Desired, StaleFence
from gastown.db import database_time
from gastown.events import EventKind
from gastown.patrols.findings import Category, Check, Fault, Hands, Here, Patrol, warning
from gastown.patrols.queries import last_told
from gastown.patrols.watching import RESTART_PATIENCE
from gastown.runtimes import host

_GONE = "its session's process is gone, and its worker did not book its end"


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
        elif host.process_start(process.agent_pid) != process.agent_start:
            yield warning(
                row.bead_id,
                f"the agent of {row.polecat} is gone, and its keeper is still there",
                "It ends what the agent left running first; `gt log` tells when the run was booked.",
            )


def mend(hands: Hands, fault: Fault) -> str:
    """Have the attempt of a worker that does not come to it given up, at last without that worker.

    Nothing of the worktree is touched: it stays as it is until somebody saved it. What has no worker is adopted by the
    next one; that is not a patrol's business.
    """
    return hands.transact(lambda session: _end_booked_by_nobody(session, hands, fault.subject))


def _end_booked_by_nobody(session: Session, hands: Hands, bead_id: str) -> str:
    row = assignments.find_open(session, bead_id, lock=True)
    if row is None or row.id is None or not _is_stuck(session, row, hands.here):
        return ""
    if row.desired in (Desired.RUN, Desired.RESTART):
        assignments.ask_to_give_up(session, row.id, row.fence, actor=hands.actor, why=_GONE)
        return f"asked {row.holder} to end the attempt"
    asked = last_told(session, EventKind.ASSIGNMENT_STOP_ASKED, [row]).get(row.id)
    if asked is None or database_time(session) - asked < RESTART_PATIENCE:
        return ""
    try:
        assignments.lose(session, row.id, row.fence, actor=hands.actor, outcome=_GONE)
    except StaleFence:
        return ""
    return f"ended the attempt, which {row.holder} does not"


def _is_stuck(session: Session, row: Assignment, here: Here) -> bool:
    """Whether a worker has the attempt, its session ended long ago, and nothing follows from that."""
    now = database_time(session)
    is_held = row.expires_at is not None and row.expires_at > now
    is_here = row.state is AssignmentState.RUNNING and row.host == here.settings.host_id
    folder = sessions.latest_run_dir(here.settings, row.id or 0) if is_here and is_held else None
    if folder is None or host.find(folder) is not None:
        return False
    ended = host.read_exit(folder)
    patience = policy.load(session).number("witness.spawn_grace_s")
    return ended is not None and _age(ended.ended_at, now) > patience


def _age(at: float, now: datetime) -> float:
    return now.timestamp() - at


CHECK = Check(
    "sessions",
    look,
    "every running attempt of this host has its process",
    category=Category.AGENTS,
    patrol=Patrol.WITNESS,
    mend=mend,
    is_automatic=True,
    is_local=True,
)
