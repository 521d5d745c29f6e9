"""The queues as people see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from gastown import clock, git, rigs
from gastown.config import Settings
from gastown.events import Event
from gastown.refinery import ordering, queries
from gastown.refinery.candidate import Repository
from gastown.refinery.desk import ConvoySince
from gastown.refinery.heartbeat import Work
from gastown.refinery.judgement import GREEN
from gastown.refinery.models import (
    GateRun,
    LandingIntent,
    MergeRequest,
    RequestState,
    RunState,
)
from gastown.rigs import Rig

_FIRST = {RequestState.LANDING: 0, RequestState.TESTING: 1, RequestState.QUEUED: 2, RequestState.RETURNED: 3}


@dataclass(frozen=True)
class QueueItem:
    """One open request, in the order in which its rig will take it."""

    position: int  # 1 is the next of its rig; 0 for a returned one, which is not in the queue
    request: MergeRequest
    title: str
    head_oid: str
    polecat: str
    score: float
    waits_for: str


@dataclass(frozen=True)
class RigStatus:
    """One rig's queue at a glance."""

    rig: Rig
    counts: Mapping[RequestState, int]
    runs: Sequence[GateRun]  # requested or running
    intent: LandingIntent | None
    looked_at: datetime | None
    waits_for: str


def _no_convoys(_session: Session, _bead_ids: Sequence[str]) -> Mapping[str, datetime]:
    return {}


def list_queue(
    session: Session, rig: str | None = None, *, convoy_since: ConvoySince = _no_convoys, limit: int = 1000
) -> list[QueueItem]:
    """The open requests of a rig, or of all, by rig and position; the returned ones last."""
    query = select(MergeRequest).where(col(MergeRequest.state).in_(_FIRST)).order_by(col(MergeRequest.id)).limit(limit)
    rows = session.exec(query.where(MergeRequest.rig == rig) if rig else query).all()
    since = convoy_since(session, [row.bead_id for row in rows])
    waiting = {row.id or 0: _waiting(row, since.get(row.bead_id)) for row in rows}
    now = clock.now()
    order = {item.request_id: place for place, item in enumerate(ordering.order(waiting.values(), now))}
    sorted_rows = sorted(rows, key=lambda row: (row.rig, _FIRST[row.state], row.seat or 0, order[row.id or 0]))
    places = _places(sorted_rows)
    seen = queries.refineries(session)
    heads, runs = queries.heads_of(session, rows), queries.runs_of(session, rows)
    said = queries.pull_words(session, rows)
    known = queries.beads_of(session, rows)
    items = []
    for row in sorted_rows:
        head = heads[row.head_id or 0]
        place = places[row.id or 0]
        stands = _stands(row, said) or (seen[row.rig].waits_for if row.rig in seen else "")
        items.append(
            QueueItem(
                position=place,
                request=row,
                title=known[row.bead_id][0],
                head_oid=head.head_oid,
                polecat=head.polecat,
                score=ordering.score(waiting[row.id or 0], now),
                waits_for=_waits_for(row, head.result, runs.get(row.gate_run_id or 0), place, stands),
            )
        )
    return items


def _waiting(row: MergeRequest, since: datetime | None) -> ordering.Waiting:
    return ordering.Waiting(row.id or 0, row.priority, row.retries, row.created_at, row.queued_at, since)


def _places(rows: Sequence[MergeRequest]) -> dict[int, int]:
    places: dict[int, int] = {}
    taken: dict[str, int] = {}
    for row in rows:
        if row.state is RequestState.RETURNED:
            places[row.id or 0] = 0
            continue
        taken[row.rig] = taken.get(row.rig, 0) + 1
        places[row.id or 0] = taken[row.rig]
    return places


def _stands(row: MergeRequest, said: Mapping[int, tuple[Event | None, Event | None]]) -> str:
    """What a request with a pull request waits for, unless it is tested or in rework."""
    if row.pull_number is None or row.state is not RequestState.QUEUED:
        return ""
    _opened, waits = said.get(row.id or 0, (None, None))
    return f"{row.pull_url}: {waits.payload.get('words', '') if waits else 'its provider'}"


def _waits_for(row: MergeRequest, result: str, run: GateRun | None, place: int, stands: str) -> str:
    match row.state:
        case RequestState.RETURNED:
            return f"rework ({result})"
        case RequestState.LANDING:
            return stands or "its push"
        case RequestState.TESTING:
            return _waits_aboard(row, run, stands)
        case _ if place > 1 and row.pull_number is None:
            return "the request before it"
        case _:
            return stands or "its turn"


def _waits_aboard(row: MergeRequest, run: GateRun | None, stands: str) -> str:
    what = stands or "the runs of those it rides with"
    if run is not None and run.state in (RunState.REQUESTED, RunState.RUNNING):
        where = f", running on {run.host}" if run.state is RunState.RUNNING else ""
        what = (
            f"gate run {run.id} of the first {len(run.riders)}{where}"
            if len(run.riders) > 1
            else f"gate run {run.id}{where}"
        )
    return f"set aside: {what}" if row.aside_at else what


def status(session: Session, rig: str | None = None) -> list[RigStatus]:
    """Every rig's queue, or one rig's."""
    rows = [rigs.get(session, rig)] if rig else rigs.list_all(session)
    seen = queries.refineries(session)
    counted = select(MergeRequest.rig, MergeRequest.state, func.count()).group_by(
        col(MergeRequest.rig), col(MergeRequest.state)
    )
    counts: dict[str, dict[RequestState, int]] = {}
    for name, state, number in session.exec(counted).all():
        counts.setdefault(name, {})[RequestState(state)] = number
    return [
        RigStatus(
            rig=row,
            counts=counts.get(row.name, {}),
            runs=queries.list_open_runs(session, row.name),
            intent=queries.find_open_intent(session, row.name),
            looked_at=seen[row.name].looked_at if row.name in seen else None,
            waits_for=seen[row.name].waits_for if row.name in seen else "",
        )
        for row in rows
    ]


@dataclass(frozen=True)
class TargetCommit:
    """A first-parent commit of the target that no green verdict covers."""

    oid: str
    subject: str


def red_first_parents(work: Work, rig: str, *, settings: Settings) -> list[TargetCommit]:
    """The target's first-parent commits since the town first saw it whose tree has no green verdict: must be none.

    Asks the remote where the target stands. A rig without gates has none by its own word.
    """
    with work() as session:
        row = rigs.get(session, rig)
        seen = queries.find_refinery(session, rig)
        green = set(
            session.exec(select(GateRun.tree_oid).where(GateRun.rig == rig, col(GateRun.verdict).in_(GREEN))).all()
        )
    if row.no_gates:
        return []
    repository = Repository.of(settings.town, row)
    target = repository.target()
    first = seen.first_oid if seen and seen.first_oid else target
    # The first commit itself belongs to the question; what came before it was there before us.
    commits = git.first_parent(repository.land, first, target) if first != target else []
    trees = {first: (git.tree_of(repository.land, first), "where the town began")}
    trees |= {commit.oid: (commit.tree, commit.subject) for commit in commits}
    return [TargetCommit(oid, subject) for oid, (tree, subject) in trees.items() if tree not in green]
