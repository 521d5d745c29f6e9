"""A whole town with one rig and agents that are a few lines of shell, and a way to count what they did."""

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import func
from sqlmodel import Session, select

from gastown import assignments, beads, events
from gastown.assignments import Assignment, AssignmentState
from gastown.beads import Bead, BeadStatus
from gastown.events import EventKind
from gastown.refinery import IntentState, LandingIntent, MergeRequest, RequestState
from tests.support.towns import Town, make_town, wait_until

TERMINAL = (EventKind.BEAD_CLOSED, EventKind.BEAD_ESCALATED)
_GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")


def git(folder: Path, *words: str) -> str:
    return subprocess.run([*_GIT, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@dataclass
class Village:
    """The town, its rig's remote, and the journal that agents keep outside of it."""

    town: Town
    remote: Path
    journal: Path

    def up(self, work: str, *words: str, **settings: object) -> None:
        """Start the town; each agent notes its start, does `work`, commits a file of its own and hands it in."""
        shell = (
            f'echo "$GT_BEAD" >> {self.journal}; {work}; echo done > "$GT_BEAD.txt"; git add .; '
            'git diff --cached --quiet || git commit -qm "$GT_BEAD"; exec gt done'
        )
        for name, value in {"agents.command.shell": shell, "session.nudges": 0, **settings}.items():
            self.town.gt("config", "set", name, str(value))
        self.town.gt("up", *words)

    def sling(self, count: int) -> list[str]:
        """Make so many beads and give them to the rig."""
        made = [str(self.town.bd_json("create", f"bead {number}", "--rig", "app")["id"]) for number in range(count)]
        self.town.gt("sling", *made, "app")
        return made

    def wipe_redis(self) -> None:
        """FLUSHALL."""
        with Redis.from_url(self.town.settings.redis.replace("redis+socket://", "unix://")) as client:
            client.flushall()

    def attempts(self, bead_id: str) -> list[Assignment]:
        with self.town.read() as session:
            return list(assignments.history(session, bead_id))

    def running(self) -> int:
        with self.town.read() as session:
            return len(assignments.list_running(session))

    def submitted(self) -> int:
        """How many attempts were handed in so far."""
        with self.town.read() as session:
            query = select(func.count()).where(Assignment.state == AssignmentState.SUBMITTED)
            return session.exec(query).one()

    def starts(self) -> Counter[str]:
        """How often an agent started on each bead, by the agents' own account."""
        return Counter(self.journal.read_text().split()) if self.journal.exists() else Counter()

    def await_landings(self, names: list[str], within_s: float) -> None:
        """Every one of these beads has landed, once, and nothing is left open."""

        def all_closed() -> bool:
            with self.town.read() as session:
                return all(beads.get(session, name).status == BeadStatus.CLOSED for name in names)

        wait_until(all_closed, f"{', '.join(names)} have landed", within_s=within_s, pause_s=0.2)
        with self.town.read() as session:
            for name in names:
                self._check(session, name)
            assert session.exec(select(LandingIntent).where(LandingIntent.state == IntentState.OPEN)).all() == []
            assert assignments.list_open(session) == []

    def _check(self, session: Session, name: str) -> None:
        bead = session.get_one(Bead, name)
        merges = git(self.remote, "log", "--first-parent", "--format=%H", f"--grep=Bead: {name}", "main").split()
        assert merges == [bead.landed_sha]
        told = [event.kind for event in events.for_bead(session, name)]
        assert sum(kind in TERMINAL for kind in told) == 1
        assert told.count(EventKind.REQUEST_LANDED) == 1
        requests = session.exec(select(MergeRequest).where(MergeRequest.bead_id == name)).all()
        assert [request.state for request in requests] == [RequestState.LANDED]
        fences = [row.fence for row in assignments.history(session, name)]
        assert fences == list(range(1, len(fences) + 1))


@pytest.fixture
def make_village() -> Iterator[Callable[..., Village]]:
    """Makes villages that are torn down after the test."""
    made: list[Town] = []

    def make(*, database: str = "") -> Village:
        town = make_town(*(("--database", database) if database else ()))
        made.append(town)
        remote, clone = town.home / "remote.git", town.home / "clone"
        git(town.home, "init", "-q", "--bare", str(remote))
        git(town.home, "clone", "-q", str(remote), str(clone))
        (clone / "check.sh").write_text("echo '1 passed'\n")
        git(clone, "add", ".")
        git(clone, "commit", "-qm", "first")
        git(clone, "push", "-q", "origin", "HEAD:refs/heads/main")
        town.gt("rig", "add", "app", str(remote), "--agent", "command", "--gate", "check=sh check.sh")
        return Village(town, remote, town.home / "journal.txt")

    yield make
    for town in made:
        town.close()


@pytest.fixture
def village(make_village: Callable[..., Village]) -> Village:
    """A town that is not up yet, with a rig that has a gate."""
    return make_village()
