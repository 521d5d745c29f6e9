"""Beads that wait for a person, and those that have waited for too long."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from gastown import clock, policy
from gastown.beads import Bead, BeadStatus
from gastown.events import Event, EventKind
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, error, warning

_SHOWN = 20


def look(here: Here) -> Iterable[Fault]:
    """Escalated beads, the most urgent first. One that nobody took up in `deacon.stale_escalation_s` is an error: it
    is raised again.
    """
    with here.read() as session:
        patience = timedelta(seconds=policy.load(session).number("deacon.stale_escalation_s"))
        rows = session.exec(
            select(Bead.id, Bead.title)
            .where(Bead.status == BeadStatus.ESCALATED.value)
            .order_by(col(Bead.priority), col(Bead.updated_at))
        ).all()
        since = _since(session, [bead_id for bead_id, _ in rows])
    stale = {bead_id for bead_id, at in since.items() if clock.now() - at > patience}
    ordered = sorted(rows, key=lambda row: row[0] not in stale)
    for bead_id, title in ordered[:_SHOWN]:
        shown = title if len(title) <= 60 else title[:57] + "..."
        hint = f"`gt log {bead_id}` tells why; sling it again or close it."
        if bead_id in stale:
            yield error(bead_id, f"is escalated since {since[bead_id]:%Y-%m-%d %H:%M} UTC: {shown}", hint)
        else:
            yield warning(bead_id, f"is escalated: {shown}", hint)
    if len(rows) > _SHOWN:
        say = error if len(stale) > _SHOWN else warning
        yield say("", f"and {len(rows) - _SHOWN} more escalated beads", "bd list --status escalated")


def _since(session: Session, bead_ids: list[str]) -> dict[str, datetime]:
    query = select(Event.bead_id, func.max(Event.at)).where(
        col(Event.bead_id).in_(bead_ids), Event.kind == EventKind.BEAD_ESCALATED
    )
    return {str(bead_id): at for bead_id, at in session.exec(query.group_by(col(Event.bead_id))).all()}


CHECK = Check("escalated", look, "no bead waits for a person", category=Category.WORK, patrol=Patrol.DEACON)
