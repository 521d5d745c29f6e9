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


@dataclass(frozen=True)
class Train:
    """One landing: so many requests as one commit."""

    landed_at: datetime
    oid: str
    riders: int
    gate_run: int | None


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
    """The last landings, newest first."""

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
        select(GateRun.attempt, GateRun.verdict, GateRun.results).where(
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
    last = session.exec(
        select(LandingIntent).where(*landed).order_by(col(LandingIntent.id).desc()).limit(LAST_TRAINS)
    ).all()
    return RigFigures(
        rig=rig,
        landed=len(waits),
        gate_runs=len(runs),
        confirm_runs=sum(attempt > 1 for attempt, _, _ in runs),
        wait_s={f"p{share}": _percentile(waits, share) for share in (50, 90, 99)},
        returned=_returned(session, rig, since),
        flakes=Counter(
            str(result.get("gate", ""))
            for _, verdict, results in runs
            if verdict is Verdict.FLAKY
            for result in results
            if result.get("verdict") == Verdict.FLAKY.value
        ),
        landings=count,
        trains=[
            Train(row.closed_at or row.created_at, row.new_oid, max(1, len(row.riders)), row.gate_run_id)
            for row in last
        ],
    )


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
