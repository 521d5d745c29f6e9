"""What grows old: closed beads become tombstones, tombstones and wisps go for good."""

import re
from collections.abc import Sequence
from datetime import timedelta
from fnmatch import translate

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from gastown import clock
from gastown.beads import externals, readiness
from gastown.beads.changes import Cause, apply, lock
from gastown.beads.deletion import delete
from gastown.beads.errors import BadField, BeadMoved
from gastown.beads.lifecycle import add_comment
from gastown.beads.models import SETTLED, UNDER_WAY, Bead, BeadStatus, Dependency, DependencyType, Label
from gastown.beads.queries import CHUNK
from gastown.beads.upkeep.removal import Removal, purge, purge_rows
from gastown.events import EventKind

DECAY_DAYS = 90
TOMBSTONE_DAYS = 30
# How long a wisp of each type is kept after its last change.
WISP_TTLS: dict[str, timedelta] = {
    **dict.fromkeys(("heartbeat", "ping"), timedelta(hours=6)),
    **dict.fromkeys(("patrol", "gc_report"), timedelta(hours=24)),
    **dict.fromkeys(("recovery", "error", "escalation"), timedelta(days=7)),
}
_AGE = re.compile(r"(\d{1,5})([hdw]?)")
_UNITS = {"h": "hours", "d": "days", "": "days", "w": "weeks"}


def parse_age(text: str, option: str = "--older-than") -> timedelta:
    """Read `30`, `30d`, `12h` or `4w`; refuse the rest, and zero."""
    said = _AGE.fullmatch(text.strip())
    if said is None or not int(said[1]):
        raise BadField(f"invalid {option} {text[:40]!r}", hint="Give days like 30, or 12h, 30d, 4w.")
    return timedelta(**{_UNITS[said[2]]: int(said[1])})


def _ids(session: Session, *conditions: ColumnElement[bool]) -> list[str]:
    return list(session.exec(select(Bead.id).where(*conditions).order_by(col(Bead.id))))


def _matching(names: Sequence[str], pattern: str) -> list[str]:
    wanted = re.compile(translate(pattern or "*"))
    return [name for name in names if wanted.fullmatch(name)]


def prune(
    session: Session, *, actor: str, older_than: timedelta | None = None, pattern: str = "", reason: str = "pruned"
) -> Removal:
    """Turn closed beads that nothing open needs into tombstones: those that closed so long ago and fit the pattern."""
    conditions = [
        col(Bead.status) == BeadStatus.CLOSED.value,
        col(Bead.ephemeral).is_(False),
        col(Bead.pinned).is_(False),
        col(Bead.is_template).is_(False),
    ]
    if older_than is not None:
        conditions.append(col(Bead.closed_at) <= clock.now() - older_than)
    readiness.lock_graph(session)
    names = _matching(_ids(session, *conditions), pattern)
    result = Removal(kept=_needed(session, names))
    chosen = [name for name in names if name not in result.kept]
    for start in range(0, len(chosen), CHUNK):
        part = chosen[start : start + CHUNK]
        done = delete(session, part, actor=actor, reason=reason, orphan=True)
        result.deleted += done.ids
        result.dependencies += done.edges
        result.references += len(done.rewritten)
    return result


def _needed(session: Session, names: Sequence[str]) -> dict[str, str]:
    """Those that an open bead has an edge to, and those that provide a capability; with the reason."""
    found: dict[str, str] = {}
    for start in range(0, len(names), CHUNK):
        part = names[start : start + CHUNK]
        rows = session.exec(
            select(Dependency.depends_on_id, Bead.id)
            .join(Bead, col(Bead.id) == col(Dependency.issue_id))
            .where(col(Dependency.depends_on_id).in_(part), col(Bead.status).not_in(SETTLED))
        )
        found.update({name: f"{other}, which is open, depends on it" for name, other in rows})
        provides = col(Label.label).startswith(externals.PROVIDES)
        labels = session.exec(select(Label.bead_id, Label.label).where(col(Label.bead_id).in_(part), provides))
        found.update({name: f"others may depend on what it {label}" for name, label in labels})
    return dict(sorted(found.items()))


def collect(session: Session, *, actor: str, older_than: timedelta | None) -> dict[str, Removal]:
    """Let closed beads decay that are older (None: none do), and take expired wisps out of the store."""
    decayed = Removal()
    if older_than is not None:
        decayed = prune(session, actor=actor, older_than=older_than, reason="decayed")
    return {"decay": decayed, "wisps": expire_wisps(session, actor=actor)}


def purge_wisps(session: Session, *, actor: str, older_than: timedelta | None = None, pattern: str = "") -> Removal:
    """Take closed wisps out of the store that nothing open needs."""
    conditions = [col(Bead.status) == BeadStatus.CLOSED.value, col(Bead.ephemeral).is_(True)]
    conditions += [col(Bead.pinned).is_(False), col(Bead.is_template).is_(False)]
    if older_than is not None:
        conditions.append(col(Bead.closed_at) <= clock.now() - older_than)
    readiness.lock_graph(session)
    names = _matching(_ids(session, *conditions), pattern)
    needed = _needed(session, names)
    result = purge(session, [name for name in names if name not in needed], actor=actor, reason="closed wisp")
    result.kept |= needed
    return result


def purge_tombstones(session: Session, *, actor: str, older_than: timedelta, pattern: str = "") -> Removal:
    """Take tombstones out of the store. A file from before the deletion brings such beads back when it is imported."""
    old = col(Bead.deleted_at) <= clock.now() - older_than
    names = _matching(_ids(session, col(Bead.status) == BeadStatus.TOMBSTONE.value, old), pattern)
    return purge_rows(session, names, actor=actor, reason="old tombstone")


def expire_wisps(session: Session, *, actor: str, age: timedelta | None = None) -> Removal:
    """Take wisps out of the store that nobody touched for as long as their type is kept (other types: for `age`).

    What is under way stays, and with it everything of the same molecule.
    """
    now = clock.now()
    wisps = session.exec(
        select(Bead.id, Bead.wisp_type, Bead.updated_at, Bead.status).where(
            col(Bead.ephemeral).is_(True),
            col(Bead.status) != BeadStatus.TOMBSTONE.value,
            col(Bead.pinned).is_(False),
            col(Bead.is_template).is_(False),
        )
    ).all()
    old = set()
    for name, kind, touched, status in wisps:
        ttl = WISP_TTLS.get(kind, age)
        if ttl is not None and touched <= now - ttl and status not in UNDER_WAY:
            old.add(name)
    alive = {name for name, *_ in wisps} - old
    names = sorted(old - _families(session, alive))
    return purge(session, names, actor=actor, reason="expired wisp")


def _families(session: Session, names: set[str]) -> set[str]:
    """Everything that parent-child edges connect with these beads, upwards and downwards."""
    seen, frontier = set(names), list(names)
    while frontier:
        part, frontier = frontier[:CHUNK], frontier[CHUNK:]
        is_child = col(Dependency.type) == DependencyType.PARENT_CHILD.value
        rows = session.exec(
            select(Dependency.issue_id, Dependency.depends_on_id).where(
                is_child, col(Dependency.issue_id).in_(part) | col(Dependency.depends_on_id).in_(part)
            )
        )
        near = {end for pair in rows for end in pair} - seen
        seen |= near
        frontier += sorted(near)
    return seen


def promote(session: Session, bead_id: str, *, actor: str, reason: str = "") -> Bead:
    """Make a wisp a bead that stays, with all that hangs on it; refuses one that is no wisp."""
    bead = lock(session, bead_id)
    if not bead.ephemeral:
        raise BeadMoved(f"{bead_id} is no wisp: it stays as it is")
    values = {"ephemeral": False, "wisp_type": ""}
    apply(session, bead, EventKind.BEAD_UPDATED, values, cause=Cause(actor), reason=reason)
    add_comment(session, bead_id, f"Promoted from wisp: {reason}" if reason else "Promoted from wisp", actor=actor)
    return bead
