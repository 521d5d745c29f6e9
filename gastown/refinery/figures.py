"""What the queues have done lately, in numbers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from sqlalchemy import func
from sqlmodel import Session, col, select

from gastown import rigs
from gastown.refinery.models import (
    GateRun,
    IntentState,
    LandingIntent,
    MergeHead,
    MergeRequest,
    RequestState,
    RunState,
    Verdict,
)

# Landings that are told one by one.
LAST_TRAINS = 20
# What the head of a request says that the gates sent back.
EJECTED = ("red", "gates_cannot_run")


@dataclass(frozen=True)
class Train:
    """One landing, done or given up: so many requests as one commit."""

    ended_at: datetime
    oid: str
    riders: int
    gate_run: int | None
    runs: int
    """Gate runs that ended, of prefixes with one of its riders."""
    seconds: float | None
    """From the asking for the run that let it land to its end; None where it needed no run."""
    outcome: str
    """landed, refused (by the remote, not tried again yet), or void: it can never land, `why` says why."""
    why: str = ""


@dataclass(frozen=True)
class RigFigures:
    """One rig's queue since a moment."""

    rig: str
    landed: int
    gate_runs: int  # finished ones of candidates; those of the target alone are not counted
    confirm_runs: int  # of them, those that repeated a red one
    wait_s: Mapping[str, float | None]
    """Seconds from hand-in to landing, by percentile."""
    returned: Mapping[str, int]
    flakes: Mapping[str, int]
    """Gates that failed and passed on the same tree, and how often."""
    landings: int
    trains: Sequence[Train]
    """The last landings, newest first, those that came to nothing among them."""

    @property
    def ejections(self) -> int:
        """Requests that the gates sent back."""
        return sum(self.returned.get(kind, 0) for kind in EJECTED)

    @property
    def runs_per_landed(self) -> float | None:
        """Gate runs for each request that landed; None where none did."""
        return round(self.gate_runs / self.landed, 3) if self.landed else None


def figures(session: Session, since: datetime, rig: str | None = None) -> list[RigFigures]:
    """The numbers of every rig, or of one, since a moment."""
    rows = [rigs.get(session, rig)] if rig else rigs.list_all(session)
    return [_of(session, row.name, since) for row in rows]


def _of(session: Session, rig: str, since: datetime) -> RigFigures:
    waits = _waits(session, rig, since)
    runs = session.exec(
        select(GateRun.attempt, GateRun.verdict, GateRun.results, GateRun.riders).where(
            GateRun.rig == rig,
            GateRun.state == RunState.FINISHED,
            col(GateRun.request_id).is_not(None),
            col(GateRun.finished_at) >= since,
        )
    ).all()
    landed = (
        LandingIntent.rig == rig,
        LandingIntent.state == IntentState.LANDED,
        col(LandingIntent.closed_at) >= since,
    )
    count = session.exec(select(func.count()).select_from(LandingIntent).where(*landed)).one()
    return RigFigures(
        rig=rig,
        landed=len(waits),
        gate_runs=len(runs),
        confirm_runs=sum(attempt > 1 for attempt, _, _, _ in runs),
        wait_s={f"p{share}": _percentile(waits, share) for share in (50, 90, 99)},
        returned=_returned(session, rig, since),
        flakes=Counter(
            str(result.get("gate", ""))
            for _, verdict, results, _ in runs
            if verdict is Verdict.FLAKY
            for result in results
            if result.get("verdict") == Verdict.FLAKY.value
        ),
        landings=count,
        trains=_trains(session, rig, since, [frozenset(riders) for _, _, _, riders in runs]),
    )


def _trains(session: Session, rig: str, since: datetime, runs: Sequence[frozenset[int]]) -> list[Train]:
    rows = session.exec(
        select(LandingIntent)
        .where(
            LandingIntent.rig == rig,
            LandingIntent.state != IntentState.OPEN,
            col(LandingIntent.closed_at) >= since,
        )
        .order_by(col(LandingIntent.id).desc())
        .limit(LAST_TRAINS)
    ).all()
    started = _starts(session, rows)
    return [
        Train(
            ended_at=row.closed_at or row.created_at,
            oid=row.new_oid,
            riders=len(heads_of(row)),
            gate_run=row.gate_run_id,
            runs=sum(not run.isdisjoint(heads_of(row)) for run in runs),
            seconds=_seconds(row, started.get(row.new_oid)),
            outcome=_outcome(row),
            why=row.why,
        )
        for row in rows
    ]


def heads_of(intent: LandingIntent) -> list[int]:
    """The heads, by number, that a landing lands."""
    return intent.riders or [intent.head_id]


def _starts(session: Session, intents: Sequence[LandingIntent]) -> dict[str, datetime]:
    """When the run was asked for that let each of them land, by the commit that lands."""
    numbers = {row.gate_run_id for row in intents if row.gate_run_id is not None}
    rows = dict(session.exec(select(GateRun.id, GateRun.created_at).where(col(GateRun.id).in_(numbers))).all())
    return {row.new_oid: rows[row.gate_run_id] for row in intents if row.gate_run_id in rows}


def _seconds(intent: LandingIntent, started: datetime | None) -> float | None:
    ended = intent.closed_at or intent.created_at
    return round((ended - started).total_seconds(), 1) if started is not None else None


def _outcome(intent: LandingIntent) -> str:
    if intent.state is IntentState.LANDED:
        return "landed"
    return "refused" if intent.refused else "void"


def _waits(session: Session, rig: str, since: datetime) -> list[float]:
    rows = session.exec(
        select(MergeRequest.queued_at, MergeRequest.landed_at).where(
            MergeRequest.rig == rig, MergeRequest.state == RequestState.LANDED, col(MergeRequest.landed_at) >= since
        )
    ).all()
    return sorted((landed_at - queued_at).total_seconds() for queued_at, landed_at in rows if landed_at is not None)


def _returned(session: Session, rig: str, since: datetime) -> dict[str, int]:
    rows = session.exec(
        select(MergeHead.result, func.count())
        .join(MergeRequest, col(MergeRequest.id) == col(MergeHead.request_id))
        .where(
            MergeRequest.rig == rig,
            col(MergeHead.submitted_at) >= since,
            col(MergeHead.result).not_in(("", "landed", "superseded", "cancelled")),
        )
        .group_by(col(MergeHead.result))
        .order_by(col(MergeHead.result))
    ).all()
    return dict(rows)


def _percentile(values: Sequence[float], share: int) -> float | None:
    """By the nearest rank."""
    return round(values[ceil(share / 100 * len(values)) - 1], 1) if values else None
