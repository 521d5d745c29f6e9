"""What the books have of pull requests besides their numbers: heads put on their branches, refused merges, those left.

It is read from events and landing intents; no column holds it.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, exists
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from gastown import beads, clock
from gastown.events import Event, EventKind
from gastown.refinery import queries
from gastown.refinery.judgement import pause_after
from gastown.refinery.models import OPEN_REQUESTS, LandingIntent, MergeRequest, RequestState
from gastown.rigs import Rig

# Merges of one head that its provider refused before a person is asked.
REFUSALS_TO_ASK = 5
# Of a pull request that is brought up to date again and again, the newest heads.
_MOST_PUT = 200


def is_left() -> ColumnElement[bool]:
    """The condition on a request under which nobody closed its pull request when it was called off.

    One that a later request took over is not left, nor one that no provider can be asked about any more.
    """
    other = aliased(MergeRequest)
    taken_over = exists().where(
        col(other.rig) == col(MergeRequest.rig),
        col(other.pull_number) == col(MergeRequest.pull_number),
        col(other.state).in_((*OPEN_REQUESTS, RequestState.LANDED)),
    )
    rig = aliased(Rig)
    can_ask = exists().where(
        col(rig.name) == col(MergeRequest.rig), col(rig.removed_at).is_(None), col(rig.provider) != ""
    )
    is_open = (col(MergeRequest.state) == RequestState.CANCELLED) & col(MergeRequest.pull_number).is_not(None)
    return is_open & ~taken_over & can_ask


def list_left(session: Session, rig: str, *, limit: int) -> Sequence[MergeRequest]:
    """The oldest of the rig's requests whose pull request was left open."""
    query = select(MergeRequest).where(MergeRequest.rig == rig, is_left()).order_by(col(MergeRequest.id)).limit(limit)
    return session.exec(query).all()


def rigs_with_left(session: Session) -> set[str]:
    """The rigs that have such requests. Nothing is read of those without a provider."""
    left = exists().where(col(MergeRequest.rig) == col(Rig.name), is_left())
    return set(session.exec(select(Rig.name).where(col(Rig.provider) != "", left)).all())


def any_left() -> ColumnElement[bool]:
    """Whether there are any, in any rig."""
    return exists().where(col(Rig.provider) != "", col(MergeRequest.rig) == col(Rig.name), is_left())


def list_put(session: Session, bead_id: str) -> list[str]:
    """The commits that the queue put on the branch of the bead's pull requests, newest first."""
    rows = session.exec(
        select(Event)
        .where(Event.bead_id == bead_id, Event.kind == EventKind.REQUEST_PULL_OPENED)
        .order_by(col(Event.id).desc())
        .limit(_MOST_PUT)
    ).all()
    return [str(row.payload["commit"]) for row in rows if row.payload.get("commit")]


def _refusals(session: Session, head_id: int) -> Sequence[LandingIntent]:
    return session.exec(
        select(LandingIntent)
        .where(LandingIntent.head_id == head_id, col(LandingIntent.refused).is_(True))
        .order_by(col(LandingIntent.id))
    ).all()


def find_refusal(session: Session, request: MergeRequest) -> str:
    """Why the provider is not asked just now to merge the request's head, having refused it; empty: it may be asked."""
    refusals = _refusals(session, request.head_id or 0)
    if not refusals or refusals[-1].closed_at is None:
        return ""
    again_at = refusals[-1].closed_at + pause_after(len(refusals))
    if again_at - clock.now() <= timedelta(0):
        return ""
    return f"another try after {again_at:%H:%M:%S} UTC, or `gt mq retry {request.rig}`: {refusals[-1].why}"


def ask_person(session: Session, intent: LandingIntent, *, actor: str) -> None:
    """Tell people of a merge that was refused just now, once it was so often that it is no passing trouble."""
    refusals = _refusals(session, intent.head_id)
    request = queries.get_request(session, intent.request_id)
    if len(refusals) != REFUSALS_TO_ASK or not beads.find_many(session, [request.bead_id]):
        return
    text = (
        f"A person is needed at the provider: {refusals[-1].why} ({REFUSALS_TO_ASK} times, {request.pull_url}).\n"
        f"It is asked again now and then, and at once after `gt mq retry {request.rig}`; other requests go on."
    )
    beads.add_comment(session, request.bead_id, text, actor=actor)
