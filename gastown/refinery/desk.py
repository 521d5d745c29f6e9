"""What one step of a rig's queue works with, and what it saw when it looked into SQL."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import func
from sqlmodel import Session, col, select

from gastown import clock, policy, rigs
from gastown.beads import BeadStatus
from gastown.db import locks
from gastown.db.locks import LockProof
from gastown.refinery import pull_records, queries
from gastown.refinery.candidate import Change, Repository
from gastown.refinery.heartbeat import Work
from gastown.refinery.mending import mend
from gastown.refinery.models import GateRun, LandingIntent, MergeRequest, RequestState
from gastown.refinery.planning import Mode
from gastown.refinery.pull_standing import Seen
from gastown.rigs import COMMON, LandingStyle, Rig, TargetState

# Pull requests to be closed, of which a view knows.
_MOST_LEFT = 50
ConvoySince = Callable[[Session, Sequence[str]], Mapping[str, datetime]]
"""Since when each of these beads' convoys travels; beads without one are left out."""


def _no_convoys(_session: Session, _bead_ids: Sequence[str]) -> Mapping[str, datetime]:
    return {}


def _nobody(_holder: str) -> bool:
    return False


@dataclass(frozen=True)
class Hooks:
    """What a step asks and tells those who know more than the queue."""

    after_landing: Callable[[Session, str], None]
    """Told of each bead that landed, in the transaction that records it."""
    convoy_since: ConvoySince = _no_convoys
    is_dead: Callable[[str], bool] = _nobody
    """Whether the holder of the rig's lease is known to be gone: it is then taken over before it ends."""


@dataclass(frozen=True)
class Desk:
    """One step's tools. `write` is its only way to change anything: it proves the lease first."""

    work: Work
    rig: str
    town: Path
    proof: LockProof
    hooks: Hooks
    runners: int = 1
    """Gate runs that this host makes at once: what a rig counts on that is not told otherwise."""
    pulls: Seen = field(default_factory=Seen)
    """The pull requests that this step has looked at."""

    @property
    def actor(self) -> str:
        """Who the refinery is in events."""
        return f"{self.rig}/refinery"

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A unit of work that fails (`LeaseLost`) unless the rig's lease is ours, and keeps it until it commits."""
        with self.work() as session:
            locks.check(session, self.proof)
            yield session

    def prove(self) -> None:
        """Raise `LeaseLost` unless the rig's lease is still ours."""
        with self.write():
            pass


@dataclass(frozen=True)
class Entry:
    """A request of the queue with what decides about it."""

    change: Change
    bead_status: str
    convoy_since: datetime | None
    run: GateRun | None


@dataclass(frozen=True)
class View:
    """The queue as SQL had it at one moment."""

    rig: Rig
    config_hash: str
    landed_hash: str
    """Of the gates for what has landed; empty where the rig has none."""
    max_infrastructure: int
    mode: Mode
    runners: int
    """Gate runs that the train counts on at once."""
    most_riders: int
    repository: Repository
    intent: LandingIntent | None
    entries: Sequence[Entry]
    frozen: str | None
    """Why nothing may be pushed; None: go on."""
    owes_look: bool
    """Whether gates have something to say yet of what has landed."""
    left_pulls: Sequence[MergeRequest]
    """Requests that were called off and whose pull request is open still."""
    paused: str | None
    """Why nothing new may board, be tested or land; None: go on."""
    mark: object
    """Equal to a later one while nobody has changed anything that the queue reacts to."""
    area: str | None = None
    """Of whose train alone it is the view; None: of all of them, or of the only one."""

    @property
    def gates_each(self) -> bool:
        """Whether each request lands as commits of its own, so that each needs a verdict of its own."""
        return self.rig.landing in (LandingStyle.SQUASH, LandingStyle.REBASE)

    @property
    def wants_look(self) -> bool:
        """Whether the target itself is in question, be there requests or not."""
        return is_in_question(self.rig) or self.owes_look

    @property
    def areas(self) -> tuple[str, ...]:
        """Those that have a train, the common one first; it is the only one where no area is declared.

        A pull request lands alone. Where each request needs a verdict of its own on all before it, a landing by another
        train would cost every rider a run; and where nothing is tested nobody waits for anybody.
        """
        is_merged = self.rig.landing is LandingStyle.MERGE and not self.rig.no_gates
        return (COMMON, *sorted(self.rig.areas)) if is_merged else (COMMON,)

    def area_of(self, entry: Entry) -> str:
        """On whose train somebody is who is aboard; on the common one where the area is none any more."""
        area = entry.change.request.area
        return area if area in self.areas else COMMON

    @property
    def trains(self) -> "list[View]":
        """The view of each train, in the order of their first seats; of the common one where nobody is aboard."""
        if len(self.areas) == 1:
            return [self]
        return [self.of(area) for area in dict.fromkeys(map(self.area_of, self.train))] or [self.of(COMMON)]

    def of(self, area: str | None) -> "View":
        """The view of one area's train; None: of all of them."""
        return replace(self, area=area)

    @property
    def train(self) -> list[Entry]:
        """The requests that have a seat, in order."""
        seated = [
            entry
            for entry in self.entries
            if entry.change.request.seat is not None and self.area in (None, self.area_of(entry))
        ]
        return sorted(seated, key=lambda entry: entry.change.request.seat or 0)

    @property
    def aside(self) -> list[Entry]:
        """The requests that were set aside, the first of them first."""
        found = [entry for entry in self.entries if entry.change.request.aside_at is not None]
        return sorted(found, key=lambda entry: entry.change.request.aside_at or clock.now())

    def in_state(self, state: RequestState) -> list[Entry]:
        """The entries whose request is in `state`."""
        return [entry for entry in self.entries if entry.change.request.state is state]


def is_in_question(rig: Rig) -> bool:
    """Whether the target was never gated, or is not known to be well."""
    if rig.target_state is TargetState.UNKNOWN:
        return not rig.no_gates
    return rig.target_state is not TargetState.GREEN


def look(desk: Desk) -> View:
    """Read everything that the next move depends on."""
    with desk.write() as session:
        rig = rigs.get(session, desk.rig)
        mend(session, desk.rig, actor=desk.actor)
        requests = queries.list_in_queue(session, desk.rig)
        since = desk.hooks.convoy_since(session, [request.bead_id for request in requests])
        heads, runs = queries.heads_of(session, requests), queries.runs_of(session, requests)
        known = queries.beads_of(session, requests)
        entries = []
        for request in requests:
            title, status = known.get(request.bead_id, ("", BeadStatus.TOMBSTONE))
            change = Change(request, heads[request.head_id or 0], title)
            entries.append(Entry(change, status, since.get(request.bead_id), runs.get(request.gate_run_id or 0)))
        rules = policy.load(session)
        gates = rigs.list_gates(session, desk.rig)
        landed_hash = rigs.landed_hash(rig, gates)
        return View(
            rig=rig,
            config_hash=rigs.config_hash(rig, gates),
            landed_hash=landed_hash,
            owes_look=bool(landed_hash) and not queries.is_settled(session, rig, landed_hash),
            max_infrastructure=rules.count("refinery.max_infrastructure_retries"),
            mode=Mode(rules.text("refinery.mode")),
            runners=rules.count("refinery.runners") or desk.runners,
            # A pull request lands alone and in whatever order people approve: nobody may be tested on top of another.
            most_riders=1 if rig.landing is LandingStyle.PULL else rules.count("refinery.max_train"),
            repository=Repository.of(desk.town, rig),
            intent=queries.find_open_intent(session, desk.rig),
            entries=entries,
            frozen=rigs.find_freeze(session, rig),
            left_pulls=pull_records.list_left(session, rig.name, limit=_MOST_LEFT) if rig.provider else (),
            paused=rigs.find_queue_pause(rig),
            mark=mark(session, desk.rig),
        )


def mark(session: Session, rig: str) -> object:
    """What others change and the queue reacts to: requests, runs that end, gates, halts, a person's "try again"."""
    row = session.get(Rig, rig)
    requests = [(request.id, request.state, request.head_id) for request in queries.list_in_queue(session, rig)]
    gates = rigs.list_gates(session, rig)
    config = (rigs.config_hash(row, gates), rigs.landed_hash(row, gates)) if row else ()
    halts = (rigs.find_freeze(session, row), row.is_docked, row.queue_paused_at) if row else None
    return (config, halts, requests, _open_runs(session, rig), _voided(session, rig))


def _open_runs(session: Session, rig: str) -> list[int | None]:
    return [run.id for run in queries.list_open_runs(session, rig)]


def _voided(session: Session, rig: str) -> int:
    voided = select(func.count()).select_from(GateRun).where(GateRun.rig == rig, col(GateRun.is_void).is_(True))
    refused = (
        select(func.count())
        .select_from(LandingIntent)
        .where(LandingIntent.rig == rig, col(LandingIntent.refused).is_(True))
    )
    return session.exec(voided).one() - session.exec(refused).one()
