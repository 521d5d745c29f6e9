"""One snapshot of the town: what every command, page and script that asks "how is it?" shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from gastown import agents, assignments, beads, patrols, refinery, rigs
from gastown.agents import Polecat
from gastown.assignments import Assignment, AssignmentState
from gastown.beads import Bead, BeadStatus, Filters
from gastown.db import database_time
from gastown.patrols import FindingRow
from gastown.refinery import RequestState
from gastown.rigs import Halt, Rig
from gastown.town import pace, presence
from gastown.town.models import Worker
from gastown.town.queries import get_town

# More escalated beads than this are counted, not listed.
_MOST_LISTED = 50


@dataclass(frozen=True)
class WorkerLine:
    """One worker process anywhere in the town."""

    worker: Worker
    present: bool
    """Whether it said lately that it is there."""


@dataclass(frozen=True)
class PolecatLine:
    """One agent and what it does."""

    polecat: Polecat
    attempt: Assignment | None
    """The running one; None while it has nothing to do."""
    title: str


@dataclass(frozen=True)
class RigLine:
    """One rig: its agents, its work that has not started, its merge queue."""

    rig: Rig
    polecats: Sequence[PolecatLine]
    running: int
    offered: int
    waiting: int
    queued: int
    testing: int
    landing: int
    returned: int
    stands_still: str
    """Why its merge queue does not move; empty when it does or has nothing to do."""


@dataclass(frozen=True)
class Snapshot:
    """The town at one moment of the database's clock."""

    town_id: str
    name: str
    at: datetime
    workers: Sequence[WorkerLine]
    rigs: Sequence[RigLine]
    escalated: Sequence[Bead]
    halts: Sequence[Halt]
    """What holds work up by somebody's word."""
    findings: Sequence[FindingRow]
    """What the patrols found and is still wrong, the worst first."""


def take_snapshot(session: Session) -> Snapshot:
    """Read the town. Raises NotFounded where there is none."""
    town = get_town(session)
    now = database_time(session)
    silent = pace.silent_after(presence.ttl_s(session))
    workers = [WorkerLine(row, presence.is_heard(row, now, silent)) for row in presence.list_workers(session)]
    escalated = beads.list_(session, Filters(statuses=(BeadStatus.ESCALATED,), limit=_MOST_LISTED))
    halts = [*rigs.list_halts(session), *rigs.list_queue_pauses(session)]
    return Snapshot(town.id, town.name, now, workers, _rigs(session), escalated, halts, _findings(session))


def _findings(session: Session) -> list[FindingRow]:
    return sorted(patrols.list_open(session), key=lambda row: (-row.level.weight, row.raised_at))


def _rigs(session: Session) -> list[RigLine]:
    attempts = assignments.list_open(session)
    running = {row.polecat: row for row in attempts if row.state is AssignmentState.RUNNING}
    titles = beads.find_many(session, sorted({row.bead_id for row in running.values()}))
    queues = {line.rig.name: line for line in refinery.status(session)}
    lines = []
    for rig in rigs.list_all(session):
        states = [row.state for row in attempts if row.rig == rig.name]
        queue = queues.get(rig.name)
        counts = queue.counts if queue else {}
        lines.append(
            RigLine(
                rig=rig,
                polecats=[
                    _polecat(polecat, running.get(polecat.address), titles)
                    for polecat in agents.list_polecats(session, rig.name)
                ],
                running=states.count(AssignmentState.RUNNING),
                offered=states.count(AssignmentState.OFFERED),
                waiting=states.count(AssignmentState.WAITING),
                queued=counts.get(RequestState.QUEUED, 0),
                testing=counts.get(RequestState.TESTING, 0),
                landing=counts.get(RequestState.LANDING, 0),
                returned=counts.get(RequestState.RETURNED, 0),
                stands_still=queue.waits_for if queue else "",
            )
        )
    return lines


def _polecat(polecat: Polecat, attempt: Assignment | None, titles: dict[str, Bead]) -> PolecatLine:
    bead = titles.get(attempt.bead_id) if attempt else None
    return PolecatLine(polecat, attempt, bead.title if bead else "")
