"""Beads for tests: made through the noun's own face, so that every row is one that the store could hold."""

from typing import Any

from sqlmodel import Session

from gastown import beads
from gastown.beads import Bead, BeadStatus, NewBead

PERSON = "ada"
AGENT = "app/polecats/nux"

_STEPS = {
    BeadStatus.HOOKED: (BeadStatus.HOOKED,),
    BeadStatus.IN_PROGRESS: (BeadStatus.HOOKED, BeadStatus.IN_PROGRESS),
    BeadStatus.SUBMITTED: (BeadStatus.HOOKED, BeadStatus.IN_PROGRESS, BeadStatus.SUBMITTED),
    BeadStatus.ESCALATED: (BeadStatus.HOOKED, BeadStatus.ESCALATED),
}


def make_bead(session: Session, title: str = "a bead", *, prefix: str = "app", **said: Any) -> Bead:
    """An open bead."""
    return beads.create(session, NewBead(title=title, prefix=prefix, **said), actor=PERSON)


def make_slung(session: Session, status: BeadStatus = BeadStatus.IN_PROGRESS, *, is_code: bool = True) -> Bead:
    """A bead that an attempt took as far as `status`."""
    bead = make_bead(session, "slung")
    beads.mark_slung(session, bead.id, is_code=is_code, actor=PERSON)
    for step in _STEPS[status]:
        beads.set_status(session, bead.id, step, actor="town", rig="app", assignee=AGENT)
    return bead


def make_closed(session: Session, title: str = "a closed bead", *, reason: str = "done", **said: Any) -> Bead:
    """A closed bead."""
    bead = make_bead(session, title, **said)
    beads.close(session, [bead.id], actor=PERSON, reason=reason)
    return bead
