"""Taking a repository off the town's list."""

from sqlmodel import Session, col, select

from gastown import assignments, rigs
from gastown.errors import Conflict
from gastown.refinery import OPEN_REQUESTS, MergeRequest


class RigBusy(Conflict):
    """Work of this rig is under way."""


def remove(session: Session, name: str, *, actor: str) -> rigs.Rig:
    """Forget the rig; its beads, its history and its folder stay. Refuses while work of it is under way."""
    rig = rigs.get(session, name)
    under_way = list_under_way(session, name)
    if under_way:
        shown = ", ".join(under_way[:5]) + (", ..." if len(under_way) > 5 else "")
        raise RigBusy(
            f"rig {name} has work under way: {shown}",
            hint=f"`gt rig park {name}` starts nothing new; remove it when that work has landed, or `gt unsling` it.",
        )
    rigs.remove(session, name, actor=actor)
    return rig


def list_under_way(session: Session, name: str) -> list[str]:
    """The beads that hang on a hook in the rig, or are in its merge queue."""
    attempts = [row.bead_id for row in assignments.list_open(session) if row.rig == name]
    requests = session.exec(
        select(MergeRequest.bead_id).where(MergeRequest.rig == name, col(MergeRequest.state).in_(OPEN_REQUESTS))
    ).all()
    return sorted({*attempts, *requests})
