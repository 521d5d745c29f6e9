"""What nobody in the merge queues waits for any more: found by the tick, and by each host in its own repositories."""

from collections.abc import Sequence, Set

from sqlalchemy import exists
from sqlmodel import Session, col, select

from gastown.refinery import gate_runs
from gastown.refinery.models import (
    OPEN_REQUESTS,
    GateRun,
    IntentState,
    LandingIntent,
    MergeHead,
    MergeRequest,
    RequestState,
    RunState,
)

_BATCH = 200
_UNDER_WAY = (RequestState.TESTING, RequestState.LANDING)


def call_off_unwanted(session: Session, *, actor: str) -> int:
    """Call off gate runs of candidates of which no rider is under way any more; return how many."""
    waits = exists().where(
        col(MergeRequest.gate_run_id) == col(GateRun.id),
        col(MergeRequest.state).in_(_UNDER_WAY),
    )
    # Between a request's `board` and its commit nobody sees either row; what is seen here belongs together.
    rows = session.exec(
        select(GateRun.id, GateRun.riders)
        .where(
            col(GateRun.state).in_((RunState.REQUESTED, RunState.RUNNING)),
            col(GateRun.request_id).is_not(None),
            ~waits,
        )
        .order_by(col(GateRun.id))
        .limit(_BATCH)
    ).all()
    why = "no request waits for it"
    unwanted = [number for number, riders in rows if not _ride(session, riders)]
    return sum(gate_runs.cancel(session, number or 0, actor=actor, why=why, ring=True) for number in unwanted)


def _ride(session: Session, riders: Sequence[int]) -> bool:
    """Whether one of these heads is the newest of a request that is tested or lands."""
    query = select(MergeRequest.id).where(col(MergeRequest.head_id).in_(riders))
    return session.exec(query.where(col(MergeRequest.state).in_(_UNDER_WAY)).limit(1)).first() is not None


def list_needed(session: Session, rig: str) -> frozenset[str]:
    """The commits that a host must keep pinned: of requests that are open, of runs and landings under way."""
    requests = select(MergeHead.head_oid, MergeRequest.candidate_oid, MergeRequest.base_oid).join(
        MergeRequest, col(MergeRequest.id) == col(MergeHead.request_id)
    )
    runs = select(GateRun.head_oid, GateRun.commit_oid, GateRun.base_oid)
    intents = select(LandingIntent.new_oid, LandingIntent.base_oid)
    found: set[str] = set()
    for query in (
        requests.where(MergeRequest.rig == rig, col(MergeRequest.state).in_(OPEN_REQUESTS)),
        runs.where(GateRun.rig == rig, col(GateRun.state).in_((RunState.REQUESTED, RunState.RUNNING))),
        intents.where(LandingIntent.rig == rig, LandingIntent.state == IntentState.OPEN),
    ):
        for row in session.exec(query).all():
            found.update(row)
    return frozenset(found - {""})


def branches_of(session: Session, rig: str, oids: Set[str]) -> dict[str, str]:
    """The branch on which each of these commits was handed in; what was not is left out."""
    rows = session.exec(
        select(MergeHead.head_oid, MergeHead.branch)
        .join(MergeRequest, col(MergeRequest.id) == col(MergeHead.request_id))
        .where(MergeRequest.rig == rig, col(MergeHead.head_oid).in_(oids))
    ).all()
    return dict(rows)


def landed_as(session: Session, rig: str, oids: Set[str]) -> dict[str, str]:
    """Those of the commits that landed, each with the commit on the target that holds its work."""
    rows = session.exec(
        select(MergeHead.head_oid, MergeRequest.landed_oid)
        .join(MergeRequest, col(MergeRequest.head_id) == col(MergeHead.id))
        .where(MergeRequest.rig == rig, MergeRequest.state == RequestState.LANDED, col(MergeHead.head_oid).in_(oids))
    ).all()
    return {head: commit for head, commit in rows if commit}
