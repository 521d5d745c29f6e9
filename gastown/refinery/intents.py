"""Every write to landing intents: opened before a push, landed or void when the remote has shown what became of it.

A landing is of one or several requests; what is written of it is written of all of them in one transaction, and each
has its event.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col

from gastown import beads, clock, rigs
from gastown.beads import BeadStatus
from gastown.events import EventKind, say_time
from gastown.refinery import queries
from gastown.refinery.lifecycle import NO_CANDIDATE, Candidate, move, record_about
from gastown.refinery.models import (
    GateRun,
    IntentState,
    LandingIntent,
    MergeHead,
    MergeRequest,
    RequestState,
    Verdict,
)


def intend(
    session: Session,
    riders: Sequence[MergeRequest],
    candidate: Candidate,
    run: GateRun | None,
    *,
    actor: str,
    lease: int,
) -> LandingIntent:
    """Write down what is about to be pushed, and whose it is; from here on only the remote says whether it landed."""
    last = riders[-1]
    values = {
        "base_oid": candidate.base_oid,
        "riders": list(candidate.riders),
        "tree_oid": candidate.tree_oid,
        "gate_run_id": run.id if run else None,
        "boarded_at": candidate.made_at,
    }
    commits = candidate.landings or (candidate.commit_oid,) * len(riders)
    for request, commit in zip(riders, commits, strict=True):
        move(session, request, RequestState.LANDING, seat=None, aside_at=None, candidate_oid=commit, **values)
    intent = LandingIntent(
        rig=last.rig,
        request_id=last.id or 0,
        head_id=last.head_id or 0,
        riders=list(candidate.riders),
        gate_run_id=run.id if run else None,
        base_oid=candidate.base_oid,
        new_oid=candidate.commit_oid,
        tree_oid=candidate.tree_oid,
        fence=lease,
        state=IntentState.OPEN,
        created_at=clock.now(),
    )
    session.add(intent)
    session.flush()
    said = _say(intent, run, candidate)
    for request, commit in zip(riders, commits, strict=True):
        head = queries.get_head(session, request.head_id)
        own = {**said, "candidate": commit}
        record_about(session, EventKind.LANDING_INTENDED, request, head, actor=actor, lease=lease, **own)
    return intent


def _say(intent: LandingIntent, run: GateRun | None, candidate: Candidate) -> dict[str, Any]:
    verdict = run.verdict if run and run.verdict else Verdict.NOT_CONFIGURED
    return {
        "intent": intent.id,
        "base": intent.base_oid,
        "new": intent.new_oid,
        "tree": intent.tree_oid,
        "run": intent.gate_run_id,
        "riders": intent.riders,
        "last": intent.request_id,
        "last_head": intent.head_id,
        "verdict": verdict.value,
        "boarded_at": say_time(candidate.made_at),
        "created_at": say_time(intent.created_at),
    }


def void(session: Session, intent: LandingIntent, *, actor: str, lease: int, why: str, refused: bool = False) -> None:
    """Close an intent that can never land any more; its requests queue again, without penalty."""
    now = clock.now()
    if not _close_intent(session, intent, IntentState.VOID, now, why=why[:1000], refused=refused):
        return
    said = {"intent": intent.id, "why": why[:1000], "refused": refused, "closed_at": say_time(now)}
    for request, head in queries.list_riders(session, intent):
        move(session, request, RequestState.QUEUED, **NO_CANDIDATE)
        record_about(session, EventKind.LANDING_VOIDED, request, head, actor=actor, lease=lease, **said)


def land(
    session: Session,
    intent: LandingIntent,
    *,
    actor: str,
    lease: int,
    after_landing: Callable[[Session, str], None],
    sha: str | None = None,
) -> list[str]:
    """Record a landing that the remote has shown: intent, requests, heads and beads at once. Returns the beads, in
    order; none: done before. `sha` is the target's commit that brought it, where that is not the intent's own.
    """
    now = clock.now()
    if not _close_intent(session, intent, IntentState.LANDED, now):
        return []
    rig = rigs.get(session, intent.rig)
    riders = queries.list_riders(session, intent)
    for request, head in riders:
        move(session, request, RequestState.LANDED, landed_oid=sha or request.candidate_oid, landed_at=now)
        head.result = "landed"
        session.add(head)
        record_about(
            session,
            EventKind.REQUEST_LANDED,
            request,
            head,
            actor=actor,
            lease=lease,
            intent=intent.id,
            sha=sha or request.candidate_oid,
            base=intent.base_oid,
            tree=intent.tree_oid,
            target=rig.branch,
            run=intent.gate_run_id,
            landed_at=say_time(now),
        )
        _close_bead(session, request, head, sha or request.candidate_oid, rig.branch, actor=actor)
        after_landing(session, request.bead_id)
    return [request.bead_id for request, _head in riders]


def _close_bead(session: Session, request: MergeRequest, head: MergeHead, sha: str, target: str, *, actor: str) -> None:
    """A person may have closed it by hand while the push was under way: the landing is a fact all the same."""
    bead = beads.find_many(session, [request.bead_id]).get(request.bead_id)
    if bead is not None and bead.status != BeadStatus.CLOSED:
        beads.close_landed(
            session,
            request.bead_id,
            actor=actor,
            sha=sha,
            target=target,
            fence=head.fence,
            assignment_id=head.assignment_id,
            rig=request.rig,
        )


def _close_intent(session: Session, intent: LandingIntent, state: IntentState, now: datetime, **values: Any) -> bool:
    closed = session.execute(
        update(LandingIntent)
        .where(col(LandingIntent.id) == intent.id, col(LandingIntent.state) == IntentState.OPEN)
        .values(state=state, closed_at=now, **values)
    )
    return bool(closed.rowcount == 1)  # type: ignore[attr-defined]
