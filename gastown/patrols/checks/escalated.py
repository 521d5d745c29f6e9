"""Beads that wait for a person."""

from collections.abc import Iterable

from sqlmodel import col, select

from gastown.beads import Bead, BeadStatus
from gastown.patrols.findings import Category, Check, Fault, Here, warning

_SHOWN = 20


def look(here: Here) -> Iterable[Fault]:
    """Escalated beads, the most urgent first."""
    with here.read() as session:
        rows = session.exec(
            select(Bead.id, Bead.title)
            .where(Bead.status == BeadStatus.ESCALATED.value)
            .order_by(col(Bead.priority), col(Bead.updated_at))
        ).all()
    for bead_id, title in rows[:_SHOWN]:
        shown = title if len(title) <= 60 else title[:57] + "..."
        yield warning(bead_id, f"is escalated: {shown}", f"`gt log {bead_id}` tells why; sling it again or close it.")
    if len(rows) > _SHOWN:
        yield warning("", f"and {len(rows) - _SHOWN} more escalated beads", "bd list --status escalated")


CHECK = Check("escalated", look, "no bead waits for a person", category=Category.WORK)
