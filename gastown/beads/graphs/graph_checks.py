"""What can be wrong with the whole graph: circles, edges that lead nowhere, work that waits for what never comes."""

from typing import Any

from sqlmodel import Session, col, select

from gastown.beads.graphs.deadlocks import find_circles
from gastown.beads.models import EXTERNAL, Bead, BeadStatus, Dependency, DependencyType


def check_graph(session: Session) -> dict[str, Any]:
    """Every circle, every edge to a bead that is not in the store, and every bead that waits for the other outcome."""
    circles = find_circles(session)
    dangling = [{"issue_id": one, "depends_on_id": two, "type": kind} for one, two, kind in _dangling(session)]
    hopeless = _hopeless(session)
    return {"ok": not (circles or hopeless), "cycles": circles, "dangling": dangling, "never_ready": hopeless}


def _dangling(session: Session) -> list[tuple[str, str, str]]:
    target = col(Dependency.depends_on_id)
    rows = session.exec(
        select(Dependency.issue_id, Dependency.depends_on_id, Dependency.type)
        .where(target.not_in(select(col(Bead.id))), ~target.startswith(EXTERNAL))
        .order_by(Dependency.issue_id, Dependency.depends_on_id)
    )
    return [(bead_id, name, kind) for bead_id, name, kind in rows]


def _hopeless(session: Session) -> list[dict[str, str]]:
    """Unfinished beads that wait for the failure of what succeeded."""
    target = select(col(Bead.id)).where(Bead.status == BeadStatus.CLOSED.value, col(Bead.is_failure).is_(False))
    rows = session.exec(
        select(Dependency.issue_id, Dependency.depends_on_id)
        .join(Bead, col(Bead.id) == col(Dependency.issue_id))
        .where(
            Dependency.type == DependencyType.CONDITIONAL.value,
            col(Dependency.depends_on_id).in_(target),
            col(Bead.status).not_in((BeadStatus.CLOSED.value, BeadStatus.TOMBSTONE.value)),
        )
        .order_by(Dependency.issue_id, Dependency.depends_on_id)
    )
    return [{"issue_id": bead_id, "depends_on_id": name} for bead_id, name in rows]
