"""Every write to gate runs: requested, running under a holder's lease, finished with a verdict, or cancelled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, true, update
from sqlmodel import Session, col, select

from gastown import clock, rigs
from gastown.db import database_time
from gastown.errors import Conflict
from gastown.events import EventKind, latest, record, say_time
from gastown.queue import GATES_QUEUE, Doorbell, Task, refinery_queue
from gastown.refinery import queries
from gastown.refinery.models import GateRun, RunState, Verdict
from gastown.rigs import Rig

_GONE = "its runner is gone"
_MOST_TOLD = 200


class GateRunLost(Conflict):
    """The run is somebody else's now, or no longer wanted: its result is not written."""


@dataclass(frozen=True)
class Wanted:
    """The tree to be gated and how it is built; without `riders` it is the target itself."""

    rig: str
    base_oid: str
    commit_oid: str
    tree_oid: str
    config_hash: str
    head_oid: str = ""
    riders: tuple[int, ...] = ()
    """The heads, by number, that are merged into the base, in order; the last is `head_oid`, of `request_id`."""
    request_id: int | None = None
    bead_id: str | None = None


def bell(run_id: int | None) -> Doorbell:
    """What wakes a gate runner."""
    return Doorbell(Task.GATE_RUN, GATES_QUEUE, (run_id,))


def refinery_bell(rig: str) -> Doorbell:
    """What wakes a rig's refinery."""
    return Doorbell(Task.REFINERY_STEP, refinery_queue(rig), (rig,))


def request(session: Session, wanted: Wanted, *, attempt: int, actor: str) -> GateRun:
    """Ask for one run of the rig's gates on a tree, or return the one that is open for it already."""
    runs = queries.list_runs(session, wanted.rig, wanted.tree_oid, wanted.config_hash)
    open_ = next((run for run in runs if run.state in (RunState.REQUESTED, RunState.RUNNING)), None)
    if open_ is not None:
        return open_
    now = clock.now()
    run = GateRun(
        rig=wanted.rig,
        request_id=wanted.request_id,
        bead_id=wanted.bead_id,
        base_oid=wanted.base_oid,
        head_oid=wanted.head_oid,
        riders=list(wanted.riders),
        commit_oid=wanted.commit_oid,
        tree_oid=wanted.tree_oid,
        config_hash=wanted.config_hash,
        state=RunState.REQUESTED,
        attempt=attempt,
        rung_at=now,
        created_at=now,
    )
    session.add(run)
    session.flush()
    record(
        session,
        EventKind.GATE_RUN_REQUESTED,
        actor=actor,
        bead_id=run.bead_id,
        rig=run.rig,
        ring=bell(run.id),
        base=run.base_oid,
        head=run.head_oid,
        riders=run.riders,
        commit=run.commit_oid,
        config=run.config_hash,
        run=run.id,
        request=run.request_id,
        tree=run.tree_oid,
        attempt=attempt,
        created_at=say_time(now),
    )
    return run


def claim(session: Session, run_id: int, *, holder: str, host: str, ttl_s: float) -> GateRun | None:
    """Take a requested run, or one whose holder's lease has expired by the database's clock; None: not to be had."""
    if is_frozen(session, run_id):
        return None
    now = database_time(session)
    takeable = or_(
        col(GateRun.state) == RunState.REQUESTED,
        (col(GateRun.state) == RunState.RUNNING) & (col(GateRun.expires_at) <= now),
    )
    taken = session.execute(
        update(GateRun)
        .where(col(GateRun.id) == run_id, takeable)
        .values(
            state=RunState.RUNNING,
            holder=holder,
            host=host,
            started_at=now,
            expires_at=now + timedelta(seconds=ttl_s),
        )
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined]
        return None
    run = queries.get_run(session, run_id)
    record(
        session,
        EventKind.GATE_RUN_STARTED,
        actor=f"{run.rig}/refinery",
        bead_id=run.bead_id,
        rig=run.rig,
        run=run_id,
        request=run.request_id,
        holder=holder,
        host=host,
        attempt=run.attempt,
        started_at=say_time(now),
    )
    return run


def is_frozen(session: Session, run_id: int) -> bool:
    """Whether somebody stopped the run's rig: its gates neither start nor go on."""
    rig = session.exec(select(Rig).join(GateRun, col(GateRun.rig) == col(Rig.name)).where(GateRun.id == run_id))
    row = rig.one_or_none()
    return row is not None and rigs.find_freeze(session, row) is not None


def renew(session: Session, run_id: int, *, holder: str, ttl_s: float) -> None:
    """Push the holder's expiry out; raise GateRunLost when the run is another's or not wanted any more."""
    expires_at = database_time(session) + timedelta(seconds=ttl_s)
    _held(session, run_id, holder, {"expires_at": expires_at})


def put_back(session: Session, run_id: int, *, holder: str, actor: str) -> None:
    """Give a run up without a verdict, for the next runner; one that was lost meanwhile is left alone."""
    try:
        _held(session, run_id, holder, {"state": RunState.REQUESTED, "holder": None, "expires_at": None})
    except GateRunLost:
        return
    _expired(session, queries.get_run(session, run_id), actor=actor, why="its runner stops")


def finish(
    session: Session,
    run_id: int,
    *,
    holder: str,
    verdict: Verdict,
    results: Sequence[Mapping[str, Any]],
) -> GateRun:
    """Write the verdict, once; a pass after a red run is booked as flaky. Raises GateRunLost: the run is another's."""
    run = queries.get_run(session, run_id)
    if verdict is Verdict.PASS:
        earlier = queries.list_runs(session, run.rig, run.tree_oid, run.config_hash)
        red = next((past for past in earlier if past.verdict is Verdict.FAIL and not past.is_void), None)
        if red is not None:
            verdict, results = Verdict.FLAKY, _mark_flaky(results, red.results)
    now = clock.now()
    values = {
        "state": RunState.FINISHED,
        "verdict": verdict,
        "results": [dict(result) for result in results],
        "finished_at": now,
        "expires_at": None,
    }
    _held(session, run_id, holder, values)
    record(
        session,
        EventKind.GATE_RUN_FINISHED,
        actor=f"{run.rig}/refinery",
        bead_id=run.bead_id,
        rig=run.rig,
        ring=refinery_bell(run.rig),
        run=run_id,
        request=run.request_id,
        tree=run.tree_oid,
        attempt=run.attempt,
        verdict=verdict.value,
        results=values["results"],
        finished_at=say_time(now),
    )
    return queries.get_run(session, run_id)


def _mark_flaky(now: Sequence[Mapping[str, Any]], red: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The flake belongs to the gate that changed its mind, not to the request."""
    failed = {result["gate"] for result in red if result["verdict"] == Verdict.FAIL.value}
    return [{**result, "verdict": Verdict.FLAKY.value} if result["gate"] in failed else dict(result) for result in now]


def advised(session: Session, run: GateRun) -> set[str]:
    """The advisory gates that have said something of the run's tree."""
    runs = queries.list_runs(session, run.rig, run.tree_oid, run.config_hash)
    return {str(result["gate"]) for one in runs for result in one.results if result.get("is_advisory")}


def note_advice(session: Session, run_id: int, *, holder: str, advice: Sequence[Mapping[str, Any]]) -> None:
    """Add what advisory gates said to a run that its holder has finished; its verdict stays what it is."""
    run = queries.get_run(session, run_id)
    results = [*run.results, *(dict(result) for result in advice)]
    noted = session.execute(
        update(GateRun)
        .where(col(GateRun.id) == run_id, col(GateRun.holder) == holder, col(GateRun.state) == RunState.FINISHED)
        .values(results=results)
    )
    if noted.rowcount != 1:  # type: ignore[attr-defined]
        raise GateRunLost(f"gate run {run_id} is somebody else's now")
    said: dict[str, Any] = {"run": run_id, "request": run.request_id, "results": results}
    actor = f"{run.rig}/refinery"
    record(session, EventKind.GATE_RUN_ADVISED, actor=actor, bead_id=run.bead_id, rig=run.rig, **said)


def cancel(session: Session, run_id: int, *, actor: str, why: str, ring: bool = False) -> bool:
    """Call an open run off (False: not open) and, with `ring`, wake its refinery; its runner notices at a heartbeat."""
    now = clock.now()
    ended = session.execute(
        update(GateRun)
        .where(col(GateRun.id) == run_id, col(GateRun.state).in_((RunState.REQUESTED, RunState.RUNNING)))
        .values(state=RunState.CANCELLED, finished_at=now, holder=None, expires_at=None)
    )
    if ended.rowcount != 1:  # type: ignore[attr-defined]
        return False
    run = queries.get_run(session, run_id)
    wake = refinery_bell(run.rig) if ring else None
    kind = EventKind.GATE_RUN_CANCELLED
    said: dict[str, Any] = {"run": run_id, "why": why, "finished_at": say_time(now)}
    record(session, kind, actor=actor, bead_id=run.bead_id, rig=run.rig, ring=wake, **said)
    return True


def expire(session: Session, *, actor: str) -> list[GateRun]:
    """Put runs whose holder's lease has ended back on offer: their runner is dead, and what it saw is no verdict."""
    now = database_time(session)
    found = queries.list_expired_runs(session, now)
    return [run for run in found if _put_back_of(session, run, col(GateRun.expires_at) <= now, actor=actor)]


def list_orphans(session: Session, *, host: str, is_dead: Callable[[str], bool]) -> list[GateRun]:
    """Runs whose runner on this `host` is known to be dead: their leases need not run out first."""
    return [run for run in queries.list_runs_on(session, host) if run.holder and is_dead(run.holder)]


def free_orphans(session: Session, *, host: str, is_dead: Callable[[str], bool], actor: str) -> list[GateRun]:
    """Put such runs back on offer."""
    found = list_orphans(session, host=host, is_dead=is_dead)
    return [run for run in found if _put_back_of(session, run, true(), actor=actor)]


def _put_back_of(session: Session, run: GateRun, on: ColumnElement[bool], *, actor: str) -> bool:
    """Take a run from the holder that was seen, if the condition still holds; False: it is another's, or it goes on."""
    changed = session.execute(
        update(GateRun)
        .where(
            col(GateRun.id) == run.id,
            col(GateRun.state) == RunState.RUNNING,
            col(GateRun.holder) == run.holder,
            on,
        )
        .values(state=RunState.REQUESTED, holder=None, expires_at=None, rung_at=clock.now())
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        return False
    _expired(session, run, actor=actor, why=_GONE)
    return True


def _expired(session: Session, run: GateRun, *, actor: str, why: str) -> None:
    record(
        session,
        EventKind.GATE_RUN_EXPIRED,
        actor=actor,
        bead_id=run.bead_id,
        rig=run.rig,
        ring=bell(run.id),
        run=run.id,
        request=run.request_id,
        why=why,
    )


def count_deaths(session: Session, run: GateRun) -> int:
    """How many runners died at this run; a planned stop is no death. Of the rig's newest deaths."""
    if run.rung_at == run.created_at:
        return 0  # never rung for again: nobody had it before
    told = latest(session, rig=run.rig, kinds=(EventKind.GATE_RUN_EXPIRED,), limit=_MOST_TOLD)
    return sum(event.payload.get("run") == run.id and event.payload.get("why") == _GONE for event in told)


def ring_again(session: Session, older_than: datetime) -> list[Doorbell]:
    """Doorbells for requested runs that nobody came for since `older_than`."""
    runs = queries.list_unclaimed_runs(session, older_than)
    for run in runs:
        run.rung_at = clock.now()
        session.add(run)
    return [bell(run.id) for run in runs]


def _held(session: Session, run_id: int, holder: str, values: Mapping[str, Any]) -> None:
    changed = session.execute(
        update(GateRun)
        .where(col(GateRun.id) == run_id, col(GateRun.holder) == holder, col(GateRun.state) == RunState.RUNNING)
        .values(**values)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        raise GateRunLost(f"gate run {run_id} is somebody else's now, or no longer wanted")
