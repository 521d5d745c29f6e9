"""What holds a rig's work up by somebody's word: an emergency stop, a pause, a park, a dock.

Whoever dispatches, starts a process or pushes asks here first, in the transaction or just before the step.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_
from sqlmodel import Session, col

from gastown import policy
from gastown.policy import Policy
from gastown.rigs.models import Rig
from gastown.rigs.queries import list_all

ESTOP = "estop"
SCHEDULER_PAUSED = "scheduler.paused"
DISPATCH_PAUSED = "dispatch.paused"


class HaltKind(StrEnum):
    """Which word of somebody's holds work up."""

    ESTOP = "estop"  # what runs is frozen; nothing is dispatched, started or pushed
    SHUTDOWN = "shutdown"  # nothing is claimed until the next `gt up`
    PAUSE = "pause"  # nothing is dispatched; what runs goes on
    DOCK = "dock"  # the rig is out of service; what ran was saved and waits
    PARK = "park"  # nothing new starts in the rig; what runs goes on
    QUEUE = "queue"  # the rig's merge queue lands nothing new; agents go on


@dataclass(frozen=True)
class Halt:
    """One thing that holds work up."""

    kind: HaltKind
    rig: str | None
    """None: in the whole town."""
    why: str
    """For people, with the command that ends it."""
    since: datetime | None = None


def find_freeze(session: Session, rig: Rig) -> str | None:
    """Why nothing may be started or pushed in the rig and what runs is frozen; None: go on."""
    return _freeze(policy.load(session), rig)


def find_pause(session: Session, rig: Rig) -> str | None:
    """Why nothing new may be dispatched or claimed in the rig; None: go on. A freeze is such a reason, too."""
    settings = policy.load(session)
    frozen = _freeze(settings, rig)
    if frozen is not None:
        return frozen
    of_town = _town_pauses(settings)
    if of_town:
        return of_town[0].why
    if rig.removed_at is not None:
        return f"rig {rig.name} was removed"
    return next((halt.why for halt in _of_rig(rig)), None)


def find_queue_pause(rig: Rig) -> str | None:
    """Why the rig's merge queue is to board, test and land nothing new; None: go on. Agents do not mind it."""
    halts = _of_queue(rig)
    return halts[0].why if halts else None


def list_queue_pauses(session: Session) -> list[Halt]:
    """The merge queues that somebody paused. They are no `list_halts`: dispatch goes on."""
    return [halt for rig in list_all(session) for halt in _of_queue(rig)]


def find_town_pause(session: Session) -> str | None:
    """Why nothing new may be dispatched anywhere; None: each rig decides for itself."""
    settings = policy.load(session)
    halts = [*_town_stop(settings), *_town_pauses(settings)]
    return halts[0].why if halts else None


def takes_work() -> ColumnElement[bool]:
    """The condition on a rig's row under which its work may be dispatched, unless the whole town is halted."""
    return and_(
        col(Rig.removed_at).is_(None),
        col(Rig.frozen_at).is_(None),
        col(Rig.is_docked).is_(False),
        col(Rig.is_parked).is_(False),
    )


def list_halts(session: Session) -> list[Halt]:
    """Everything that holds work up now, the town's own first."""
    settings = policy.load(session)
    found = [*_town_stop(settings), *_town_pauses(settings)]
    for rig in list_all(session):
        found += _of_rig(rig)
    return found


def _freeze(settings: Policy, rig: Rig) -> str | None:
    halts = [*_town_stop(settings), *(halt for halt in _of_rig(rig) if halt.kind is HaltKind.ESTOP)]
    return halts[0].why if halts else None


def _town_stop(settings: Policy) -> list[Halt]:
    why = settings.text(ESTOP)
    return [Halt(HaltKind.ESTOP, None, f"the town was stopped: {why} (`gt thaw` goes on)")] if why else []


def _town_pauses(settings: Policy) -> list[Halt]:
    found = []
    if settings.count(DISPATCH_PAUSED):
        found.append(Halt(HaltKind.SHUTDOWN, None, "the town is being shut down (`gt up` goes on)"))
    if settings.count(SCHEDULER_PAUSED):
        found.append(Halt(HaltKind.PAUSE, None, "dispatch is paused (`gt scheduler resume` goes on)"))
    return found


def _of_queue(rig: Rig) -> list[Halt]:
    if rig.queue_paused_at is None:
        return []
    said = f": {rig.queue_paused_why}" if rig.queue_paused_why else ""
    why = f"the merge queue of rig {rig.name} is paused{said} (`gt mq resume {rig.name}` goes on)"
    return [Halt(HaltKind.QUEUE, rig.name, why, rig.queue_paused_at)]


def _of_rig(rig: Rig) -> list[Halt]:
    found = []
    if rig.frozen_at is not None:
        why = f"rig {rig.name} was stopped: {rig.frozen_why} (`gt thaw --rig {rig.name}` goes on)"
        found.append(Halt(HaltKind.ESTOP, rig.name, why, rig.frozen_at))
    if rig.is_docked:
        found.append(Halt(HaltKind.DOCK, rig.name, f"rig {rig.name} is docked (`gt rig undock {rig.name}` goes on)"))
    if rig.is_parked:
        found.append(Halt(HaltKind.PARK, rig.name, f"rig {rig.name} is parked (`gt rig unpark {rig.name}` goes on)"))
    return found
