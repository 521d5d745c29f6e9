"""What holds a rig's work up by somebody's word: an emergency stop, a pause, a park, a dock.

Whoever dispatches, starts a process or pushes asks here first, in the transaction or just before the step.
"""

from sqlmodel import Session

from gastown import policy
from gastown.rigs.models import Rig


def find_freeze(session: Session, rig: Rig) -> str | None:
    """Why nothing may be started or pushed in the rig and what runs is frozen; None: go on."""
    why = policy.load(session).text("estop")
    if why:
        return f"the town was stopped: {why} (`gt thaw` goes on)"
    if rig.frozen_at is not None:
        return f"rig {rig.name} was stopped: {rig.frozen_why} (`gt thaw --rig {rig.name}` goes on)"
    return None


def find_pause(session: Session, rig: Rig) -> str | None:
    """Why nothing new may be dispatched or claimed in the rig; None: go on. A freeze is such a reason, too."""
    frozen = find_freeze(session, rig)
    if frozen is not None:
        return frozen
    settings = policy.load(session)
    if settings.count("dispatch.paused"):
        return "the town is being shut down (`gt up` goes on)"
    if settings.count("scheduler.paused"):
        return "dispatch is paused (`gt scheduler resume` goes on)"
    if rig.removed_at is not None:
        return f"rig {rig.name} was removed"
    if rig.is_docked:
        return f"rig {rig.name} is docked (`gt rig undock {rig.name}` goes on)"
    if rig.is_parked:
        return f"rig {rig.name} is parked (`gt rig unpark {rig.name}` goes on)"
    return None
