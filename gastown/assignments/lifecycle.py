"""Every write to attempts, except the lease's own (`leases.py`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col, select

from gastown import beads, clock, policy
from gastown.assignments import queries, retry
from gastown.assignments.facts import tell
from gastown.assignments.leases import LeaseLost, offer
from gastown.assignments.models import TRANSITIONS, Assignment, AssignmentState, Desired, Reason
from gastown.beads import Bead, BeadStatus
from gastown.db import database_time
from gastown.errors import Conflict
from gastown.events import EventKind, say_time


class AlreadySlung(Conflict):
    """The bead has an open attempt."""


class StaleFence(Conflict):
    """The attempt is over; whatever it wanted to write is not written."""


@dataclass(frozen=True)
class NewAttempt:
    """What an attempt starts from."""

    bead_id: str
    rig: str
    preset: str
    reason: Reason
    priority: int = 2
    slung_by: str = ""
    not_before: datetime | None = None
    preferred: str | None = None
    notes: str = ""
    start_oid: str = ""
    rework: Mapping[str, Any] | None = None


def open_attempt(session: Session, new: NewAttempt, *, actor: str, ready: bool) -> Assignment:
    """Add the bead's next attempt with the next fence: offered when `ready`, else waiting."""
    newest = queries.newest_fence(session, new.bead_id)
    if queries.find_open(session, new.bead_id) is not None:
        raise AlreadySlung(f"{new.bead_id} is slung already", hint=f"`gt log {new.bead_id}` shows where it is.")
    until = policy.load(session).number("affinity_s")
    row = Assignment(
        bead_id=new.bead_id,
        rig=new.rig,
        preset=new.preset,
        state=AssignmentState.WAITING,
        reason=new.reason,
        fence=newest + 1,
        priority=new.priority,
        slung_by=new.slung_by,
        not_before=new.not_before,
        preferred=new.preferred,
        preferred_until=database_time(session) + timedelta(seconds=until) if new.preferred else None,
        notes=new.notes,
        base_oid=new.start_oid,
        rework=dict(new.rework or {}),
        created_at=clock.now(),
    )
    session.add(row)
    session.flush()
    tell(
        session,
        EventKind.ASSIGNMENT_SLUNG,
        row,
        actor=actor,
        reason=row.reason.value,
        preset=row.preset,
        priority=row.priority,
        not_before=say_time(row.not_before),
        preferred=row.preferred,
        preferred_until=say_time(row.preferred_until),
        slung_by=row.slung_by,
        notes=row.notes,
        base_oid=row.base_oid,
        rework=row.rework,
        created_at=say_time(row.created_at),
    )
    if ready and row.not_before is None:
        offer(session, row, actor=actor)
    return row


def finish(session: Session, row: Assignment, state: AssignmentState, *, actor: str, outcome: str) -> None:
    """End an attempt: one conditional write that names its fence, one event."""
    TRANSITIONS.check(f"{row.bead_id}@{row.fence}", row.state, state)
    changed = session.execute(
        update(Assignment)
        .where(col(Assignment.id) == row.id, col(Assignment.fence) == row.fence, col(Assignment.state) == row.state)
        .values(state=state, ended_at=clock.now(), outcome=outcome[:1000], expires_at=None)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        raise StaleFence(f"attempt {row.fence} at {row.bead_id} is over")
    session.refresh(row)
    kind = EventKind.ASSIGNMENT_SUBMITTED if state is AssignmentState.SUBMITTED else EventKind.ASSIGNMENT_ENDED
    said: dict[str, Any] = {"outcome": row.outcome, "head_oid": row.head_oid, "ended_at": say_time(row.ended_at)}
    tell(session, kind, row, actor=actor, state=state.value, **said)


def running(session: Session, assignment_id: int, fence: int) -> Assignment:
    """The attempt, locked, if it still runs under this fence; StaleFence otherwise."""
    row = queries.get(session, assignment_id, lock=True)
    if row.state is not AssignmentState.RUNNING or row.fence != fence:
        raise StaleFence(
            f"this attempt at {row.bead_id} is over ({row.state})",
            hint="Nothing more is to be done here: leave your commits as they are and end the session.",
        )
    return row


def held(session: Session, assignment_id: int, fence: int, *, holder: str) -> Assignment:
    """The attempt, locked, if it runs under this fence in the hands of `holder`; StaleFence or LeaseLost otherwise."""
    row = running(session, assignment_id, fence)
    if row.holder != holder:
        raise LeaseLost(f"{row.holder} holds the attempt at {row.bead_id} now")
    return row


def note_progress(session: Session, assignment_id: int, fence: int) -> Assignment:
    """The attempt, locked for a write of its agent's, which counts as progress; StaleFence when it is over."""
    row = running(session, assignment_id, fence)
    row.active_at = row.progress_at = database_time(session)
    return row


def submit(session: Session, assignment_id: int, fence: int, *, head_oid: str, actor: str) -> Assignment:
    """Hand the work to the merge queue: the attempt ends submitted, the bead waits for its landing.

    Refuses an attempt whose bead somebody took off its hook: its holder is about to stop it.
    """
    row = running(session, assignment_id, fence)
    if row.desired is Desired.STOP:
        raise StaleFence(
            f"{row.bead_id} was taken off its hook: {row.outcome}",
            hint="Nothing more is to be done here: leave your commits as they are and end the session.",
        )
    row.head_oid = head_oid
    session.flush()
    finish(session, row, AssignmentState.SUBMITTED, actor=actor, outcome="submitted")
    beads.set_status(
        session, row.bead_id, BeadStatus.SUBMITTED, actor=actor, fence=fence, assignment_id=row.id, agent=row.polecat
    )
    return row


def end(
    session: Session, assignment_id: int, fence: int, state: AssignmentState, *, actor: str, outcome: str
) -> Assignment:
    """End a running attempt in `state` without deciding what follows."""
    row = running(session, assignment_id, fence)
    finish(session, row, state, actor=actor, outcome=outcome)
    return row


def fail(session: Session, assignment_id: int, fence: int, *, actor: str, outcome: str) -> Assignment | None:
    """The agent failed: end the attempt and make the next, or escalate when the cap is spent (None)."""
    row = end(session, assignment_id, fence, AssignmentState.FAILED, actor=actor, outcome=outcome)
    return follow(session, row, Reason.RETRY, actor=actor, notes=row.notes)


def hand_over(session: Session, assignment_id: int, fence: int, *, actor: str, notes: str) -> Assignment | None:
    """The agent asks for a fresh session: end the attempt and make the next one for the same polecat, with `notes`."""
    row = end(session, assignment_id, fence, AssignmentState.RELEASED, actor=actor, outcome="handed off")
    return follow(session, row, Reason.HANDOFF, actor=actor, notes=notes)


def follow(  # noqa: PLR0913 - one keyword a circumstance
    session: Session,
    ended: Assignment,
    reason: Reason,
    *,
    actor: str,
    notes: str = "",
    details: Mapping[str, Any] | None = None,
    delay_s: float = 0,
) -> Assignment | None:
    """Make the attempt after `ended`, from what it left; None when a cap is spent and the bead was escalated.

    None as well when nobody wants another one: the bead was closed, or taken off its hook before its holder stopped.
    `delay_s` keeps trouble that will last (an unreachable remote) from spending the cap within seconds.
    """
    if reason is not Reason.REWORK and _is_unwanted(session, ended):
        _put_back(session, ended, actor=actor, why=ended.outcome)
        return None
    settings, now = policy.load(session), database_time(session)
    rows = queries.history(session, ended.bead_id)
    plan = retry.plan_next(reason, retry.tally(rows), settings, now)
    if isinstance(plan, retry.GiveUp):
        _escalate_bead(session, ended, actor=actor, why=plan.why)
        return None
    beads.set_status(
        session, ended.bead_id, BeadStatus.HOOKED, actor=actor, fence=ended.fence, assignment_id=ended.id, reason=reason
    )
    new = NewAttempt(
        bead_id=ended.bead_id,
        rig=ended.rig,
        preset=ended.preset,
        reason=reason,
        priority=ended.priority,
        slung_by=ended.slung_by,
        not_before=plan.not_before or (now + timedelta(seconds=delay_s) if delay_s else None),
        # Who lost it, with its host perhaps, is the last one to wait for.
        preferred=None if reason is Reason.TAKEOVER else ended.polecat,
        notes=notes,
        start_oid=newest_head(rows),
        rework=details or ended.rework,
    )
    return open_attempt(session, new, actor=actor, ready=True)


def newest_head(history: Sequence[Assignment]) -> str:
    """The newest commit that an attempt of `history` (oldest first) left; empty when none left any."""
    return next((row.head_oid for row in reversed(history) if row.head_oid), "")


def _is_unwanted(session: Session, row: Assignment) -> bool:
    return row.desired is Desired.STOP or _status(session, row.bead_id) in queries.DONE


def _status(session: Session, bead_id: str) -> str:
    """The bead's status as it is now, whatever this session has read of it before."""
    found = session.exec(select(Bead.status).where(Bead.id == bead_id)).one_or_none()
    return found or BeadStatus.TOMBSTONE  # a row that somebody removed by hand is nobody's work either


def rework(session: Session, bead_id: str, *, details: Mapping[str, Any], actor: str) -> Assignment | None:
    """The merge queue returned the bead: next attempt for the polecat that knows it; None when escalated instead."""
    last = queries.history(session, bead_id)[-1]
    return follow(session, last, Reason.REWORK, actor=actor, notes=last.notes, details=details)


def lose(
    session: Session, assignment_id: int, fence: int, *, actor: str, outcome: str, delay_s: float = 0
) -> Assignment | None:
    """Infrastructure failed the attempt, not its agent: make the next one, or escalate past the cap (None)."""
    ended = end(session, assignment_id, fence, AssignmentState.LOST, actor=actor, outcome=outcome)
    return follow(session, ended, Reason.TAKEOVER, actor=actor, notes=ended.notes, delay_s=delay_s)


def escalate(session: Session, assignment_id: int, fence: int, *, actor: str, why: str) -> Assignment:
    """A person is asked: the attempt, whether it runs or not, ends, and the bead waits, escalated."""
    row = queries.get(session, assignment_id, lock=True)
    if row.state in (AssignmentState.WAITING, AssignmentState.OFFERED) and row.fence == fence:
        finish(session, row, AssignmentState.ESCALATED, actor=actor, outcome=why)
    else:
        row = end(session, assignment_id, fence, AssignmentState.ESCALATED, actor=actor, outcome=why)
    if _status(session, row.bead_id) in (BeadStatus.OPEN, BeadStatus.DEFERRED):
        beads.set_status(session, row.bead_id, BeadStatus.HOOKED, actor=actor, fence=fence, assignment_id=row.id)
    _escalate_bead(session, row, actor=actor, why=why)
    return row


def _escalate_bead(session: Session, row: Assignment, *, actor: str, why: str) -> None:
    """Ask a person: the status, its one terminal event, and a comment that says what was tried."""
    beads.set_status(
        session,
        row.bead_id,
        BeadStatus.ESCALATED,
        actor=actor,
        fence=row.fence,
        assignment_id=row.id,
        agent=row.polecat,
        rig=row.rig,
        reason=why,
    )
    tried = "\n".join(
        f"- attempt {past.fence} ({past.reason}, {past.polecat or 'nobody'}): {past.state}, {past.outcome}"
        for past in queries.history(session, row.bead_id)
    )
    text = f"Escalated: {why}.\nWhat was tried:\n{tried}\nWhen it is settled: gt sling {row.bead_id} {row.rig}"
    beads.add_comment(session, row.bead_id, text, actor=actor)


def release(session: Session, bead_id: str, *, actor: str, why: str) -> Assignment | None:
    """Take the bead off its hook: at once when nobody runs it, else its holder is asked to save, stop and let go."""
    row = queries.find_open(session, bead_id, lock=True)
    if row is None:
        return None
    if row.state is AssignmentState.RUNNING:
        if row.desired is Desired.STOP:
            return row
        row.desired = Desired.STOP
        row.outcome = why[:1000]
        tell(session, EventKind.ASSIGNMENT_STOP_ASKED, row, actor=actor, why=why, desired=row.desired.value)
        return row
    finish(session, row, AssignmentState.RELEASED, actor=actor, outcome=why)
    _put_back(session, row, actor=actor, why=why)
    return row


def resume_later(session: Session, assignment_id: int, fence: int, *, actor: str) -> Assignment | None:
    """A session was saved for a shutdown or a dock: its attempt ends, the next one waits until work goes on."""
    why = queries.get(session, assignment_id).outcome or "the town was shut down"
    row = end(session, assignment_id, fence, AssignmentState.RELEASED, actor=actor, outcome=why)
    return follow(session, row, Reason.RESUME, actor=actor, notes=row.notes)


def put_back(session: Session, assignment_id: int, fence: int, *, actor: str) -> Assignment:
    """A stopped session has been saved: end its attempt released, with the bead open again."""
    row = running(session, assignment_id, fence)
    why = row.outcome or "stopped"
    finish(session, row, AssignmentState.RELEASED, actor=actor, outcome=why)
    _put_back(session, row, actor=actor, why=why)
    return row


def _put_back(session: Session, row: Assignment, *, actor: str, why: str) -> None:
    if _status(session, row.bead_id) in (BeadStatus.HOOKED, BeadStatus.IN_PROGRESS):
        beads.set_status(
            session, row.bead_id, BeadStatus.OPEN, actor=actor, fence=row.fence, assignment_id=row.id, reason=why
        )


def note_site(session: Session, assignment_id: int, fence: int, *, branch: str, base_oid: str) -> Assignment:
    """Note the attempt's branch and where it starts."""
    row = running(session, assignment_id, fence)
    if (row.branch, row.base_oid) != (branch, base_oid):
        row.branch, row.base_oid = branch, base_oid
        actor = row.polecat or row.slung_by
        tell(session, EventKind.ASSIGNMENT_NOTED, row, actor=actor, branch=branch, base_oid=base_oid)
    return row


def note_saved(session: Session, assignment_id: int, fence: int, *, actor: str, head_oid: str, why: str) -> None:
    """Note the newest commit that is safe; also for an attempt that has just ended (it names its own fence)."""
    row = queries.get(session, assignment_id, lock=True)
    if row.fence != fence or row.head_oid == head_oid:
        return
    row.head_oid = head_oid
    tell(session, EventKind.WORK_SAVED, row, actor=actor, head_oid=head_oid, why=why)
