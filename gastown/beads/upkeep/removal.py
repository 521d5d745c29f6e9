"""Taking rows out of the store for good. The events stay, and say what there was."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlmodel import Session, col

from gastown.beads import readiness
from gastown.beads.bulk.planting import HOLDERS, uproot
from gastown.beads.changes import Cause, note
from gastown.beads.models import Bead, Comment, Dependency, Label
from gastown.beads.queries import CHUNK
from gastown.events import EventKind


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
    for holder in HOLDERS:
        for start in range(0, len(ids), CHUNK):
            query = select(holder.c.bead_id).where(holder.c.bead_id.in_(ids[start : start + CHUNK])).distinct()
            found.update(session.execute(query).scalars())
    return found


def purge(session: Session, ids: Sequence[str], *, actor: str, reason: str) -> Removal:
    """Take beads out of the store, with their labels, comments and edges; those that other tables name stay."""
    result, names = _measure(session, ids)
    ends = or_(col(Dependency.issue_id).in_(names), col(Dependency.depends_on_id).in_(names))
    result.dependencies = _count(session, ends)
    result.purged = uproot(session, names, actor=actor, reason=reason)
    return result


def purge_rows(session: Session, ids: Sequence[str], *, actor: str, reason: str) -> Removal:
    """Take tombstones out of the store. Edges of others to them stay, dangling: imported files hold such, too."""
    result, names = _measure(session, ids)
    result.dependencies = _count(session, col(Dependency.issue_id).in_(names))
    for name in names:
        note(session, EventKind.BEAD_PURGED, name, Cause(actor), reason=reason)
    session.flush()
    for start in range(0, len(names), CHUNK):
        session.execute(delete(Bead).where(col(Bead.id).in_(names[start : start + CHUNK])))
    session.expire_all()
    result.purged = names
    return result


def _measure(session: Session, ids: Sequence[str]) -> tuple[Removal, list[str]]:
    readiness.lock_graph(session)
    held = referred(session, ids)
    names = [name for name in sorted(set(ids)) if name not in held]
    return Removal(
        kept=dict.fromkeys(sorted(held), "an attempt, a merge request or a convoy names it"),
        labels=_count(session, col(Label.bead_id).in_(names)),
        comments=_count(session, col(Comment.bead_id).in_(names)),
    ), names


def _count(session: Session, condition: ColumnElement[bool]) -> int:
    return int(session.execute(select(func.count()).where(condition)).scalar_one())
