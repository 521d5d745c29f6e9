"""Every write to merge requests and their heads. Gate runs have `gate_runs.py`, landing intents `intents.py`.

Each change is one conditional write and one event in the caller's transaction. Events name the fence of the attempt
whose head they speak of, and as `lease` the fence of the refinery's own lease.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col

from gastown import assignments, clock
from gastown.errors import Conflict
from gastown.events import EventKind, record, say_time
from gastown.ids import check_bead_id
from gastown.refinery import gate_runs, queries
from gastown.refinery.models import TRANSITIONS, GateRun, MergeHead, MergeRequest, RequestState
from gastown.rigs import COMMON

NO_CANDIDATE: dict[str, Any] = {
    "base_oid": "",
    "riders": [],
    "candidate_oid": "",
    "tree_oid": "",
    "gate_run_id": None,
    "boarded_at": None,
    "seat": None,
    "area": "",
    "aside_at": None,
}


class StaleSubmit(Conflict):
    """A newer attempt at the bead has submitted already."""


class LandsNow(Conflict):
    """The request is being landed at this moment."""


@dataclass(frozen=True)
class Step:
    """One commit of a candidate, to be gated by itself, and whose change it is."""

    commit_oid: str
    tree_oid: str
    origin: str


@dataclass(frozen=True)
class Candidate:
    """Heads merged into a commit of the target, and the tree that came of it."""

    base_oid: str
    commit_oid: str
    tree_oid: str
    made_at: datetime
    """What the commit says of its time: built again with it, it is the same commit."""
    riders: tuple[int, ...] = ()
    """The heads, by number, that are merged into the base, in order."""
    steps: tuple[Step, ...] = ()
    """What the last head adds to those before it: one step, or one for each of its commits where those are replayed."""
    landings: tuple[str, ...] = ()
    """The commit on the target with which each rider has landed, where they do not all share one."""


def submit(  # noqa: PLR0913 - what an attempt hands in has this many sides; all are keywords
    session: Session,
    *,
    assignment_id: int,
    bead_id: str,
    rig: str,
    fence: int,
    polecat: str,
    head_oid: str,
    branch: str,
    priority: int,
    actor: str,
) -> MergeRequest:
    """Queue an attempt's commit: a new request, or a new head of the bead's open one. The same again changes nothing.

    Refuses the head of an attempt that a newer one has overtaken, and any while the bead's request lands.
    """
    head = MergeHead(
        request_id=0,
        assignment_id=assignment_id,
        fence=fence,
        polecat=polecat,
        head_oid=head_oid,
        branch=branch,
        submitted_at=clock.now(),
    )
    request = _open_request(session, bead_id, rig, actor) or _add_request(session, bead_id, rig, priority)
    superseded = None
    if request.head_id is not None:
        newest = queries.get_head(session, request.head_id)
        if (newest.fence, newest.head_oid) == (fence, head_oid):
            return request
        superseded = _supersede(session, request, newest, fence=fence, actor=actor)
    head.request_id = request.id or 0
    session.add(head)
    session.flush()
    _queue(session, request, head, priority)
    record_about(
        session,
        EventKind.REQUEST_SUBMITTED,
        request,
        head,
        actor=actor,
        ring=gate_runs.refinery_bell(rig),
        head=head_oid,
        branch=branch,
        priority=priority,
        retries=request.retries,
        superseded=superseded,
        created_at=say_time(request.created_at),
        submitted_at=say_time(head.submitted_at),
    )
    return queries.get_request(session, request.id or 0)


def _queue(session: Session, request: MergeRequest, head: MergeHead, priority: int) -> None:
    values = {"state": RequestState.QUEUED, "head_id": head.id, "priority": priority, "queued_at": head.submitted_at}
    session.execute(update(MergeRequest).where(col(MergeRequest.id) == request.id).values(**values, **NO_CANDIDATE))


def _open_request(session: Session, bead_id: str, rig: str, actor: str) -> MergeRequest | None:
    """The bead's open request in this rig; one in another rig, where the bead was slung before, is called off."""
    request = queries.find_open(session, bead_id, lock=True)
    if request is None or request.rig == rig:
        return request
    if request.state is RequestState.LANDING:
        raise LandsNow(f"{bead_id} is being landed in {request.rig} just now", hint="Try again in a few seconds.")
    cancel(session, bead_id, actor=actor, why=f"the bead was submitted in {rig}")
    return None


def _add_request(session: Session, bead_id: str, rig: str, priority: int) -> MergeRequest:
    now = clock.now()
    request = MergeRequest(
        id=queries.next_request_id(session),
        bead_id=check_bead_id(bead_id),
        rig=rig,
        state=RequestState.QUEUED,
        priority=priority,
        created_at=now,
        queued_at=now,
    )
    session.add(request)
    session.flush()
    return request


def _supersede(session: Session, request: MergeRequest, newest: MergeHead, *, fence: int, actor: str) -> int | None:
    """Make way for a newer head of the same request; the number of the one that it supersedes, where one waited."""
    if fence <= newest.fence:
        raise StaleSubmit(
            f"attempt {newest.fence} at {request.bead_id} has submitted already",
            hint="Nothing more is to be done here: leave your commits as they are and end the session.",
        )
    if request.state is RequestState.LANDING:
        raise LandsNow(f"{request.bead_id} is being landed just now", hint="Try again in a few seconds.")
    _call_off(session, request, actor=actor, why="a newer head was submitted")
    if request.state is RequestState.RETURNED:
        return None
    newest.result = "superseded"
    session.add(newest)
    return newest.id


def _call_off(session: Session, request: MergeRequest, *, actor: str, why: str) -> None:
    """Stop the gate run that tests this request's candidate, unless it answers a question about the target."""
    if request.gate_run_id is not None:
        run = queries.get_run(session, request.gate_run_id)
        if run.request_id == request.id:
            gate_runs.cancel(session, request.gate_run_id, actor=actor, why=why)


def cancel(session: Session, bead_id: str, *, actor: str, why: str) -> MergeRequest | None:
    """Take the bead's open request out of the queue; None where it has none.

    One that lands just now is left alone: only the remote decides about it any more. Should its push fail, the queue
    drops it because its bead no longer waits for it.
    """
    request = queries.find_open(session, bead_id, lock=True)
    if request is None or request.state is RequestState.LANDING:
        return request
    _call_off(session, request, actor=actor, why=why)
    head = queries.get_head(session, request.head_id)
    head.result = head.result or "cancelled"
    session.add(head)
    move(session, request, RequestState.CANCELLED, **NO_CANDIDATE)
    record_about(session, EventKind.REQUEST_CANCELLED, request, head, actor=actor, why=why, result=head.result)
    return queries.get_request(session, request.id or 0)


@dataclass(frozen=True)
class Seat:
    """A place on a rig's trains: lower ones first, and of which area the train is."""

    number: int
    area: str = COMMON


def board(session: Session, request: MergeRequest, candidate: Candidate, *, seat: Seat, actor: str, lease: int) -> None:
    """Give the request a seat on a train, and its candidate: its head on top of those of all the seats before.

    One that is aboard already keeps its seat, and gets another candidate.
    """
    move(
        session,
        request,
        RequestState.TESTING,
        base_oid=candidate.base_oid,
        riders=list(candidate.riders),
        candidate_oid=candidate.commit_oid,
        tree_oid=candidate.tree_oid,
        gate_run_id=None,
        boarded_at=candidate.made_at,
        seat=seat.number,
        area=seat.area,
        aside_at=None,
    )
    head = queries.get_head(session, request.head_id)
    values: dict[str, Any] = {"base": candidate.base_oid, "candidate": candidate.commit_oid, "tree": candidate.tree_oid}
    values |= {"seat": seat.number, "riders": list(candidate.riders), "boarded_at": say_time(candidate.made_at)}
    if seat.area:
        values["area"] = seat.area
    record_about(session, EventKind.REQUEST_BOARDED, request, head, actor=actor, lease=lease, **values)


def set_aside(session: Session, request: MergeRequest, *, actor: str, lease: int) -> None:
    """Take the request off the train, which is red with it and green without; its own tree is yet to be tried again."""
    now = clock.now()
    move(session, request, RequestState.TESTING, seat=None, aside_at=now)
    head = queries.get_head(session, request.head_id)
    said = {"tree": request.tree_oid, "aside_at": say_time(now)}
    record_about(session, EventKind.REQUEST_SET_ASIDE, request, head, actor=actor, lease=lease, **said)


def follow_run(session: Session, request: MergeRequest, run: GateRun, *, actor: str) -> None:
    """Let a testing request wait for another run of its tree."""
    followed = session.execute(
        update(MergeRequest)
        .where(col(MergeRequest.id) == request.id, col(MergeRequest.state) == RequestState.TESTING)
        .values(gate_run_id=run.id)
    )
    if followed.rowcount:  # type: ignore[attr-defined]
        head = queries.get_head(session, request.head_id)
        record_about(session, EventKind.REQUEST_RETESTED, request, head, actor=actor, run=run.id)


def requeue(session: Session, request: MergeRequest, *, actor: str, lease: int, why: str) -> None:
    """Give up the request's candidate without penalty: the target or the gates have changed."""
    _call_off(session, request, actor=actor, why=why)
    move(session, request, RequestState.QUEUED, **NO_CANDIDATE)
    head = queries.get_head(session, request.head_id)
    record_about(session, EventKind.REQUEST_REQUEUED, request, head, actor=actor, lease=lease, why=why)


def miss_head(session: Session, request: MergeRequest, *, actor: str, lease: int) -> datetime:
    """Tell, once, that a queued request's head is not to be had; returns since when that is known.

    The time before the first look for it counts nothing: the queue may have been halted, or the remote away.
    """
    first = queries.find_missed(session, request)
    if first is not None:
        return first.at
    head = queries.get_head(session, request.head_id)
    said = {"why": "its commit is not to be had yet", "missing": head.head_oid}
    record_about(session, EventKind.REQUEST_REQUEUED, request, head, actor=actor, lease=lease, **said)
    return clock.now()


def show_pull(  # noqa: PLR0913 - what was opened, from what, for whom; most are keywords
    session: Session, request: MergeRequest, *, number: int, url: str, head_oid: str, actor: str, lease: int
) -> None:
    """Note the request's pull request and the head that it shows; until that is approved the request waits unseated."""
    values = {"pull_number": number, "pull_url": url[:2000]}
    shown = session.execute(
        update(MergeRequest)
        .where(
            col(MergeRequest.id) == request.id,
            col(MergeRequest.head_id) == request.head_id,
            col(MergeRequest.state).in_((RequestState.QUEUED, RequestState.TESTING)),
        )
        .values(state=RequestState.QUEUED, **values, **NO_CANDIDATE)
    )
    if shown.rowcount != 1:  # type: ignore[attr-defined]
        raise StaleSubmit(f"request {request.id} has a newer head, or waits no longer")
    head = queries.get_head(session, request.head_id)
    said = {"number": number, "url": url[:2000], "commit": head_oid}
    record_about(session, EventKind.REQUEST_PULL_OPENED, request, head, actor=actor, lease=lease, **said)


def note_pull(session: Session, request: MergeRequest, words: str, *, actor: str, lease: int) -> None:
    """Tell what the request's pull request waits for now; it changes nothing."""
    head = queries.get_head(session, request.head_id)
    said = {"number": request.pull_number, "words": words}
    record_about(session, EventKind.REQUEST_PULL_WAITS, request, head, actor=actor, lease=lease, **said)


def forget_pull(session: Session, request: MergeRequest, *, actor: str, lease: int) -> None:
    """Note that the pull request of a request that was called off has been closed."""
    where = (col(MergeRequest.id) == request.id, col(MergeRequest.state) == RequestState.CANCELLED)
    said = {"number": request.pull_number, "url": request.pull_url}
    session.execute(update(MergeRequest).where(*where).values(pull_number=None, pull_url=""))
    head = queries.get_head(session, request.head_id)
    record_about(session, EventKind.REQUEST_PULL_CLOSED, request, head, actor=actor, lease=lease, **said)


def send_back(
    session: Session, request: MergeRequest, *, kind: str, details: Mapping[str, Any], actor: str, lease: int | None
) -> bool:
    """Return the request to its polecat as rework; False where the bead's cap is spent and a person decides.

    Without a `lease` it is a person who does, which costs the request no score.

    The request stays open: the next head submitted for the bead enters the queue again.
    """
    retries = request.retries + (lease is not None)  # before the row changes under our hands
    move(session, request, RequestState.RETURNED, retries=retries, **NO_CANDIDATE)
    head = queries.get_head(session, request.head_id)
    head.result = kind
    session.add(head)
    facts = {"head": head.head_oid, "retries": retries, **details}
    record_about(session, EventKind.REQUEST_RETURNED, request, head, actor=actor, lease=lease, reason=kind, **facts)
    full = {"kind": kind, "request": request.id, **facts}
    return assignments.rework(session, request.bead_id, details=full, actor=actor) is not None


def move(session: Session, request: MergeRequest, state: RequestState, **values: Any) -> None:
    """Change a request's state from one that allows it, with the head that the caller saw; Conflict otherwise."""
    moved = session.execute(
        update(MergeRequest)
        .where(
            col(MergeRequest.id) == request.id,
            col(MergeRequest.head_id) == request.head_id,
            col(MergeRequest.state).in_(TRANSITIONS.sources(state)),
        )
        .values(state=state, **values)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        found = queries.get_request(session, request.id or 0)
        TRANSITIONS.check(str(request.id), found.state, state)
        raise StaleSubmit(f"request {request.id} has a newer head")


def record_about(
    session: Session, kind: EventKind, request: MergeRequest, head: MergeHead, /, *, actor: str, **values: Any
) -> None:
    """Record what happened to a request, with the attempt whose head it speaks of."""
    record(
        session,
        kind,
        actor=actor,
        bead_id=request.bead_id,
        rig=request.rig,
        agent=head.polecat,
        assignment_id=head.assignment_id,
        fence=head.fence,
        **{"request": request.id, "head_id": head.id, **values},
    )
