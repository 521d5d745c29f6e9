"""Every write to convoys."""

from collections.abc import Sequence

from sqlalchemy import func
from sqlmodel import Session, select

from gastown import beads, clock, ids
from gastown.convoys import queries
from gastown.convoys.models import TRANSITIONS, Convoy, ConvoyMember, ConvoyStatus
from gastown.convoys.progress import measure
from gastown.errors import Bug, Invalid
from gastown.events import EventKind, record, say_time

ID_PREFIX = "hq-cv-"
TITLE_LIMIT = 500  # characters, as for beads
_TRIES_PER_LENGTH = 10
_MOST_OPEN = 10_000  # looked at in one tick


class BadConvoy(Invalid):
    """A convoy needs a title and at least one bead."""


def create(session: Session, title: str, bead_ids: Sequence[str], *, actor: str) -> Convoy:
    """Make a convoy of these beads; one whose members have all landed lands at once. Refuses unknown beads."""
    title = title.strip()
    if not title or len(title) > TITLE_LIMIT or not title.isprintable():
        raise BadConvoy(f"a convoy's title has 1 to {TITLE_LIMIT} printable characters")
    if not bead_ids:
        raise BadConvoy("a convoy needs at least one bead", hint="gt convoy create TITLE BEAD...")
    convoy = Convoy(
        id=_new_id(session, title, actor),
        title=title,
        status=ConvoyStatus.OPEN,
        owner=actor[:255],
        created_at=clock.now(),
    )
    session.add(convoy)
    session.flush()
    record(
        session,
        EventKind.CONVOY_CREATED,
        actor=actor,
        convoy=convoy.id,
        title=title,
        owner=convoy.owner,
        status=convoy.status.value,
        created_at=say_time(convoy.created_at),
    )
    add_members(session, convoy.id, bead_ids, actor=actor)
    return convoy


def _new_id(session: Session, title: str, actor: str) -> str:
    existing = session.exec(select(func.count()).select_from(Convoy)).one()
    seed = f"{title}|{actor}|{clock.now().isoformat()}"
    for length in range(ids.hash_length(existing, minimum=5), ids.MAX_HASH_LENGTH + 1):
        for nonce in range(_TRIES_PER_LENGTH):
            candidate = ID_PREFIX + ids.hash_part(f"{seed}|{nonce}", length)
            if session.get(Convoy, candidate) is None:
                return candidate
    raise Bug("every id for a new convoy is taken")


def add_members(session: Session, convoy_id: str, bead_ids: Sequence[str], *, actor: str) -> list[str]:
    """Let more beads travel; return those that were not in it yet. A landed convoy with work left opens again."""
    convoy = queries.get(session, convoy_id, lock=True)
    present = {member.bead_id for member in queries.list_members(session, convoy_id)}
    added = [bead_id for bead_id in dict.fromkeys(bead_ids) if bead_id not in present]
    for bead_id in added:
        bead = beads.get(session, bead_id)
        session.add(ConvoyMember(convoy_id=convoy_id, bead_id=bead.id))
        record(session, EventKind.CONVOY_MEMBER_ADDED, actor=actor, bead_id=bead.id, convoy=convoy_id)
    session.flush()
    _settle(session, convoy, actor=actor)
    return added


def check_landed(session: Session, bead_id: str, *, actor: str) -> list[Convoy]:
    """Land the convoys whose last member this bead was; return them. Safe to call again.

    Call it after the bead's row has changed, in the same transaction or a later one. The convoy's row is locked before
    its members are read, so that of two members that land at once the second one sees the first.
    """
    session.flush()
    landed = []
    for convoy in queries.list_of_bead(session, bead_id):
        locked = queries.get(session, convoy.id, lock=True)
        if _settle(session, locked, actor=actor):
            landed.append(locked)
    return landed


def check_all(session: Session, *, actor: str) -> list[Convoy]:
    """Land every convoy whose members have all landed; return them. For the close whose reaction was lost."""
    landed = []
    for overview in queries.list_all(session, limit=_MOST_OPEN):
        if overview.progress.has_landed:
            locked = queries.get(session, overview.convoy.id, lock=True)
            if _settle(session, locked, actor=actor):
                landed.append(locked)
    return landed


def _settle(session: Session, convoy: Convoy, *, actor: str) -> bool:
    """Bring the status in line with the members; True when the convoy landed just now."""
    session.refresh(convoy)
    progress = measure(queries.list_members(session, convoy.id))
    wanted = ConvoyStatus.LANDED if progress.has_landed else ConvoyStatus.OPEN
    if convoy.status is wanted:
        return False
    TRANSITIONS.check(convoy.id, convoy.status, wanted)
    convoy.status = wanted
    convoy.landed_at = clock.now() if wanted is ConvoyStatus.LANDED else None
    session.add(convoy)
    kind = EventKind.CONVOY_LANDED if wanted is ConvoyStatus.LANDED else EventKind.CONVOY_REOPENED
    record(
        session,
        kind,
        actor=actor,
        convoy=convoy.id,
        status=wanted.value,
        landed_at=say_time(convoy.landed_at),
        title=convoy.title,
        members=progress.total,
    )
    return wanted is ConvoyStatus.LANDED
