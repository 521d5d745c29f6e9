"""What a queue saw when it last looked, and a person's word to look anew."""

from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col

from gastown import clock, rigs
from gastown.events import EventKind, record
from gastown.refinery import gate_runs, queries
from gastown.refinery.models import GateRun, LandingIntent, Refinery, RunState, Verdict
from gastown.rigs import TargetState


def note_look(session: Session, rig: str, *, seen_oid: str = "", waits_for: str = "") -> None:
    """Note when the queue last looked at the remote, where the target stood, and what it waits for."""
    row = queries.find_refinery(session, rig)
    is_news = row is None or (bool(seen_oid) and not row.first_oid)
    row = row or Refinery(rig=rig)
    row.first_oid = row.first_oid or seen_oid
    row.seen_oid = seen_oid or row.seen_oid
    row.looked_at = clock.now()
    row.waits_for = waits_for[:1000]
    session.add(row)
    if is_news:
        record(session, EventKind.TARGET_FOUND, actor=f"{rig}/refinery", rig=rig, oid=row.first_oid)


def retry(session: Session, rig: str, *, actor: str, keep_target: bool = False) -> int:
    """Forget every verdict but the green ones, and every refusal, and start the rig's queue again; returns how many.

    Where the target stood, too: the queue goes on from where it stands now, be that behind what has landed. With
    `keep_target` a rig that had stopped looks again, and accepts no such thing: somebody changed its gates, no more.
    """
    row = rigs.get(session, rig)
    why = "a person looks at it"
    if not keep_target:
        rigs.set_target_state(session, rig, TargetState.UNKNOWN, "", actor=actor, why=why)
    elif row.target_state is TargetState.BROKEN:
        rigs.set_target_state(session, rig, TargetState.UNKNOWN, row.target_oid, actor=actor, why=why)
    forgotten = session.execute(
        update(GateRun)
        .where(
            col(GateRun.rig) == rig,
            col(GateRun.state) == RunState.FINISHED,
            col(GateRun.is_void).is_(False),
            col(GateRun.verdict).in_((Verdict.FAIL, Verdict.INFRASTRUCTURE_ERROR)),
        )
        .values(is_void=True)
        .returning(col(GateRun.id))
    )
    refusals = session.execute(
        update(LandingIntent)
        .where(col(LandingIntent.rig) == rig, col(LandingIntent.refused).is_(True))
        .values(refused=False)
        .returning(col(LandingIntent.id))
    )
    said: dict[str, Any] = {"runs": sorted(forgotten.scalars()), "intents": sorted(refusals.scalars())}
    count = len(said["runs"]) + len(said["intents"])
    bell = gate_runs.refinery_bell(rig)
    record(session, EventKind.VERDICTS_VOIDED, actor=actor, rig=rig, ring=bell, forgotten=count, **said)
    return count
