"""The queues as people see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from gastown import clock, git, rigs
from gastown.config import Settings
from gastown.events import Event
from gastown.refinery import ordering, places, queries, ties
from gastown.refinery.candidate import Repository
from gastown.refinery.checkpoints import Checkpoint, checkpoints, known_runs, list_tested, say_checkpoint
from gastown.refinery.desk import ConvoySince
from gastown.refinery.guard import advice_of
from gastown.refinery.heartbeat import Work
from gastown.refinery.judgement import GREEN
from gastown.refinery.models import (
    GateRun,
    LandingIntent,
    MergeHead,
    MergeRequest,
    RequestState,
    RunState,
)
from gastown.refinery.places import Place
from gastown.refinery.ties import Ties
from gastown.rigs import Rig


@dataclass(frozen=True)
class QueueItem:
    """One open request, in the order in which its rig will take it."""

    position: int  # 1 is the next of its rig; 0 for a returned one, which is not in the queue
    request: MergeRequest
    title: str
    head_oid: str
    polecat: str
    score: float
    waits_for: str
    advice: Sequence[Mapping[str, object]] = ()
    """What advisory gates have against the tree that it was tested as."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """What the score is the sum of."""
    lane: str = ""
    """Why it goes before what has a higher score: "overdue" or "hotfix"; empty: it does not."""
    checkpoints: Sequence[Checkpoint] = ()
    """The runs that test a prefix of the train which ends with it."""


@dataclass(frozen=True)
class NextUp:
    """What lands next in a rig."""

    item: QueueItem
    why: str

    @property
    def parts(self) -> Mapping[str, float]:
        """What its score is the sum of."""
        return self.item.parts


@dataclass(frozen=True)
class RigStatus:
    """One rig's queue at a glance."""

    rig: Rig
    counts: Mapping[RequestState, int]
    runs: Sequence[GateRun]  # requested or running
    intent: LandingIntent | None
    looked_at: datetime | None
    waits_for: str


def _no_convoys(_session: Session, _bead_ids: Sequence[str]) -> Mapping[str, datetime]:
    return {}


def list_queue(
    session: Session, rig: str | None = None, *, convoy_since: ConvoySince = _no_convoys, limit: int | None = None
) -> list[QueueItem]:
    """The open requests of a rig, or of all, by rig and position, the first so many; the returned ones last."""
    tied = ties.find(session, rig)
    return _items(session, places.find_places(session, rig, convoy_since, tied.after)[:limit], tied)


def _items(session: Session, chosen: Sequence[Place], tied: Ties) -> list[QueueItem]:
    """These places with all that people are told of them."""
    rows: dict[int, MergeRequest] = {}
    heads: dict[int, MergeHead] = {}
    said: dict[int, tuple[Event | None, Event | None]] = {}
    known: dict[str, tuple[str, str]] = {}
    for part in places.batches([place.number for place in chosen]):
        some = session.exec(select(MergeRequest).where(col(MergeRequest.id).in_(part))).all()
        rows |= {row.id or 0: row for row in some}
        heads |= queries.heads_of(session, some)
        said |= queries.pull_words(session, some)
        known |= queries.beads_of(session, some)
    tested = list_tested(session, {place.rig for place in chosen})
    runs = known_runs(session, tested)
    points = checkpoints(session, [row for row in tested if row.seat is not None], runs)
    stands = _stands(session)
    items = []
    for place in chosen:
        row = rows[place.number]
        why = _pull_words(row, said) or stands.get(row.rig, "")
        here = points.get((row.rig, row.area), [])
        what = _waits_aside(row, runs, why) if row.aside_at else ""
        what = (tied.say(place.number) if row.state is RequestState.QUEUED else "") or what
        what = what or _waits_for(row, heads[row.head_id or 0].result, here, place.position, why)
        items.append(_item(place, row, heads[row.head_id or 0], known[row.bead_id][0], what, here, runs))
    return items


def _item(  # noqa: PLR0913 - what was read of one request, from six tables
    place: Place,
    row: MergeRequest,
    head: MergeHead,
    title: str,
    waits_for: str,
    points: Sequence[Checkpoint],
    runs: Sequence[GateRun],
) -> QueueItem:
    now = clock.now()
    return QueueItem(
        position=place.position,
        request=row,
        title=title,
        head_oid=head.head_oid,
        polecat=head.polecat,
        score=ordering.score(place.waiting, now),
        waits_for=waits_for,
        advice=advice_of([run for run in runs if run.id == row.gate_run_id]),
        parts=ordering.parts(place.waiting, now),
        lane=_lane(place.waiting, now),
        checkpoints=[point for point in points if point.run.riders[-1:] == [row.head_id]],
    )


def _stands(session: Session) -> dict[str, str]:
    """What holds each rig's queue up; a pause is known before the queue has looked."""
    found = {name: row.waits_for for name, row in queries.refineries(session).items()}
    return found | {halt.rig or "": halt.why for halt in rigs.list_queue_pauses(session)}


def _lane(waiting: ordering.Waiting, now: datetime) -> str:
    if waiting.is_overdue(now):
        return "overdue"
    return "hotfix" if waiting.is_hotfix else ""


def list_next(session: Session, rig: str | None = None, *, convoy_since: ConvoySince = _no_convoys) -> list[NextUp]:
    """What lands next in each rig, or in one, and why it is that."""
    tied = ties.find(session, rig)
    first = [place for place in places.find_places(session, rig, convoy_since, tied.after) if place.position == 1]
    return [NextUp(item, _why_next(item)) for item in _items(session, first, tied)]


def _why_next(item: QueueItem) -> str:
    match item.request.state:
        case RequestState.LANDING:
            return "its landing is under way"
        case RequestState.TESTING if item.request.seat is not None:
            return "it sits first on the train"
        case RequestState.TESTING:
            return "it was set aside, and nobody is aboard"
    lanes = {"overdue": "it has waited longest, for more than a day", "hotfix": "it is a hotfix (P0)"}
    return lanes.get(item.lane, "its score is the highest of those that wait")


def _pull_words(row: MergeRequest, said: Mapping[int, tuple[Event | None, Event | None]]) -> str:
    """What a request with a pull request waits for, unless it is tested or in rework."""
    if row.pull_number is None or row.state is not RequestState.QUEUED:
        return ""
    _opened, waits = said.get(row.id or 0, (None, None))
    return f"{row.pull_url}: {waits.payload.get('words', '') if waits else 'its provider'}"


def _waits_for(row: MergeRequest, result: str, points: Sequence[Checkpoint], place: int, stands: str) -> str:
    match row.state:
        case RequestState.RETURNED:
            return f"rework ({result})"
        case RequestState.LANDING:
            return stands or "its push"
        case RequestState.TESTING:
            return _waits_aboard(row, points, stands)
        case _ if place > 1 and row.pull_number is None:
            return "the request before it"
        case _:
            return stands or "its turn"


def _waits_aside(row: MergeRequest, runs: Sequence[GateRun], stands: str) -> str:
    open_ = [run for run in runs if run.id == row.gate_run_id and run.verdict is None]
    what = f"gate run {open_[0].id} of its own tree" if open_ else "its own tree to be tried again"
    return f"set aside: {stands or what}"


def _waits_aboard(row: MergeRequest, points: Sequence[Checkpoint], stands: str) -> str:
    """The shortest prefix under test that it is part of; or what it has to see landed, or searched, first."""
    open_ = [point for point in points if point.run.state in (RunState.REQUESTED, RunState.RUNNING)]
    mine = [point for point in open_ if row.bead_id in point.riders]
    if mine:
        return say_checkpoint(mine[0])
    return "those before it" if open_ else stands or "the runs of those it rides with"


def status(session: Session, rig: str | None = None) -> list[RigStatus]:
    """Every rig's queue, or one rig's."""
    rows = [rigs.get(session, rig)] if rig else rigs.list_all(session)
    seen, stands = queries.refineries(session), _stands(session)
    counted = select(MergeRequest.rig, MergeRequest.state, func.count()).group_by(
        col(MergeRequest.rig), col(MergeRequest.state)
    )
    counts: dict[str, dict[RequestState, int]] = {}
    for name, state, number in session.exec(counted).all():
        counts.setdefault(name, {})[RequestState(state)] = number
    return [
        RigStatus(
            rig=row,
            counts=counts.get(row.name, {}),
            runs=queries.list_open_runs(session, row.name),
            intent=queries.find_open_intent(session, row.name),
            looked_at=seen[row.name].looked_at if row.name in seen else None,
            waits_for=stands.get(row.name, ""),
        )
        for row in rows
    ]


@dataclass(frozen=True)
class TargetCommit:
    """A first-parent commit of the target that no green verdict covers."""

    oid: str
    subject: str


def red_first_parents(work: Work, rig: str, *, settings: Settings) -> list[TargetCommit]:
    """The target's first-parent commits since the town first saw it whose tree has no green verdict: must be none.

    Asks the remote where the target stands. A rig without gates has none by its own word.
    """
    with work() as session:
        row = rigs.get(session, rig)
        seen = queries.find_refinery(session, rig)
        asked = select(GateRun.tree_oid, GateRun.results).where(GateRun.rig == rig, col(GateRun.verdict).in_(GREEN))
        runs = session.exec(asked.where(queries.says_what_may_land())).all()
        green = {tree for tree, _ in runs} | {one["tree"] for _, results in runs for one in results if "tree" in one}
    if row.no_gates:
        return []
    repository = Repository.of(settings.town, row)
    target = repository.target()
    first = seen.first_oid if seen and seen.first_oid else target
    # The first commit itself belongs to the question; what came before it was there before us.
    commits = git.first_parent(repository.land, first, target) if first != target else []
    trees = {first: (git.tree_of(repository.land, first), "where the town began")}
    trees |= {commit.oid: (commit.tree, commit.subject) for commit in commits}
    return [TargetCommit(oid, subject) for oid, (tree, subject) in trees.items() if tree not in green]
