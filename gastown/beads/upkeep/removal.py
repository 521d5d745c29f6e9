"""Taking rows out of the store for good. The events stay, and say what there was."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import column, func, select, table
from sqlalchemy import delete as sql_delete
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col

from gastown.beads import edges, readiness
from gastown.beads.changes import Cause, note
from gastown.beads.models import Bead, Comment, Dependency, Label
from gastown.beads.queries import CHUNK
from gastown.events import EventKind

# Tables of nouns above that name beads, by name: their rows tell of work that was done.
REFERRERS = ("assignments", "merge_requests", "convoy_members")


@dataclass
class Removal:
    """What a removal does, or would do."""

    deleted: list[str] = field(default_factory=list)
    """Tombstones since."""
    purged: list[str] = field(default_factory=list)
    """Without a row since."""
    kept: dict[str, str] = field(default_factory=dict)
    """By id: why it stays."""
    dependencies: int = 0
    labels: int = 0
    comments: int = 0
    references: int = 0
    """Beads whose text named one of them."""

    def as_json(self) -> dict[str, Any]:
        """The removal as `--json` shows it."""
        gone = [*self.deleted, *self.purged]
        return {
            "deleted": gone,
            "deleted_count": len(gone),
            "tombstones": len(self.deleted),
            "kept": self.kept,
            "dependencies_removed": self.dependencies,
            "labels_removed": self.labels,
            "comments_removed": self.comments,
            "events_removed": 0,
            "references_updated": self.references,
        }


def referred(session: Session, ids: Sequence[str]) -> set[str]:
    """Those of these beads that an attempt, a merge request or a convoy names."""
    found: set[str] = set()
    for name in REFERRERS:
        bead_id = table(name, column("bead_id")).c.bead_id
        for start in range(0, len(ids), CHUNK):
            part = ids[start : start + CHUNK]
            found.update(session.execute(select(bead_id).where(bead_id.in_(part)).distinct()).scalars())
    return found


def purge(session: Session, ids: Sequence[str], *, actor: str, reason: str, loose_ends: bool = False) -> Removal:
    """Take these beads out of the store, with their labels, comments and edges.

    Those that other tables name stay. Edges of others to them go too, unless `loose_ends` leaves them dangling, as an
    imported file may have had them.
    """
    readiness.lock_graph(session)
    result, held = Removal(), referred(session, ids)
    result.kept = dict.fromkeys(sorted(held), "an attempt, a merge request or a convoy names it")
    names = [name for name in sorted(set(ids)) if name not in held]
    for start in range(0, len(names), CHUNK):
        part = names[start : start + CHUNK]
        session.execute(select(col(Bead.id)).where(col(Bead.id).in_(part)).order_by(col(Bead.id)).with_for_update())
        result.labels += _count(session, col(Label.bead_id), part)
        result.comments += _count(session, col(Comment.bead_id), part)
        near = _waiting(session, part)
        if loose_ends:
            result.dependencies += _count(session, col(Dependency.issue_id), part)
        else:
            result.dependencies += edges.drop_all(session, part, actor=actor)
        for name in part:
            note(session, EventKind.BEAD_PURGED, name, Cause(actor), reason=reason)
        session.flush()
        session.execute(sql_delete(Bead).where(col(Bead.id).in_(part)))
        session.expire_all()
        readiness.recompute(session, near)
    result.purged = names
    return result


def _count(session: Session, owner: Mapped[str], ids: Sequence[str]) -> int:
    return int(session.execute(select(func.count()).where(owner.in_(ids))).scalar_one())


def _waiting(session: Session, ids: Sequence[str]) -> list[str]:
    query = select(col(Dependency.issue_id)).where(col(Dependency.depends_on_id).in_(ids)).distinct()
    return [name for name in session.execute(query).scalars() if name not in ids]
