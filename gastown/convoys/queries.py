"""Reading convoys."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from gastown.beads import BLOCKING_TYPES, Bead, BeadStatus, Dependency, waves
from gastown.convoys.models import Convoy, ConvoyMember, ConvoyStatus
from gastown.convoys.progress import Member, Progress, measure
from gastown.errors import NotFound


class ConvoyNotFound(NotFound):
    """No convoy has this id."""


@dataclass(frozen=True)
class Overview:
    """A convoy and how far it is."""

    convoy: Convoy
    progress: Progress


@dataclass(frozen=True)
class Report:
    """A convoy with its members, in the order in which they can be worked on."""

    convoy: Convoy
    progress: Progress
    waves: Sequence[Sequence[Bead]]
    """Each wave depends only on waves before it; the last one holds what hangs on a cycle, if anything does."""


def get(session: Session, convoy_id: str, *, lock: bool = False) -> Convoy:
    """The convoy, or ConvoyNotFound; `lock` holds its row until the transaction ends."""
    query = select(Convoy).where(Convoy.id == convoy_id)
    found = session.exec(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise ConvoyNotFound(f"no convoy is called {convoy_id[:60]!r}", hint="`gt convoy list --all` shows them.")
    return found


def list_of_bead(session: Session, bead_id: str) -> Sequence[Convoy]:
    """The convoys that a bead travels in."""
    query = select(Convoy).join(ConvoyMember, col(ConvoyMember.convoy_id) == col(Convoy.id))
    return session.exec(query.where(ConvoyMember.bead_id == bead_id).order_by(col(Convoy.id))).all()


def travelling_since(session: Session, bead_ids: Sequence[str]) -> dict[str, datetime]:
    """When the oldest open convoy of each of these beads was made; beads that travel in none are left out."""
    rows = session.execute(
        select_columns(col(ConvoyMember.bead_id), func.min(Convoy.created_at))
        .join(Convoy, col(Convoy.id) == col(ConvoyMember.convoy_id))
        .where(col(ConvoyMember.bead_id).in_(bead_ids), col(Convoy.status) == ConvoyStatus.OPEN)
        .group_by(col(ConvoyMember.bead_id))
    ).all()
    return {bead_id: since for bead_id, since in rows}


def list_members(session: Session, convoy_id: str) -> Sequence[Member]:
    """What counts of each bead of a convoy, as the database has it now."""
    query = (
        select(Bead.id, Bead.status, Bead.is_code, Bead.landed_sha)
        .join(ConvoyMember, col(ConvoyMember.bead_id) == col(Bead.id))
        .where(ConvoyMember.convoy_id == convoy_id)
    )
    return [Member(*row) for row in session.exec(query).all()]


def list_all(session: Session, *, include_landed: bool = False, limit: int = 100) -> list[Overview]:
    """The newest convoys and how far each is; open ones only unless told otherwise."""
    query = select(Convoy).order_by(col(Convoy.created_at).desc(), col(Convoy.id)).limit(limit)
    if not include_landed:
        query = query.where(Convoy.status == ConvoyStatus.OPEN)
    found = session.exec(query).all()
    members: dict[str, list[Member]] = defaultdict(list)
    rows = session.execute(
        select_columns(
            col(ConvoyMember.convoy_id), col(Bead.id), col(Bead.status), col(Bead.is_code), col(Bead.landed_sha)
        )
        .join(Bead, col(Bead.id) == col(ConvoyMember.bead_id))
        .where(col(ConvoyMember.convoy_id).in_([convoy.id for convoy in found]))
    ).all()
    for convoy_id, *rest in rows:
        members[convoy_id].append(Member(*rest))
    return [Overview(convoy, measure(members[convoy.id])) for convoy in found]


def status(session: Session, convoy_id: str) -> Report:
    """A convoy, its progress and its members by wave; deleted beads are left out."""
    convoy = get(session, convoy_id)
    beads = session.exec(
        select(Bead)
        .join(ConvoyMember, col(ConvoyMember.bead_id) == col(Bead.id))
        .where(ConvoyMember.convoy_id == convoy_id, Bead.status != BeadStatus.TOMBSTONE)
        .order_by(col(Bead.id))
    ).all()
    by_id = {bead.id: bead for bead in beads}
    edges = session.exec(
        select(Dependency.issue_id, Dependency.depends_on_id).where(
            col(Dependency.issue_id).in_(by_id), col(Dependency.type).in_(BLOCKING_TYPES)
        )
    ).all()
    groups = waves(by_id, [(node, target) for node, target in edges])
    rest = sorted(set(by_id) - {bead_id for group in groups for bead_id in group})
    ordered = [[by_id[bead_id] for bead_id in group] for group in (*groups, rest) if group]
    progress = measure(Member(bead.id, bead.status, bead.is_code, bead.landed_sha) for bead in beads)
    return Report(convoy, progress, ordered)
