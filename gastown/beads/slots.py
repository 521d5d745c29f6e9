"""The merge slot: one bead a repository that one at a time may hold, with a queue of who waits."""

from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session

from gastown import clock, ids
from gastown.beads.changes import Cause, apply, lock
from gastown.beads.checks import check_short
from gastown.beads.creation import create
from gastown.beads.errors import BadField, BeadMoved, BeadNotFound
from gastown.beads.models import Bead, BeadStatus, NewBead
from gastown.beads.queries import get
from gastown.errors import NotFound
from gastown.events import EventKind

SLOT_LABEL = "gt:slot"


class NoSlot(NotFound):
    """The repository's merge slot was not made yet."""


@dataclass(frozen=True)
class Slot:
    """Who has the merge slot, and who waits for it, first come first."""

    id: str
    holder: str
    waiters: list[str] = field(default_factory=list)

    @property
    def available(self) -> bool:
        """Whether nobody holds it."""
        return not self.holder

    def position(self, name: str) -> int:
        """The place in the queue, from 1; 0 for who does not wait."""
        return self.waiters.index(name) + 1 if name in self.waiters else 0


def _name(prefix: str) -> str:
    return prefix + ids.MERGE_SLOT


def _read(bead: Bead) -> Slot:
    holder, waiters = bead.meta.get("holder"), bead.meta.get("waiters")
    is_held = bead.status == BeadStatus.IN_PROGRESS
    names = [str(name) for name in waiters] if isinstance(waiters, list) else []
    return Slot(bead.id, str(holder or bead.assignee or "somebody") if is_held else "", names)


def _write(session: Session, bead: Bead, slot: Slot, actor: str) -> Slot:
    values: dict[str, Any] = {
        "status": (BeadStatus.IN_PROGRESS if slot.holder else BeadStatus.OPEN).value,
        "meta": {**bead.meta, "holder": slot.holder, "waiters": slot.waiters},
    }
    if slot.holder and bead.started_at is None:
        values["started_at"] = clock.now()
    apply(session, bead, EventKind.BEAD_STATUS_CHANGED, values, cause=Cause(actor))
    return slot


def _locked(session: Session, prefix: str) -> Bead:
    try:
        return lock(session, _name(prefix))
    except BeadNotFound:
        raise NoSlot(f"no merge slot {_name(prefix)}", hint="Make it with `bd merge-slot create`.") from None


def create_slot(session: Session, prefix: str, *, actor: str) -> tuple[Slot, bool]:
    """Make the repository's merge slot; False with the one that is there."""
    try:
        return _read(get(session, _name(prefix))), False
    except BeadNotFound:
        new = NewBead(
            title="Merge slot",
            description="Who holds it may merge; the others wait in line.",
            id=_name(prefix),
            priority=0,
            labels=(SLOT_LABEL,),
            metadata={"holder": "", "waiters": []},
            more={"pinned": True},  # nobody's work: never ready
        )
        return _read(create(session, new, actor=actor)), True


def find_slot(session: Session, prefix: str) -> Slot:
    """The repository's merge slot; refuses where there is none."""
    try:
        return _read(get(session, _name(prefix)))
    except BeadNotFound:
        raise NoSlot(f"no merge slot {_name(prefix)}", hint="Make it with `bd merge-slot create`.") from None


def acquire_slot(session: Session, prefix: str, *, holder: str, wait: bool, actor: str) -> Slot:
    """Take the slot for `holder` if it is free and nobody waits before; with `wait` stand in line otherwise.

    The caller sees from the result who holds it. Its holder may ask again.
    """
    holder = _check_holder(holder)
    bead = _locked(session, prefix)
    slot = _read(bead)
    if slot.holder == holder:
        return slot
    if slot.available and slot.waiters[:1] in ([], [holder]):
        return _write(session, bead, Slot(slot.id, holder, slot.waiters[1:]), actor)
    if not wait or holder in slot.waiters:
        return slot
    return _write(session, bead, Slot(slot.id, slot.holder, [*slot.waiters, holder]), actor)


def release_slot(session: Session, prefix: str, *, holder: str, actor: str) -> Slot:
    """Give the slot back, or leave the line; refuses who neither holds it nor waits."""
    holder = _check_holder(holder)
    bead = _locked(session, prefix)
    slot = _read(bead)
    if slot.holder == holder:
        return _write(session, bead, Slot(slot.id, "", slot.waiters), actor)
    if holder in slot.waiters:
        rest = [name for name in slot.waiters if name != holder]
        return _write(session, bead, Slot(slot.id, slot.holder, rest), actor)
    said = f"held by {slot.holder}" if slot.holder else "free"
    raise BeadMoved(f"{slot.id} is {said}, not held by {holder}", hint="`bd merge-slot check` shows who has it.")


def _check_holder(holder: str) -> str:
    holder = check_short("holder", holder.strip())
    if not holder or not holder.isprintable():
        raise BadField("the holder's name cannot be empty", hint="Give --holder NAME.")
    return holder
