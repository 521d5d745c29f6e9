"""Taking an attempt: a fresh claim, or the adoption of a session whose worker is gone."""

import os
import threading
from dataclasses import dataclass

from sqlmodel import Session

from gastown import assignments, logs, policy, queue
from gastown.assignments import Assignment, AssignmentState, Claim, NoRoom, NothingToClaim
from gastown.config import Settings
from gastown.errors import NotFound, Refused
from gastown.policy import Policy
from gastown.runtimes import host
from gastown.sessions.office import Office

log = logs.get(__name__)

# Covers the moment between two doorbells for one attempt; afterwards SQL alone says who has it.
CLAIM_LOCK_TTL_S = 15


class DiskLow(Refused):
    """The disk is under its floor: no new session starts here."""


@dataclass(frozen=True)
class Taken:
    """An attempt that this worker holds now."""

    claim: Claim
    is_adopted: bool


def make_holder(host_id: str, pid: int) -> str:
    """Name a worker process so that nobody after it can be mistaken for it: host, pid, start time, boot."""
    return f"{host_id}:{pid}:{host.process_start(pid) or 0}:{host.boot_id()[:8]}"


def is_dead_here(holder: str, host_id: str) -> bool:
    """Whether a holder of this host is gone; of other hosts only an expired lease can tell."""
    name, _, rest = holder.partition(":")
    parts = rest.split(":")
    if name != host_id or len(parts) != 3:
        return False
    pid, start, boot = parts
    if boot != host.boot_id()[:8]:
        return True
    return host.process_start(int(pid)) != int(start) if pid.isdigit() and start.isdigit() else False


def take(office: Office, assignment_id: int) -> Taken | None:
    """Claim the best offered attempt of the rig that the doorbell is about, or adopt that very attempt; else None."""
    if office.stopping.is_set() or office.book.holds(assignment_id):
        return None
    try:
        row = office.do(lambda session: assignments.get(session, assignment_id))
        if row.state is AssignmentState.RUNNING:
            if _is_held_here(office, row):
                return None
            adopted = office.do(lambda session: _adopt(session, office, assignment_id))
            return None if adopted is None else Taken(adopted, is_adopted=True)
        check_disk(office.settings, office.do(policy.load))
        office.claims.add(threading.get_ident())
        claim = office.do(lambda session: _claim(session, office, row))
    except (NothingToClaim, NoRoom, NotFound) as nothing:
        log.info("doorbell for attempt %d: %s", assignment_id, nothing)
        return None
    except DiskLow as low:
        # Claimed and lost for this, every bead would soon be escalated. The offer is rung again.
        log.warning("nothing is claimed here: %s", low)
        return None
    return Taken(claim, is_adopted=False)


def _is_held_here(office: Office, row: Assignment) -> bool:
    """Whether a thread of ours has it, or may be about to: a claim whose answer took longer than its lease is no
    attempt that somebody let go. In this order: what is claimed no more is in the book.
    """
    return row.holder == office.holder and (bool(office.claims) or office.book.holds(row.id or 0))


def check_disk(settings: Settings, values: Policy) -> None:
    """Raise DiskLow while the town's disk is under its floor."""
    stats = os.statvfs(settings.town)
    free_mb = stats.f_bavail * stats.f_frsize // 1_000_000
    if free_mb < values.number("disk.floor_mb"):
        raise DiskLow(f"only {free_mb} MB are free on {settings.host_id}", hint="Make room, or lower disk.floor_mb.")


def _adopt(session: Session, office: Office, assignment_id: int) -> Claim | None:
    here = office.settings.host_id
    return assignments.adopt(
        session, assignment_id, holder=office.holder, host=here, is_dead=lambda holder: is_dead_here(holder, here)
    )


def _claim(session: Session, office: Office, row: Assignment) -> Claim:
    here = office.settings.host_id

    def refuse(candidate: Assignment) -> bool:
        def is_stale(value: str) -> bool:
            fence, _, holder = value.partition("/")
            return not fence.isdigit() or int(fence) < candidate.fence or is_dead_here(holder, here)

        value = f"{candidate.fence}/{office.holder}"
        name = assignments.lock_name(candidate.bead_id)
        return queue.try_lock(name, value, CLAIM_LOCK_TTL_S, is_stale=is_stale) is False

    return assignments.claim(
        session, row.rig, holder=office.holder, host=here, slots=office.settings.slots, refuse=refuse
    )
