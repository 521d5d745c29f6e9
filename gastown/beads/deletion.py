"""Deleting beads: a tombstone stays, so that an old file does not bring the bead back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, select

from gastown import clock
from gastown.beads import edges, readiness
from gastown.beads.changes import Cause, apply, lock
from gastown.beads.checks import check_text
from gastown.beads.closing import settle
from gastown.beads.errors import DeleteRefused
from gastown.beads.labels import change_labels
from gastown.beads.models import BLOCKING_TYPES, SETTLED, UNDER_WAY, Bead, BeadStatus, Dependency, DependencyType, Label
from gastown.beads.patches import LONG_TEXTS
from gastown.beads.queries import CHUNK
from gastown.events import EventKind

_HOLDING = (*BLOCKING_TYPES, DependencyType.WAITS_FOR, DependencyType.PARENT_CHILD)


@dataclass(frozen=True)
class Deletion:
    """What a deletion does, or would do."""

    ids: list[str]
    edges: int
    rewritten: list[str]
    """Beads in whose text the ids are replaced by `[deleted:<id>]`."""
    labels: int = 0
    orphaned: list[str] = field(default_factory=list)
    """Beads that waited for these or were below them, and stay."""

    def as_json(self) -> dict[str, Any]:
        """The deletion as `--json` shows it: of one bead, or of several."""
        counts: dict[str, Any] = {"dependencies_removed": self.edges, "references_updated": len(self.rewritten)}
        if len(self.ids) == 1:
            left = {"orphaned_issues": self.orphaned} if self.orphaned else {}
            return {"deleted": self.ids[0], **counts, **left}
        return {
            "deleted": self.ids,
            "deleted_count": len(self.ids),
            **counts,
            "labels_removed": self.labels,
            "events_removed": 0,  # what happened, happened
            "orphaned_issues": self.orphaned,
        }


def delete(
    session: Session,
    bead_ids: Sequence[str],
    *,
    actor: str,
    reason: str = "",
    orphan: bool = False,
    cascade: bool = False,
) -> Deletion:
    """Turn beads into tombstones, without their edges and labels; mentions in connected beads become `[deleted:<id>]`.

    `cascade` takes what waits for them and what is below them along. Refuses a bead that an attempt is at work on, and
    one that others wait for or are below, unless `orphan` leaves those without it.
    """
    readiness.lock_graph(session)
    names = sorted({lock(session, bead_id).id for bead_id in set(bead_ids)})
    if cascade:
        names = _with_dependents(session, names)
    beads = [lock(session, name) for name in names]
    for bead in beads:
        if bead.is_code is not None and bead.status in UNDER_WAY:
            raise DeleteRefused(f"cannot delete {bead.id}: an agent is at work on it", hint="Let it end first.")
    left = sorted(_dependents(session, names) - set(names))
    if left and not orphan:
        shown = ", ".join(left[:5]) + (", ..." if len(left) > 5 else "")
        raise DeleteRefused(
            f"cannot delete {', '.join(names[:5])}: {shown} depend on it",
            hint="--cascade deletes those, too; --force leaves them without it.",
        )
    near = _neighbours(session, names)
    rewritten = [bead.id for bead in near if _forget_mentions(session, bead, names, actor)]
    dropped = edges.drop_all(session, names, actor=actor)
    labels = sum(_drop_labels(session, name, actor) for name in names)
    for bead in beads:
        values = {
            "status": BeadStatus.TOMBSTONE.value,
            "original_type": bead.issue_type,
            "deleted_at": clock.now(),
            "deleted_by": actor,
            "delete_reason": check_text("reason", reason),
            "closed_at": None,
            "is_failure": False,
        }
        apply(session, bead, EventKind.BEAD_DELETED, values, cause=Cause(actor))
    settle(session, [*names, *(bead.id for bead in near)])
    return Deletion(names, dropped, rewritten, labels, left)


def _drop_labels(session: Session, name: str, actor: str) -> int:
    words = session.exec(select(Label.label).where(Label.bead_id == name)).all()
    _, gone = change_labels(session, name, remove=words, actor=actor)
    return len(gone)


def _dependents(session: Session, names: Sequence[str]) -> set[str]:
    """The unsettled beads that wait for one of these, or are below one."""
    found: set[str] = set()
    for start in range(0, len(names), CHUNK):
        rows = session.exec(
            select(Dependency.issue_id)
            .join(Bead, col(Bead.id) == col(Dependency.issue_id))
            .where(
                col(Dependency.depends_on_id).in_(names[start : start + CHUNK]),
                col(Dependency.type).in_(_HOLDING),
                col(Bead.status).not_in(SETTLED),
            )
        )
        found.update(rows)
    return found


def _with_dependents(session: Session, names: Sequence[str]) -> list[str]:
    found, frontier = set(names), list(names)
    while frontier:
        frontier = sorted(_dependents(session, frontier) - found)
        found.update(frontier)
    return sorted(found)


def _neighbours(session: Session, names: Sequence[str]) -> list[Bead]:
    rows = session.exec(
        select(Dependency.issue_id, Dependency.depends_on_id).where(
            col(Dependency.issue_id).in_(names) | col(Dependency.depends_on_id).in_(names)
        )
    )
    others = {end for pair in rows for end in pair} - set(names)
    return [bead for name in sorted(others) if (bead := session.get(Bead, name)) is not None]


def _forget_mentions(session: Session, bead: Bead, names: Sequence[str], actor: str) -> bool:
    pattern = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, names))})(?![\w-]|\.\d)")
    values = {name: pattern.sub(r"[deleted:\g<0>]", getattr(bead, name)) for name in LONG_TEXTS}
    return apply(session, bead, EventKind.BEAD_UPDATED, values, cause=Cause(actor))
