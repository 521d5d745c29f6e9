"""Members of convoys that are under way hang on a hook when they can be worked on.

What hung on a hook and lost it without anybody's word is slung again. What nobody slung, or somebody took back, is said
and left alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session, col, select

from gastown import assignments, events, sling
from gastown.assignments import Assignment, AssignmentState
from gastown.beads import Bead, BeadStatus
from gastown.convoys import Convoy, ConvoyMember, ConvoyStatus
from gastown.db import database_time
from gastown.events import EventKind
from gastown.patrols import queries
from gastown.patrols.findings import Category, Check, Fault, Hands, Here, NotMended, Patrol, error, warning
from gastown.sling import Target

# As in the original: three convoys a round, and each of them every ten minutes.
_MOST_FEEDS = 3
_ROUND = timedelta(seconds=30)
_COOL_DOWN = timedelta(minutes=10)
_SHOWN = 5
# The newest of these says whether the bead was still meant to be worked on.
_STORY = frozenset(
    {
        EventKind.ASSIGNMENT_SLUNG,
        EventKind.ASSIGNMENT_STOP_ASKED,
        EventKind.ASSIGNMENT_SUBMITTED,
        EventKind.ASSIGNMENT_ENDED,
        EventKind.BEAD_CLOSED,
        EventKind.BEAD_REOPENED,
        EventKind.BEAD_ESCALATED,
    }
)
_NOT_BY_WORD = (AssignmentState.FAILED.value, AssignmentState.LOST.value)


@dataclass(frozen=True)
class Stranded:
    """One convoy's members that could be worked on and hang on no hook."""

    convoy_id: str
    lost: Sequence[str]
    """They were slung, and nobody took them back."""
    unslung: Sequence[str]
    """Nobody slung them, or somebody took them back."""
    is_under_way: bool


def look(here: Here) -> Iterable[Fault]:
    """Open convoys with ready members on no hook, if any member was ever slung: others are plans."""
    with here.read() as session:
        found = _list(session)
    for one in found:
        if one.lost:
            yield error(
                one.convoy_id,
                f"{_names(one.lost)} lost their hooks without anybody's word",
                f"`gt doctor --fix --check stranded` slings them again, or: gt sling {one.convoy_id}",
            )
        elif one.unslung and one.is_under_way:
            yield warning(
                one.convoy_id,
                f"{_names(one.unslung)} are ready and hang on no hook; nobody slung them, or they were taken back",
                f"gt sling {one.convoy_id}",
            )


def _names(bead_ids: Sequence[str]) -> str:
    rest = len(bead_ids) - _SHOWN
    return ", ".join(bead_ids[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _list(session: Session, convoy_id: str | None = None) -> list[Stranded]:
    has_hook = select(Assignment.id).where(
        Assignment.bead_id == Bead.id, col(Assignment.state).in_(assignments.OPEN_STATES)
    )
    query = (
        select(ConvoyMember.convoy_id, Bead.id, Bead.is_code)
        .join(Bead, col(Bead.id) == col(ConvoyMember.bead_id))
        .join(Convoy, col(Convoy.id) == col(ConvoyMember.convoy_id))
        .where(
            Convoy.status == ConvoyStatus.OPEN,
            Bead.status == BeadStatus.OPEN,  # the reconciler takes up what is hooked and in nobody's hands
            col(Bead.is_blocked).is_(False),
            ~has_hook.exists(),
        )
        .order_by(col(ConvoyMember.convoy_id), col(Bead.priority), col(Bead.id))
    )
    if convoy_id is not None:
        query = query.where(ConvoyMember.convoy_id == convoy_id)
    members: dict[str, list[tuple[str, bool]]] = {}
    for name, bead_id, is_code in session.exec(query).all():
        members.setdefault(name, []).append((bead_id, is_code is not None and _is_lost(session, bead_id)))
    under_way = _under_way(session, list(members))
    return [
        Stranded(
            name,
            [bead_id for bead_id, is_lost in found if is_lost],
            [bead_id for bead_id, is_lost in found if not is_lost],
            name in under_way,
        )
        for name, found in members.items()
    ]


def _is_lost(session: Session, bead_id: str) -> bool:
    """Whether the bead was slung, and its attempt neither ended by anybody's word nor was handed in."""
    story = [event for event in events.for_bead(session, bead_id) if event.kind in _STORY]
    if not story:
        return False
    last = story[-1]
    if last.kind is EventKind.ASSIGNMENT_SLUNG:
        return True
    return last.kind is EventKind.ASSIGNMENT_ENDED and last.payload.get("state") in _NOT_BY_WORD


def _under_way(session: Session, convoy_ids: Sequence[str]) -> set[str]:
    """Those with a member that somebody slung."""
    return set(
        session.exec(
            select(ConvoyMember.convoy_id)
            .join(Bead, col(Bead.id) == col(ConvoyMember.bead_id))
            .where(col(ConvoyMember.convoy_id).in_(convoy_ids), col(Bead.is_code).is_not(None))
        ).all()
    )


def mend(hands: Hands, fault: Fault) -> str:
    """Sling the convoy's first lost member again, to where it was; the next ones follow in later rounds."""
    return hands.transact(lambda session: _feed(session, fault.subject, actor=hands.actor))


def _feed(session: Session, convoy_id: str, *, actor: str) -> str:
    stranded = _list(session, convoy_id)
    if not stranded:
        return ""
    if not stranded[0].lost:
        raise NotMended("nobody slung them, or somebody took them back: that is for a person to decide")
    if actor == Patrol.DEACON.value and _has_fed_enough(session, convoy_id):
        return ""
    bead_id = stranded[0].lost[0]
    bead = session.get_one(Bead, bead_id)
    past = assignments.history(session, bead_id)
    sling.sling(
        session,
        Target([bead_id], past[-1].rig if past else None),
        actor=actor,
        preset=past[-1].preset if past else None,
        no_code=bead.is_code is False,
        force=True,
    )
    return f"slung {bead_id} again"


def _has_fed_enough(session: Session, convoy_id: str) -> bool:
    """Three convoys a round, each one once in ten minutes; whoever asks by hand is not held up."""
    now = database_time(session)
    tried = {row.subject: row.mended_at for row in queries.list_open(session) if row.check == CHECK.name}
    this = tried.get(convoy_id)
    recent = [at for at in tried.values() if at is not None and now - at < _ROUND]
    return len(recent) >= _MOST_FEEDS or (this is not None and now - this < _COOL_DOWN)


CHECK = Check(
    "stranded",
    look,
    "no convoy is stranded",
    category=Category.WORK,
    patrol=Patrol.DEACON,
    mend=mend,
    is_automatic=True,
)
