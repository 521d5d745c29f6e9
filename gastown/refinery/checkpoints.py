"""Which prefixes of a rig's trains are being tested, and what is known of those that were; for people."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from gastown.refinery.models import GateRun, MergeHead, MergeRequest, RequestState, RunState

# Gate runs that are looked at to say what those aboard wait for.
_MOST_RUNS = 500


@dataclass(frozen=True)
class Checkpoint:
    """A gate run of a prefix of the train, or of what it is worth without some of its riders."""

    run: GateRun
    riders: Sequence[str]
    """The beads aboard that it tests, in order; those that landed since are left out."""
    without: Sequence[str]
    """Beads aboard before the last of these that it leaves out."""
    ahead: Sequence[str] = ()
    """Beads aboard other trains on top of which it tests them."""


def list_tested(session: Session, names: Collection[str]) -> Sequence[MergeRequest]:
    """Requests of these rigs that are tested, by rig and seat; those that were set aside first."""
    query = select(MergeRequest).where(MergeRequest.state == RequestState.TESTING, col(MergeRequest.rig).in_(names))
    rows = session.exec(query.order_by(col(MergeRequest.id))).all()
    return sorted(rows, key=lambda row: (row.rig, row.seat or 0))


def known_runs(session: Session, rows: Sequence[MergeRequest]) -> Sequence[GateRun]:
    """The runs that say something of those aboard: open ones, and those on what their candidates are built on."""
    aboard = [row for row in rows if row.state is RequestState.TESTING]
    if not aboard:
        return []
    bases = {row.base_oid for row in aboard}
    return session.exec(
        select(GateRun)
        .where(
            col(GateRun.rig).in_({row.rig for row in aboard}),
            col(GateRun.is_void).is_(False),
            GateRun.state != RunState.CANCELLED,
            col(GateRun.base_oid).in_(bases) | col(GateRun.state).in_((RunState.REQUESTED, RunState.RUNNING)),
        )
        .order_by(col(GateRun.id).desc())
        .limit(_MOST_RUNS)
    ).all()


def checkpoints(
    session: Session, aboard: Sequence[MergeRequest], runs: Sequence[GateRun]
) -> dict[tuple[str, str], list[Checkpoint]]:
    """The runs of each train, by rig and area, that speak of those aboard alone, the shortest prefix first."""
    landed = _landed(session, {number for run in runs for number in run.riders})
    found: dict[tuple[str, str], list[Checkpoint]] = {}
    beads = {row.head_id or 0: row.bead_id for row in aboard}
    for rig, area in {(row.rig, row.area) for row in aboard}:
        seats = {row.head_id or 0: row.bead_id for row in aboard if (row.rig, row.area) == (rig, area)}
        for run in runs:
            left = [number for number in run.riders if number not in landed]
            if run.rig != rig or not left or left[-1] not in seats or not beads.keys() >= set(left):
                continue
            mine = [number for number in left if number in seats]
            upto = list(seats)[: 1 + list(seats).index(mine[-1])]
            without = [seats[number] for number in upto if number not in mine]
            ahead = [beads[number] for number in left if number not in seats]
            point = Checkpoint(run, [seats[number] for number in mine], without, ahead)
            found.setdefault((rig, area), []).append(point)
    return {
        train: sorted(points, key=lambda one: (len(one.riders), one.run.id or 0)) for train, points in found.items()
    }


def _landed(session: Session, heads: Collection[int]) -> frozenset[int]:
    rows = session.exec(
        select(MergeHead.id).where(col(MergeHead.id).in_(heads), MergeHead.result == RequestState.LANDED.value)
    ).all()
    return frozenset(number or 0 for number in rows)


def say_checkpoint(point: Checkpoint) -> str:
    """One run of a prefix in a few words."""
    run, count = point.run, len(point.riders)
    what = f"gate run {run.id}" + (f" of the first {count}" if count > 1 else "")
    if point.without:
        what = f"gate run {run.id} of {count} without {', '.join(point.without[:3])}"
    if point.ahead:
        what += f" on top of {', '.join(point.ahead[:3])}"
    if run.state is RunState.RUNNING:
        return f"{what}, running on {run.host}"
    return f"{what}, requested" if run.verdict is None else f"{what}: {run.verdict.value}"
