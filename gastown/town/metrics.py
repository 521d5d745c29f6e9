"""The town's figures for Prometheus: a dozen short queries, each over an index or a bounded tail of a table.

What is counted over time is told for the last day, from the newest rows: history may be pruned, so there is no total
that only goes up.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry
from sqlalchemy import func
from sqlmodel import Session, col, select

from gastown import patrols, refinery, rigs
from gastown.assignments import Assignment, AssignmentState
from gastown.beads import Bead, BeadStatus
from gastown.db import database_time
from gastown.db.locks import Lease
from gastown.refinery import (
    GateRun,
    IntentState,
    LandingIntent,
    MergeHead,
    MergeRequest,
    RequestState,
    RunState,
    Verdict,
)
from gastown.rigs import TargetState
from gastown.town import presence

_DAY = timedelta(days=1)
# Of each table whose rows are counted over the last day, so many of the newest are looked at.
_NEWEST = 10_000
_QUANTILES = (0.5, 0.9, 0.99)
_IN_QUEUE = (RequestState.QUEUED, RequestState.TESTING, RequestState.LANDING)


class TownCollector(Collector):
    """Reads the town anew whenever somebody asks."""

    def __init__(self, read: Callable[[], AbstractContextManager[Session]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Every metric, from one transaction."""
        with self._read() as session:
            found = list(_collect(session))
        yield from found


def registry(read: Callable[[], AbstractContextManager[Session]]) -> CollectorRegistry:
    """A registry with the town's figures and nothing of this process."""
    made = CollectorRegistry(auto_describe=False)
    made.register(TownCollector(read))
    return made


def samples(made: CollectorRegistry) -> list[dict[str, Any]]:
    """One reading as plain values."""
    return [
        {"name": sample.name, "labels": dict(sample.labels), "value": sample.value}
        for metric in made.collect()
        for sample in metric.samples
    ]


def _gauge(name: str, about: str, labels: Sequence[str], values: Mapping[Any, float]) -> Metric:
    gauge = GaugeMetricFamily(f"gastown_{name}", about, labels=labels)
    for key, value in values.items():
        words = key if isinstance(key, tuple) else (key,)
        gauge.add_metric([str(word) for word in words[: len(labels)]], value)
    return gauge


def _collect(session: Session) -> Iterator[Metric]:
    now = database_time(session)
    yield from _of_work(session)
    yield from _of_queues(session, now)
    yield from _of_last_day(session, now - _DAY)
    yield from _of_town(session, now)


def _of_work(session: Session) -> Iterator[Metric]:
    beads = dict(session.exec(select(Bead.status, func.count()).group_by(col(Bead.status))).all())
    yield _gauge("beads", "Beads by status.", ["status"], beads)
    escalated = float(beads.get(BeadStatus.ESCALATED.value, 0))
    yield _gauge("escalations", "Beads that wait for a person.", [], {(): escalated})
    counted = select(Assignment.rig, Assignment.state, func.count()).group_by(
        col(Assignment.state), col(Assignment.rig)
    )
    attempts = {(rig, AssignmentState(state).value): count for rig, state, count in session.exec(counted).all()}
    yield _gauge("attempts", "Attempts by rig and state.", ["rig", "state"], attempts)


def _of_queues(session: Session, now: datetime) -> Iterator[Metric]:
    rows = refinery.status(session)
    lengths = {(row.rig.name, state.value): row.counts.get(state, 0) for row in rows for state in RequestState}
    yield _gauge("merge_requests", "Merge requests by rig and state.", ["rig", "state"], lengths)
    runs = Counter((row.rig.name, run.state.value) for row in rows for run in row.runs)
    yield _gauge("gate_runs_open", "Gate runs that are asked for or running.", ["rig", "state"], runs)
    oldest = session.exec(
        select(MergeRequest.rig, func.min(MergeRequest.queued_at))
        .where(col(MergeRequest.state).in_(_IN_QUEUE))
        .group_by(col(MergeRequest.rig))
    ).all()
    waits = {rig: max(0.0, (now - since).total_seconds()) for rig, since in oldest}
    yield _gauge("queue_oldest_seconds", "How long the oldest request in the queue has waited.", ["rig"], waits)
    paused = {row.rig.name: float(row.rig.queue_paused_at is not None) for row in rows}
    yield _gauge("queue_paused", "1 where somebody paused the merge queue.", ["rig"], paused)
    states = {
        (row.rig.name, state.value): float(row.rig.target_state is state) for row in rows for state in TargetState
    }
    yield _gauge("target", "1 for the state in which a rig's target is.", ["rig", "state"], states)


def _of_last_day(session: Session, since: datetime) -> Iterator[Metric]:
    names = [row.name for row in rigs.list_all(session)]
    runs = session.exec(
        select(GateRun.rig, GateRun.verdict, GateRun.state, GateRun.finished_at)
        .order_by(col(GateRun.id).desc())
        .limit(_NEWEST)
    ).all()
    ended = [run for run in runs if run[2] is RunState.FINISHED and run[1] is not None and _is_since(run[3], since)]
    verdicts = Counter((rig, Verdict(verdict).value) for rig, verdict, _, _ in ended if verdict is not None)
    yield _gauge("gate_runs_day", "Gate runs that ended in the last day, by verdict.", ["rig", "verdict"], verdicts)
    landings = session.exec(
        select(LandingIntent.rig, LandingIntent.state, LandingIntent.closed_at, LandingIntent.refused)
        .order_by(col(LandingIntent.id).desc())
        .limit(_NEWEST)
    ).all()
    closed = [row for row in landings if row[1] is not IntentState.OPEN and _is_since(row[2], since)]
    outcomes = Counter((rig, "refused" if refused else IntentState(state).value) for rig, state, _, refused in closed)
    yield _gauge("landings_day", "Landings that ended in the last day, by outcome.", ["rig", "outcome"], outcomes)
    yield _gauge("ejections_day", "Requests that the gates sent back in the last day.", *_ejections(session, since))
    waited = _waits(session, since)
    told = {(rig, share): _rank(waited[rig], share) for rig in names if waited.get(rig) for share in _QUANTILES}
    yield _gauge("wait_seconds", "From hand-in to landing, of what landed in the last day.", ["rig", "quantile"], told)
    landed = {rig: float(len(waited.get(rig, ()))) for rig in names}
    yield _gauge("landed_day", "Requests that landed in the last day.", ["rig"], landed)


def _is_since(at: datetime | None, since: datetime) -> bool:
    return at is not None and at >= since


def _ejections(session: Session, since: datetime) -> tuple[list[str], Counter[tuple[str, str]]]:
    rows = session.exec(
        select(MergeRequest.rig, MergeHead.result, MergeHead.submitted_at)
        .join(MergeRequest, col(MergeRequest.id) == col(MergeHead.request_id))
        .order_by(col(MergeHead.id).desc())
        .limit(_NEWEST)
    ).all()
    back = [(rig, why) for rig, why, at in rows if why in refinery.EJECTED and at >= since]
    return ["rig", "reason"], Counter(back)


def _waits(session: Session, since: datetime) -> dict[str, list[float]]:
    rows = session.exec(
        select(MergeRequest.rig, MergeRequest.queued_at, MergeRequest.landed_at)
        .order_by(col(MergeRequest.id).desc())
        .limit(_NEWEST)
    ).all()
    found: dict[str, list[float]] = {}
    for rig, queued_at, landed_at in rows:
        if landed_at is not None and landed_at >= since:
            found.setdefault(rig, []).append((landed_at - queued_at).total_seconds())
    return {rig: sorted(waits) for rig, waits in found.items()}


def _rank(values: Sequence[float], share: float) -> float:
    """By the nearest rank."""
    return values[max(0, -int(-share * len(values) // 1) - 1)]


def _of_town(session: Session, now: datetime) -> Iterator[Metric]:
    ends = session.exec(select(Lease.expires_at).where(col(Lease.expires_at).is_not(None))).all()
    held = sum(at is not None and at > now for at in ends)
    leases = {"held": held, "expired": len(ends) - held}
    yield _gauge("leases", "Leases that somebody holds, or held when it died.", ["state"], leases)
    workers = Counter(worker.role for worker in presence.list_heard(session))
    yield _gauge("workers", "Workers that are heard, by role.", ["role"], workers)
    findings = Counter(row.level.value for row in patrols.list_open(session))
    yield _gauge("findings", "What the patrols found and is still wrong, by level.", ["level"], findings)
