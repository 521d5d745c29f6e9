"""Compaction: a summary in place of the long texts of beads that closed long ago. The event keeps the texts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from gastown import clock
from gastown.beads.changes import Cause, apply, lock
from gastown.beads.checks import check_text
from gastown.beads.errors import BadField, CompactionRefused, NotCompacted
from gastown.beads.history.lineage import list_events
from gastown.beads.lifecycle import add_comment
from gastown.beads.models import BLOCKING_TYPES, Bead, BeadStatus, Dependency
from gastown.beads.patches import LONG_TEXTS
from gastown.beads.queries import CHUNK
from gastown.beads.words.configuration import get_config
from gastown.events import EventKind

# By tier: the key of the store that says after how many days, and the level that a bead must have.
_TIERS = {1: ("compact_tier1_days", 0), 2: ("compact_tier2_days", 1)}


@dataclass(frozen=True)
class Candidate:
    """A bead that a tier would compact."""

    bead: Bead
    tier: int
    size: int
    """Bytes of its long texts."""
    age_days: int
    dependents: int
    """Beads with a blocking edge on it; told, and no obstacle."""

    def as_json(self) -> dict[str, Any]:
        """The candidate as `--json` shows it, with the texts that a summary is to be made of."""
        return {
            "id": self.bead.id,
            "title": self.bead.title,
            **{name: getattr(self.bead, name) for name in LONG_TEXTS},
            "size_bytes": self.size,
            "age_days": self.age_days,
            "tier": self.tier,
            "compaction_level": self.bead.compaction_level,
            "dependents": self.dependents,
        }


@dataclass(frozen=True)
class Compaction:
    """What became of one bead's texts."""

    id: str
    tier: int
    before: int
    after: int

    def as_json(self) -> dict[str, Any]:
        """The compaction as `--json` shows it."""
        saved = self.before - self.after
        return {
            "id": self.id,
            "tier": self.tier,
            "original_size": self.before,
            "compacted_size": self.after,
            "saved_bytes": saved,
            "reduction_pct": round(100 * saved / self.before, 1) if self.before else 0.0,
        }


def size_of(bead: Bead) -> int:
    """Bytes of a bead's long texts."""
    return sum(len(getattr(bead, name).encode()) for name in LONG_TEXTS)


def _tier(session: Session, tier: int) -> tuple[int, int]:
    """The days and the level of a tier."""
    if tier not in _TIERS:
        raise BadField(f"there is no tier {tier}", hint="Give 1 (closed for a month) or 2 (for three months).")
    key, level = _TIERS[tier]
    return int(get_config(session, key)), level


def list_candidates(session: Session, tier: int, *, limit: int = 0) -> list[Candidate]:
    """What a tier would compact, closed longest first: closed long enough, at the level before, with some text."""
    days, level = _tier(session, tier)
    now = clock.now()
    query = (
        select(Bead)
        .where(
            Bead.status == BeadStatus.CLOSED.value,
            Bead.compaction_level == level,
            col(Bead.closed_at) <= now - timedelta(days=days),
            col(Bead.is_template).is_(False),
            func.length(Bead.description)
            + func.length(Bead.design)
            + func.length(Bead.notes)
            + func.length(Bead.acceptance_criteria)
            > 0,
        )
        .order_by(col(Bead.closed_at), col(Bead.id))
    )
    found = session.exec(query.limit(limit) if limit else query).all()
    dependents = _count_dependents(session, [bead.id for bead in found])
    return [Candidate(bead, tier, size_of(bead), _days(bead, now), dependents.get(bead.id, 0)) for bead in found]


def _days(bead: Bead, now: datetime) -> int:
    return (now - (bead.closed_at or now)).days


def _count_dependents(session: Session, ids: list[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for start in range(0, len(ids), CHUNK):
        rows = session.exec(
            select(Dependency.depends_on_id, func.count())
            .where(
                col(Dependency.depends_on_id).in_(ids[start : start + CHUNK]), col(Dependency.type).in_(BLOCKING_TYPES)
            )
            .group_by(Dependency.depends_on_id)
        )
        counts.update({name: number for name, number in rows})
    return counts


def compact(  # noqa: PLR0913 - the facts of one compaction
    session: Session,
    bead_id: str,
    summary: str,
    *,
    actor: str,
    tier: int = 1,
    force: bool = False,
    commit: str | None = None,
) -> Compaction:
    """Put `summary` in place of a closed bead's texts, which its event keeps.

    Refuses a bead that is not closed, one that is too young or at another level unless `force`, and a summary that is
    not shorter.
    """
    days, level = _tier(session, tier)
    bead = lock(session, bead_id)
    now = clock.now()
    if bead.status != BeadStatus.CLOSED or bead.is_template:
        raise CompactionRefused(
            f"cannot compact {bead_id}: it is {bead.status}", hint="Only closed beads are compacted."
        )
    if not force and (bead.compaction_level != level or _days(bead, now) < days):
        raise CompactionRefused(
            f"cannot compact {bead_id}: tier {tier} takes beads of level {level} that closed {days} days ago "
            f"(level {bead.compaction_level}, {_days(bead, now)} days)",
            hint="`bd admin compact --analyze` lists what can be compacted.",
        )
    summary = check_text("summary", summary.strip())
    before, after = size_of(bead), len(summary.encode())
    if not summary or after >= before:
        raise CompactionRefused(
            f"cannot compact {bead_id}: the summary has {after} bytes, the text {before}",
            hint="Give a summary that is shorter than the text, and not empty.",
        )
    values = {
        **dict.fromkeys(LONG_TEXTS, ""),
        "description": summary,
        "compaction_level": tier,
        "compacted_at": now,
        "compacted_at_commit": commit,
        "original_size": bead.original_size or before,
    }
    replaced = {name: getattr(bead, name) for name in LONG_TEXTS}
    apply(session, bead, EventKind.BEAD_COMPACTED, values, cause=Cause(actor), replaced=replaced)
    said = f"Tier {tier} compaction: {before} → {after} bytes (saved {before - after})"
    add_comment(session, bead_id, said, actor=actor)
    return Compaction(bead_id, tier, before, after)


def original_texts(session: Session, bead_id: str) -> dict[str, str]:
    """The long texts that a bead had before it was first compacted; refuses one that was not, or not here."""
    found: dict[str, str] | None = None
    for event in list_events(session, bead_id):
        if event.kind == EventKind.BEAD_COMPACTED:
            found = found or _texts_of(event.payload.get("replaced"))
        elif event.payload.get("compaction_level") == 0:
            found = None
    if found is None:
        raise NotCompacted(
            f"{bead_id} has no text from before a compaction", hint=f"`bd history {bead_id}` shows what changed it."
        )
    return found


def _texts_of(said: object) -> dict[str, str] | None:
    """The texts that an event says it replaced; None where it does not: events of an imported file may say anything."""
    if not isinstance(said, dict) or not all(isinstance(said.get(name), str) for name in LONG_TEXTS):
        return None
    return {name: said[name] for name in LONG_TEXTS}


def restore(session: Session, bead_id: str, *, actor: str) -> None:
    """Put back the texts that a bead had before it was compacted; refuses like `original_texts`."""
    bead = lock(session, bead_id)
    values = {
        **original_texts(session, bead_id),
        "compaction_level": 0,
        "compacted_at": None,
        "compacted_at_commit": None,
        "original_size": 0,
    }
    apply(session, bead, EventKind.BEAD_UPDATED, values, cause=Cause(actor), reason="restored")


def measure_tiers(session: Session) -> dict[str, dict[str, int]]:
    """By tier: how many beads it would compact, and how many bytes they have."""
    found = {tier: list_candidates(session, tier) for tier in _TIERS}
    return {
        f"tier{tier}": {"candidates": len(each), "total_size": sum(candidate.size for candidate in each)}
        for tier, each in found.items()
    }
