"""What the demo came to: every figure from the database and the repositories, none from what was meant to happen.

`summarise` is pure; `gather` reads what it needs.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from gastown import beads, git, rigs
from gastown.assignments import Assignment
from gastown.beads import BeadStatus
from gastown.events import Event, EventKind
from gastown.refinery import GateRun, RunState, Verdict
from gastown.town.demo.narrate import CONFLICT
from gastown.town.demo.repositories import BRANCH, Copy

Reading = Callable[[], AbstractContextManager[Session]]
GREEN = (Verdict.PASS, Verdict.FLAKY)
_KINDS = (
    EventKind.WORKER_STARTED,
    EventKind.WORKER_STOPPED,
    EventKind.WORKER_LOST,
    EventKind.ASSIGNMENT_ADOPTED,
    EventKind.SESSION_ENDED,
    EventKind.REQUEST_RETURNED,
)
_EXITED = "exited"  # by itself: nobody of the town ended it


@dataclass(frozen=True)
class Landed:
    """A first-parent commit of a rig's main since the demo began."""

    rig: str
    oid: str
    beads: tuple[str, ...]
    """What its trailers name."""
    has_verdict: bool
    """Whether the database has a green verdict of its tree."""


@dataclass(frozen=True)
class Item:
    """One bead of the convoy."""

    id: str
    rig: str
    title: str
    status: str
    attempts: int
    landed_sha: str
    began_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class Facts:
    """All that the figures are made of."""

    items: Sequence[Item]
    commits: Sequence[Landed]
    events: Sequence[Event]


@dataclass(frozen=True)
class Summary:
    """The figures."""

    items: Sequence[Item]
    landed: int
    escalated: int
    double_landed: int
    red: Sequence[str]
    worker_kills: int
    agent_deaths: int
    reworks: int
    conflicts: int
    rechecked: int
    commits: int

    @property
    def lost(self) -> int:
        """Beads that are neither on main nor with a person."""
        return len(self.items) - self.landed - self.escalated

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not self.lost and not self.double_landed and not self.red

    def as_json(self, *, town: str, duration_s: float) -> dict[str, Any]:
        """The object that `gt demo --json` prints."""
        return {
            "beads": {
                "total": len(self.items),
                "landed": self.landed,
                "escalated": self.escalated,
                "lost": self.lost,
            },
            "double_landed": self.double_landed,
            "red_commits": len(self.red),
            "worker_kills": self.worker_kills,
            "agent_deaths": self.agent_deaths,
            "reworks": self.reworks,
            "conflicts": self.conflicts,
            "duration_s": round(duration_s, 1),
            "town": town,
            "items": [
                {
                    "id": item.id,
                    "rig": item.rig,
                    "status": item.status,
                    "attempts": item.attempts,
                    "landed_sha": item.landed_sha or None,
                }
                for item in self.items
            ],
        }


def summarise(facts: Facts, rechecks: Mapping[str, bool]) -> Summary:
    """Make the figures; `rechecks` says of commits whether the gates passed when they were run once more."""
    on_main = {commit.oid for commit in facts.commits}
    returned = [event for event in facts.events if event.kind is EventKind.REQUEST_RETURNED]
    return Summary(
        items=facts.items,
        landed=sum(item.status == BeadStatus.CLOSED and item.landed_sha in on_main for item in facts.items),
        escalated=sum(item.status == BeadStatus.ESCALATED for item in facts.items),
        double_landed=count_doubles(facts.commits),
        red=[commit.oid for commit in facts.commits if not commit.has_verdict or not rechecks.get(commit.oid, True)],
        worker_kills=len(list_killed(facts.events)),
        agent_deaths=sum(
            event.kind is EventKind.SESSION_ENDED
            and event.payload.get("exit_signal") is not None
            and event.payload.get("exit_reason") == _EXITED
            for event in facts.events
        ),
        reworks=len(returned),
        conflicts=sum(event.payload.get("reason") == CONFLICT for event in returned),
        rechecked=len(rechecks),
        commits=len(facts.commits),
    )


def count_doubles(commits: Sequence[Landed]) -> int:
    """How often a bead is named by one more commit than its first."""
    named = Counter(bead for commit in commits for bead in commit.beads)
    return sum(count - 1 for count in named.values())


def list_killed(events: Sequence[Event]) -> set[str]:
    """Workers that ended without a goodbye: another one took their place, adopted a session, or missed them."""
    stopped = {event.actor for event in events if event.kind is EventKind.WORKER_STOPPED}
    gone: set[str] = set()
    newest: dict[tuple[object, object], str] = {}
    for event in events:
        if event.kind is EventKind.WORKER_STARTED:
            place = (event.payload.get("host"), event.payload.get("role"))
            if place in newest and newest[place] != event.actor:
                gone.add(newest[place])
            newest[place] = event.actor
        elif event.kind is EventKind.ASSIGNMENT_ADOPTED:
            gone.add(str(event.payload.get("old_holder")))
        elif event.kind is EventKind.WORKER_LOST:
            gone.add(str(event.payload.get("worker")))
    return gone - stopped


def gather(reading: Reading, members: Sequence[str], copies: Sequence[Copy], rig_of: Mapping[str, str]) -> Facts:
    """Read the facts: beads, attempts, verdicts and events from the database, commits from the rigs' remotes."""
    with reading() as session:
        found = beads.find_many(session, list(members))
        attempts: dict[str, list[Assignment]] = {bead_id: [] for bead_id in members}
        for row in session.exec(select(Assignment).where(col(Assignment.bead_id).in_(members))).all():
            attempts[row.bead_id].append(row)
        events = session.exec(select(Event).where(col(Event.kind).in_(_KINDS)).order_by(col(Event.id))).all()
        green = {copy.name: _green_trees(session, copy.name) for copy in copies}
    items = [_item(found[bead_id], rig_of[bead_id], attempts[bead_id]) for bead_id in members]
    commits = [commit for copy in copies for commit in _commits(copy, green[copy.name])]
    return Facts(items, commits, events)


def _item(bead: beads.Bead, rig: str, attempts: Sequence[Assignment]) -> Item:
    began = [row.started_at for row in attempts if row.started_at]
    return Item(
        bead.id, rig, bead.title, bead.status, len(attempts), bead.landed_sha, min(began, default=None), bead.closed_at
    )


def _green_trees(session: Session, rig: str) -> set[str]:
    config = rigs.config_hash(rigs.get(session, rig), rigs.list_gates(session, rig))
    query = select(GateRun.tree_oid).where(
        GateRun.rig == rig,
        GateRun.config_hash == config,
        GateRun.state == RunState.FINISHED,
        col(GateRun.is_void).is_(False),
        col(GateRun.verdict).in_(GREEN),
    )
    return set(session.exec(query).all())


def _commits(copy: Copy, green: set[str]) -> list[Landed]:
    head = git.ref_value(copy.path, f"refs/heads/{BRANCH}")
    if head is None or head == copy.base:
        return []
    return [
        Landed(copy.name, commit.oid, tuple(commit.trailers("Bead")), commit.tree in green)
        for commit in git.first_parent(copy.path, copy.base, head)
    ]
