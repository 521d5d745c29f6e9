"""Rows that are valid for the state a test starts from."""

from sqlmodel import Session

from gastown import assignments, beads, rigs
from gastown.assignments import Assignment, Claim, NewAttempt, Reason
from gastown.beads import Bead, NewBead
from gastown.rigs import GateSpec, NewRig, Rig

HOLDER = "here:101:1:boot0000"
OTHER_HOLDER = "here:202:2:boot0000"


def make_rig(session: Session, name: str = "app", **changes: object) -> Rig:
    """A registered rig with one gate."""
    new = NewRig(
        name=name,
        prefix=str(changes.pop("prefix", name.replace("-", "")[:6])),
        remote_url="/nowhere/app.git",
        branch="main",
        gates=[GateSpec("test", "true")],
        **changes,  # type: ignore[arg-type]
    )
    return rigs.add(session, new, actor="tester")


def make_bead(session: Session, title: str = "Do it", *, prefix: str = "app", **fields: object) -> Bead:
    """An open bead."""
    return beads.create(session, NewBead(title=title, prefix=prefix, **fields), actor="tester")  # type: ignore[arg-type]


def make_offered(session: Session, bead: Bead, *, rig: str = "app", **changes: object) -> Assignment:
    """An attempt that any worker may claim."""
    fields: dict[str, object] = {"bead_id": bead.id, "rig": rig, "preset": "command", "reason": Reason.SLING}
    new = NewAttempt(**{**fields, **changes})  # type: ignore[arg-type]
    return assignments.open_attempt(session, new, actor="tester", ready=True)


def make_running(session: Session, bead: Bead, *, rig: str = "app", holder: str = HOLDER, host: str = "here") -> Claim:
    """An attempt leased to `holder`."""
    make_offered(session, bead, rig=rig)
    return assignments.claim(session, rig, holder=holder, host=host, slots=100)
