"""Deleting beads: a tombstone stays, so that an old file does not bring the bead back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from gastown import clock
from gastown.beads import edges, readiness
from gastown.beads.changes import Cause, apply, lock
from gastown.beads.errors import DeleteRefused
from gastown.beads.models import UNDER_WAY, Bead, BeadStatus, Dependency
from gastown.beads.patches import LONG_TEXTS
from gastown.beads.queries import dependents_of
from gastown.events import EventKind


@dataclass(frozen=True)
class Deletion:
    """What a deletion does, or would do."""

    ids: list[str]
    edges: int
    rewritten: list[str]
    """Beads in whose text the ids are replaced by `[deleted:<id>]`."""


def delete(
    session: Session, bead_ids: Sequence[str], *, actor: str, reason: str = "", orphan: bool = False
) -> Deletion:
    """Turn beads into tombstones, without their edges; mentions in connected beads become `[deleted:<id>]`.

    Refuses a bead that an attempt is at work on, and one that others wait for unless `orphan` leaves those without it.
    """
    readiness.lock_graph(session)
    beads = [lock(session, bead_id) for bead_id in sorted(set(bead_ids))]
    names = [bead.id for bead in beads]
    for bead in beads:
        if bead.is_code is not None and bead.status in UNDER_WAY:
            raise DeleteRefused(f"cannot delete {bead.id}: an agent is at work on it", hint="Let it end first.")
        waiting = [name for name in dependents_of(session, bead.id) if name not in names]
        if waiting and not orphan:
            raise DeleteRefused(f"cannot delete {bead.id}: {', '.join(waiting[:5])} depend on it", hint="Add --force.")
    near = _neighbours(session, names)
    rewritten = [bead.id for bead in near if _forget_mentions(session, bead, names, actor)]
    dropped = edges.drop_all(session, names, actor=actor)
    now = clock.now()
    for bead in beads:
        values = {
            "status": BeadStatus.TOMBSTONE.value,
            "original_type": bead.issue_type,
            "deleted_at": now,
            "deleted_by": actor,
            "delete_reason": reason,
            "closed_at": None,
        }
        apply(session, bead, EventKind.BEAD_DELETED, values, cause=Cause(actor))
    readiness.recompute(session, [*names, *(bead.id for bead in near)])
    return Deletion(names, dropped, rewritten)


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
