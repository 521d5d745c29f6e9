"""Labels: any number of them on and off a bead at once."""

from collections.abc import Iterable, Sequence

from sqlalchemy import delete
from sqlmodel import Session, col, select

from gastown.beads import externals, readiness
from gastown.beads.changes import Cause, lock, note, touch
from gastown.beads.checks import check_label
from gastown.beads.models import Bead, BeadStatus, Label
from gastown.beads.queries import list_children
from gastown.events import EventKind

_CHUNK = 5000  # labels in one list


def change_labels(
    session: Session, bead_id: str, *, add: Iterable[str] = (), remove: Iterable[str] = (), actor: str
) -> tuple[list[str], list[str]]:
    """Put labels on a bead and take others off; return which were new and which are gone. Refuses an empty one."""
    wanted, unwanted = {check_label(label) for label in add}, {label.strip() for label in remove}
    bead = lock(session, bead_id)
    present = set(session.exec(select(Label.label).where(Label.bead_id == bead_id)))
    new, gone = sorted(wanted - present), sorted((unwanted - wanted) & present)
    if not new and not gone:
        return [], []
    said = touch(session, bead_id)
    for start in range(0, len(gone), _CHUNK):
        part = gone[start : start + _CHUNK]
        session.execute(delete(Label).where(col(Label.bead_id) == bead_id, col(Label.label).in_(part)))
    session.add_all(Label(bead_id=bead_id, label=label) for label in new)
    for label in gone:
        note(session, EventKind.LABEL_REMOVED, bead_id, Cause(actor), label=label, **said)
    for label in new:
        note(session, EventKind.LABEL_ADDED, bead_id, Cause(actor), label=label, **said)
    _provide(session, bead, [*new, *gone])
    return new, gone


def add_label(session: Session, bead_id: str, label: str, *, actor: str) -> bool:
    """Put a label on a bead; False when it is there. Refuses an empty one."""
    new, _ = change_labels(session, bead_id, add=[label], actor=actor)
    return bool(new)


def remove_label(session: Session, bead_id: str, label: str, *, actor: str) -> bool:
    """Take a label off a bead; False when it is not there."""
    _, gone = change_labels(session, bead_id, remove=[label], actor=actor)
    return bool(gone)


def set_labels(session: Session, bead_id: str, labels: Iterable[str], *, actor: str) -> None:
    """Make these the bead's labels."""
    wanted = set(labels)
    present = session.exec(select(Label.label).where(Label.bead_id == bead_id)).all()
    change_labels(session, bead_id, add=wanted, remove=present, actor=actor)


def propagate_label(session: Session, parent: str, label: str, *, actor: str) -> list[str]:
    """Put a label on every child of a bead; return the children that did not have it."""
    children = list_children(session, parent)
    return [child.id for child in children if add_label(session, child.id, label, actor=actor)]


def _provide(session: Session, bead: Bead, labels: Sequence[str]) -> None:
    for label in labels:
        if label.startswith(externals.PROVIDES) and bead.status == BeadStatus.CLOSED:
            readiness.lock_graph(session)
            capability = label.removeprefix(externals.PROVIDES)
            readiness.recompute(session, readiness.refresh_external(session, capability))
