"""Reading merge requests, gate runs and intents."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from gastown.beads import Bead
from gastown.db import is_sqlite
from gastown.errors import Bug
from gastown.events import Event, EventKind
from gastown.refinery.models import (
    OPEN_REQUESTS,
    GateRun,
    IntentState,
    LandingIntent,
    MergeHead,
    MergeRequest,
    Refinery,
    RequestState,
    RunState,
    Verdict,
)
from gastown.rigs import LANDED_MARK, Rig

# States in which the queue has something to do with a request.
IN_QUEUE = (RequestState.QUEUED, RequestState.TESTING, RequestState.LANDING)


def get_request(session: Session, request_id: int) -> MergeRequest:
    """The request with this number."""
    row = session.get(MergeRequest, request_id, populate_existing=True)
    if row is None:
        raise Bug(f"no merge request {request_id}")
    return row


def next_request_id(session: Session) -> int | None:
    """A number that no request has, nor one whose row somebody removed: SQLite would give it again. None: any."""
    if not is_sqlite(session):
        return None
    newest = select(func.max(MergeRequest.id)), select(func.max(MergeHead.request_id))
    return max(session.exec(query).one() or 0 for query in newest) + 1


def find_open(session: Session, bead_id: str, *, lock: bool = False) -> MergeRequest | None:
    """The bead's open request; `lock` keeps others from changing it until the transaction ends (PostgreSQL)."""
    query = select(MergeRequest).where(MergeRequest.bead_id == bead_id, col(MergeRequest.state).in_(OPEN_REQUESTS))
    if lock:
        query = query.with_for_update()
    return session.exec(query.execution_options(populate_existing=True)).one_or_none()


def list_for_bead(session: Session, bead_id: str) -> Sequence[MergeRequest]:
    """Every request of a bead, oldest first."""
    return session.exec(
        select(MergeRequest).where(MergeRequest.bead_id == bead_id).order_by(col(MergeRequest.id))
    ).all()


def list_in_queue(session: Session, rig: str | None = None) -> Sequence[MergeRequest]:
    """Requests that wait, are tested or land, by number."""
    query = select(MergeRequest).where(col(MergeRequest.state).in_(IN_QUEUE)).order_by(col(MergeRequest.id))
    return session.exec(query.where(MergeRequest.rig == rig) if rig else query).all()


def pull_words(session: Session, requests: Sequence[MergeRequest]) -> Mapping[int, tuple[Event | None, Event | None]]:
    """For each request with a pull request: when that was last given a head, and what was last said of its waiting."""
    beads = [request.bead_id for request in requests if request.pull_number is not None]
    kinds = (EventKind.REQUEST_PULL_OPENED, EventKind.REQUEST_PULL_WAITS)
    rows = session.exec(
        select(Event).where(col(Event.bead_id).in_(beads), col(Event.kind).in_(kinds)).order_by(col(Event.id))
    ).all()
    found: dict[int, tuple[Event | None, Event | None]] = {}
    for row in rows:
        number = int(row.payload.get("request") or 0)
        was = found.get(number, (None, None))
        found[number] = (row, None) if row.kind is EventKind.REQUEST_PULL_OPENED else (was[0], row)
    return found


def find_missed(session: Session, request: MergeRequest) -> Event | None:
    """What tells that the request's present head was not to be had when it was first looked for, or first after it had
    last been aboard: a host had it then; None: nothing.
    """
    kinds = (EventKind.REQUEST_REQUEUED, EventKind.REQUEST_BOARDED)
    rows = session.exec(
        select(Event).where(Event.bead_id == request.bead_id, col(Event.kind).in_(kinds)).order_by(col(Event.id))
    ).all()
    missed = None
    for row in rows:
        if row.payload.get("head_id") != request.head_id:
            continue
        if row.kind is EventKind.REQUEST_BOARDED:
            missed = None
        elif row.payload.get("missing") and missed is None:
            missed = row
    return missed


def get_head(session: Session, head_id: int | None) -> MergeHead:
    """The head with this number."""
    row = None if head_id is None else session.get(MergeHead, head_id)
    if row is None:
        raise Bug(f"no merge head {head_id}")
    return row


def heads_of(session: Session, requests: Sequence[MergeRequest]) -> Mapping[int, MergeHead]:
    """The newest head of each of these requests, by its number."""
    numbers = [request.head_id for request in requests]
    rows = session.exec(select(MergeHead).where(col(MergeHead.id).in_(numbers))).all()
    return {row.id or 0: row for row in rows}


def list_riders(session: Session, intent: LandingIntent) -> list[tuple[MergeRequest, MergeHead]]:
    """The requests that a landing lands, each with its head, in the order in which they are merged."""
    numbers = intent.riders or [intent.head_id]
    rows = session.exec(
        select(MergeRequest, MergeHead)
        .join(MergeHead, col(MergeHead.request_id) == col(MergeRequest.id))
        .where(col(MergeHead.id).in_(numbers))
        .execution_options(populate_existing=True)
    ).all()
    place = {number: index for index, number in enumerate(numbers)}
    return sorted(((request, head) for request, head in rows), key=lambda row: place[row[1].id or 0])


def runs_of(session: Session, requests: Sequence[MergeRequest]) -> Mapping[int, GateRun]:
    """The gate run that each of these requests waits for, by its number."""
    numbers = [request.gate_run_id for request in requests if request.gate_run_id is not None]
    rows = session.exec(select(GateRun).where(col(GateRun.id).in_(numbers))).all()
    return {row.id or 0: row for row in rows}


def beads_of(session: Session, requests: Sequence[MergeRequest]) -> Mapping[str, tuple[str, str]]:
    """Title and status of each request's bead."""
    ids = [request.bead_id for request in requests]
    rows = session.exec(select(Bead.id, Bead.title, Bead.status).where(col(Bead.id).in_(ids))).all()
    return {bead_id: (title, status) for bead_id, title, status in rows}


def list_heads(session: Session, request_id: int) -> Sequence[MergeHead]:
    """Every head of a request, oldest first."""
    return session.exec(select(MergeHead).where(MergeHead.request_id == request_id).order_by(col(MergeHead.id))).all()


def list_run_heads(session: Session, run: GateRun) -> list[MergeHead]:
    """The heads that a gate run tests, in the order in which they are merged; none where it tests the target."""
    if not run.riders and run.request_id is not None:  # of before there were trains
        return [head for head in list_heads(session, run.request_id) if head.head_oid == run.head_oid][-1:]
    return list_heads_by_number(session, run.riders)


def list_heads_by_number(session: Session, numbers: Sequence[int]) -> list[MergeHead]:
    """These heads, in this order."""
    rows = session.exec(select(MergeHead).where(col(MergeHead.id).in_(numbers))).all()
    found = {row.id: row for row in rows}
    return [found[number] for number in numbers]


def list_landed_beads(session: Session, rig: str, *, limit: int) -> Sequence[str]:
    """The beads that landed last in the rig, newest first."""
    return session.exec(
        select(MergeRequest.bead_id)
        .where(MergeRequest.rig == rig, MergeRequest.state == RequestState.LANDED)
        .order_by(col(MergeRequest.landed_at).desc(), col(MergeRequest.id).desc())
        .limit(limit)
    ).all()


def says_what_may_land() -> ColumnElement[bool]:
    """The condition on a gate run under which its verdict decides about landing: not one of what has landed."""
    return col(GateRun.config_hash).not_like(f"{LANDED_MARK}%")


def get_run(session: Session, run_id: int) -> GateRun:
    """The gate run with this number."""
    row = session.get(GateRun, run_id, populate_existing=True)
    if row is None:
        raise Bug(f"no gate run {run_id}")
    return row


def list_runs(session: Session, rig: str, tree_oid: str, config_hash: str) -> Sequence[GateRun]:
    """Every run of one tree under one configuration, oldest first."""
    return session.exec(
        select(GateRun)
        .where(GateRun.rig == rig, GateRun.tree_oid == tree_oid, GateRun.config_hash == config_hash)
        .order_by(col(GateRun.id))
        .execution_options(populate_existing=True)
    ).all()


def list_landed_runs(session: Session, rig: str, landed_hash: str, *, limit: int = 20) -> Sequence[GateRun]:
    """The last runs of the gates for what has landed, newest first; those that count for nothing are left out."""
    return session.exec(
        select(GateRun)
        .where(
            GateRun.rig == rig,
            GateRun.config_hash == landed_hash,
            GateRun.state != RunState.CANCELLED,
            col(GateRun.is_void).is_(False),
        )
        .order_by(col(GateRun.id).desc())
        .limit(limit)
        .execution_options(populate_existing=True)
    ).all()


def is_settled(session: Session, rig: Rig, landed_hash: str) -> bool:
    """Whether the gates for what has landed have passed the target as the queue last saw it."""
    query = select(GateRun.id).where(
        GateRun.rig == rig.name,
        GateRun.config_hash == landed_hash,
        GateRun.base_oid == rig.target_oid,
        col(GateRun.verdict).in_((Verdict.PASS, Verdict.FLAKY)),
        col(GateRun.is_void).is_(False),
    )
    return session.exec(query.limit(1)).first() is not None


def list_open_runs(session: Session, rig: str) -> Sequence[GateRun]:
    """A rig's requested and running gate runs."""
    return session.exec(
        select(GateRun)
        .where(GateRun.rig == rig, col(GateRun.state).in_((RunState.REQUESTED, RunState.RUNNING)))
        .order_by(col(GateRun.id))
    ).all()


def list_expired_runs(session: Session, now: datetime) -> Sequence[GateRun]:
    """Running ones whose holder's lease has ended."""
    return session.exec(
        select(GateRun)
        .where(GateRun.state == RunState.RUNNING, col(GateRun.expires_at) <= now)
        .order_by(col(GateRun.id))
    ).all()


def list_runs_on(session: Session, host: str) -> Sequence[GateRun]:
    """Running ones of this host."""
    return session.exec(
        select(GateRun).where(GateRun.state == RunState.RUNNING, GateRun.host == host).order_by(col(GateRun.id))
    ).all()


def list_unclaimed_runs(session: Session, older_than: datetime) -> Sequence[GateRun]:
    """Requested ones whose doorbell was last rung before `older_than`."""
    return session.exec(
        select(GateRun)
        .where(GateRun.state == RunState.REQUESTED, col(GateRun.rung_at) < older_than)
        .order_by(col(GateRun.id))
    ).all()


def find_open_intent(session: Session, rig: str) -> LandingIntent | None:
    """The rig's landing of which it is not known yet what became of it."""
    return session.exec(
        select(LandingIntent)
        .where(LandingIntent.rig == rig, LandingIntent.state == IntentState.OPEN)
        .execution_options(populate_existing=True)
    ).one_or_none()


def list_given_up(session: Session, rig: str, heads: Collection[int]) -> list[LandingIntent]:
    """The landings of any of these heads that were closed as void, newest first; of the last hundred."""
    if not heads:
        return []
    rows = session.exec(
        select(LandingIntent)
        .where(LandingIntent.rig == rig, LandingIntent.state == IntentState.VOID)
        .order_by(col(LandingIntent.id).desc())
        .limit(100)
    ).all()
    return [row for row in rows if not set(heads).isdisjoint(row.riders or [row.head_id])]


def find_last_landing(session: Session, rig: str) -> LandingIntent | None:
    """The rig's newest landing, or None before its first."""
    return session.exec(
        select(LandingIntent)
        .where(LandingIntent.rig == rig, LandingIntent.state == IntentState.LANDED)
        .order_by(col(LandingIntent.id).desc())
        .limit(1)
    ).one_or_none()


def list_refusals(session: Session, rig: str, base_oid: str) -> Sequence[LandingIntent]:
    """Landings on this very base that the remote refused, oldest first."""
    return session.exec(
        select(LandingIntent)
        .where(LandingIntent.rig == rig, LandingIntent.base_oid == base_oid, col(LandingIntent.refused).is_(True))
        .order_by(col(LandingIntent.id))
    ).all()


def find_refinery(session: Session, rig: str) -> Refinery | None:
    """What the rig's queue last saw, or None before its first look."""
    return session.get(Refinery, rig, populate_existing=True)


def refineries(session: Session) -> Mapping[str, Refinery]:
    """What each queue last saw, by rig."""
    return {row.rig: row for row in session.exec(select(Refinery)).all()}
