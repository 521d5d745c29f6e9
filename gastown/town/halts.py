"""Holding work up by somebody's word, and letting it go on: one transaction each."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from gastown import assignments, policy, refinery, rigs, sling
from gastown.assignments import Assignment
from gastown.beads import Bead, BeadStatus, find_many
from gastown.db import database_time
from gastown.errors import Invalid
from gastown.rigs import Halt
from gastown.town import presence

LONGEST_REASON = 200


class BadReason(Invalid):
    """A reason is one short line."""


@dataclass(frozen=True)
class SchedulerStatus:
    """What may be dispatched, and what room there is for it."""

    halts: list[Halt]
    waiting: int
    offered: int
    running: int
    free_slots: int


@dataclass(frozen=True)
class WaitingLine:
    """One attempt that has not started, and what it waits for."""

    attempt: Assignment
    why: str


def stop(session: Session, *, actor: str, rig: str | None = None, why: str = "") -> None:
    """Emergency stop of the town or of one rig: nothing is dispatched, started or pushed, what runs is frozen."""
    why = check_reason(why) or f"by {actor}"[:LONGEST_REASON]
    if rig is not None:
        rigs.freeze(session, rig, actor=actor, why=why)
    elif policy.load(session).text("estop") != why:
        policy.set_value(session, "estop", why, actor=actor)


def check_reason(text: str) -> str:
    """The reason without spaces around it; refuses more than one short line."""
    text = text.strip()
    if len(text) > LONGEST_REASON or not text.isprintable():
        raise BadReason(f"a reason is one line of at most {LONGEST_REASON} characters", hint="Say it shorter.")
    return text


def thaw(session: Session, *, actor: str, rig: str | None = None) -> list[Halt]:
    """Let the town, or one rig, go on exactly where it was; return what still holds work up."""
    if rig is not None:
        rigs.thaw(session, rig, actor=actor)
    else:
        policy.clear_value(session, "estop", actor=actor)
    _let_go(session, actor=actor)
    return rigs.list_halts(session)


def pause(session: Session, *, actor: str) -> None:
    """Dispatch nothing; what runs goes on."""
    if not policy.load(session).count("scheduler.paused"):
        policy.set_value(session, "scheduler.paused", "1", actor=actor)


def resume(session: Session, *, actor: str) -> list[Halt]:
    """Dispatch again; return what still holds work up."""
    if policy.load(session).count("scheduler.paused"):
        policy.set_value(session, "scheduler.paused", "0", actor=actor)
    _let_go(session, actor=actor)
    return rigs.list_halts(session)


def run_now(session: Session, *, actor: str) -> int:
    """Offer what may start, and ring again for what nobody took; return how many were offered."""
    return _let_go(session, actor=actor)


def dock(session: Session, rig: str, *, actor: str) -> list[Assignment]:
    """Put a rig out of service; return the attempts whose agents are asked to save their work and hand over."""
    rigs.dock(session, rig, actor=actor)
    return assignments.ask_to_hand_over(session, actor=actor, rig=rig, why=f"rig {rig} was docked")


def undock(session: Session, rig: str, *, actor: str) -> list[Halt]:
    """Put a rig into service again; return what still holds its work up."""
    rigs.undock(session, rig, actor=actor)
    _let_go(session, actor=actor)
    return [halt for halt in rigs.list_halts(session) if halt.rig in (None, rig)]


def _let_go(session: Session, *, actor: str) -> int:
    """What may go on is offered and rung for at once; a doorbell that is lost is the next tick's business."""
    session.flush()
    offered = sling.dispatch(session, actor=actor).offered
    bells = sling.list_stale_offers(session, rung_before=timedelta(0), limit=presence.count_free_slots(session))
    bells += refinery.ring_all(session)
    session.info.setdefault("doorbells", []).extend(bells)
    return offered


def scheduler_status(session: Session) -> SchedulerStatus:
    """How dispatch stands."""
    return SchedulerStatus(
        halts=rigs.list_halts(session),
        waiting=len(assignments.list_waiting(session)),
        offered=len(assignments.list_offered(session)),
        running=len(assignments.list_running(session)),
        free_slots=presence.count_free_slots(session),
    )


def list_waiting(session: Session) -> list[WaitingLine]:
    """Every attempt that has not started, best first, and what each waits for."""
    rows = [*assignments.list_offered(session), *assignments.list_waiting(session)]
    known = find_many(session, [row.bead_id for row in rows])
    # The town's own come first, and count first.
    halted = {halt.rig: halt.why for halt in reversed(rigs.list_halts(session))}
    now = database_time(session)
    return [
        WaitingLine(
            row,
            halted.get(None) or halted.get(row.rig) or _waits_for(row, known.get(row.bead_id), now) or "a free slot",
        )
        for row in rows
    ]


def _waits_for(row: Assignment, bead: Bead | None, now: datetime) -> str:
    if bead is not None and bead.is_blocked:
        return "its blockers"
    if bead is not None and bead.status in (BeadStatus.DEFERRED, BeadStatus.PINNED, BeadStatus.BLOCKED):
        return f"it is {bead.status}"
    if row.not_before is not None and row.not_before > now:
        return f"cooling down for {(row.not_before - now).total_seconds():.0f} s"
    return ""
