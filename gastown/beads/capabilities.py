"""Shipping a capability: other projects' beads may wait for `external:<project>:<capability>`."""

import re
from dataclasses import dataclass

from sqlmodel import Session, col, select

from gastown.beads.errors import BadField, CloseRefused
from gastown.beads.externals import PROVIDES
from gastown.beads.labels import add_label
from gastown.beads.models import Bead, BeadStatus, Label
from gastown.errors import NotFound

EXPORT = "export:"
_CAPABILITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")


class NothingExported(NotFound):
    """No bead promises this capability."""


@dataclass(frozen=True)
class Shipment:
    """Which bead provides a capability, and whether it did before."""

    bead_id: str
    label: str
    was_shipped: bool


def ship(session: Session, capability: str, *, actor: str, force: bool = False, prefix: str = "") -> Shipment:
    """Label the one bead that promises a capability as its provider; refuses an open one unless `force`."""
    if _CAPABILITY.fullmatch(capability) is None:
        raise BadField(f"invalid capability {capability[:60]!r}", hint="Use letters, digits and . _ -")
    query = (
        select(Bead)
        .join(Label, col(Label.bead_id) == col(Bead.id))
        .where(Label.label == EXPORT + capability, Bead.status != BeadStatus.TOMBSTONE.value)
        .order_by(Bead.id)
    )
    found = session.exec(query.where(Bead.prefix == prefix) if prefix else query).all()
    if not found:
        raise NothingExported(
            f"no issue is labelled {EXPORT}{capability}", hint=f"bd label add ID {EXPORT}{capability}"
        )
    if len(found) > 1:
        names = ", ".join(bead.id for bead in found[:5])
        raise BadField(f"{len(found)} issues are labelled {EXPORT}{capability}: {names}", hint="Leave it on one.")
    bead, label = found[0], PROVIDES + capability
    if session.get(Label, (bead.id, label)) is not None:
        return Shipment(bead.id, label, was_shipped=True)
    if bead.status != BeadStatus.CLOSED and not force:
        raise CloseRefused(f"cannot ship {capability}: {bead.id} is {bead.status}", hint="Close it first, or --force.")
    add_label(session, bead.id, label, actor=actor)
    return Shipment(bead.id, label, was_shipped=False)
