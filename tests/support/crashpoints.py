"""A process of ours that is killed at its k-th boundary, for every k, and the town that goes on without it.

Boundaries are before and after each commit, each git command, each call of the keepers, and each ring of doorbells.
What is killed is a fork of the test: its agents live on through their keepers, its doorbells are gone with it.
"""

import importlib
import itertools
import mmap
import os
import pickle
import select
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import orm
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from gastown import assignments, beads, config, policy, queue, refinery, sessions, sling, town
from gastown.agents import Polecat, WorktreeState
from gastown.assignments import HeldLease
from gastown.beads import NewBead
from gastown.db.engine import dispose
from gastown.db.locks import Lease
from gastown.db.unit_of_work import reading, transact, unit_of_work
from gastown.events import Event, EventKind
from gastown.git import run as git_run
from gastown.queue import Doorbell, Task
from gastown.refinery import IntentState, LandingIntent, MergeRequest
from gastown.refinery.queries import list_in_queue
from gastown.runtimes import host
from gastown.sessions import LeaseBook, Office
from tests.support.database_clock import DatabaseClock
from tests.support.refinery_town import GATE, RIG, RefineryTown, make_town, run_git

S = TypeVar("S")

FORK_WITHIN_S = 120.0
# Between two looks of a worker, by the town's clock; a lease ends within six of them, a quiet period too.
LOOK_S = 11.0
MOST_LOOKS = 40
MOST_BOUNDARIES = 1000
_NAME_BYTES = 200
TERMINAL = (EventKind.BEAD_CLOSED, EventKind.BEAD_ESCALATED)


COMMITS = frozenset({"commit", "ring_all"})
"""What depends on the kind of database; git's calls and the keepers' do not."""
KEEPERS = frozenset({"start", "stop"})
"""Those that change what lasts beside SQL and git."""
# They write nothing: a process that dies around them leaves what it left at the boundary before.
_READERS = {
    "cat-file",
    "diff-tree",
    "for-each-ref",
    "log",
    "ls-files",
    "ls-remote",
    "ls-tree",
    "merge-base",
    "rev-list",
    "rev-parse",
    "show-ref",
    "status",
}
EVERY_BOUNDARY = "GASTOWN_EVERY_BOUNDARY" in os.environ
"""Kill everywhere, also where nothing that lasts has changed since the boundary before: half an hour."""
# Otherwise at one in so many of the boundaries after which something that lasts is different.
STRIDE = 1 if EVERY_BOUNDARY else 13


def _is_new_state(when: str, name: str, words: str) -> bool:
    """Whether a process that dies here may leave something else than one that dies at the boundary before.

    What a transaction had not committed is rolled back; of git only commands that write leave anything.
    """
    if name in KEEPERS:
        return True
    return when == "after" and not (name == "_run" and _READERS & set(words.split()))


class Fuse:
    """Ends this process at its `burns_at`-th boundary as SIGKILL does: nothing of it happens any more."""

    def __init__(self, burns_at: int, only: Collection[str] | None = None) -> None:
        self.burns_at = burns_at
        self.only = only
        self.reached = 0
        self._last = mmap.mmap(-1, _NAME_BYTES)
        self._lock = threading.Lock()

    @property
    def burnt_at(self) -> str:
        """The boundary at which the fork died."""
        return bytes(self._last[:]).rstrip(b"\0").decode()

    def cross(self, when: str, name: str, words: str) -> None:
        with self._lock:
            self.reached += 1
            if self.reached == self.burns_at:
                self.burn(f"{when} {name} {words}")

    def burn(self, where: str) -> None:
        """End this process here and now."""
        self._last[:] = where.encode()[:_NAME_BYTES].ljust(_NAME_BYTES, b"\0")
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)  # a signal to oneself is delivered at once; nothing may follow it

    def around(self, owner: Any, name: str) -> None:
        if self.only is not None and name not in self.only:
            return
        real = getattr(owner, name)

        def crossed(*args: Any, **more: Any) -> Any:
            words = " ".join(args[0]) if name == "_run" else ""
            for when in ("before", "after"):
                if when == "after":
                    value = real(*args, **more)
                if EVERY_BOUNDARY or _is_new_state(when, name, words):
                    self.cross(when, name, words)
            return value

        setattr(owner, name, crossed)

    def light(self) -> None:
        """Count from here on; never undone, since only forks do this."""
        self.around(orm.Session, "commit")
        self.around(git_run, "_run")
        self.around(host, "start")
        self.around(host, "stop")
        self.around(queue, "ring_all")


@dataclass(frozen=True)
class Fate:
    """How a fork ended."""

    killed_at: str = ""
    """The boundary; empty: it came to its end."""
    value: Any = None


def in_fork(make: Callable[[], S], act: Callable[[S], Any], fuse: Fuse | None = None) -> Fate:
    """Have a fork `make` something and, with the fuse lit, `act` on it; raises what that raised."""
    fuse = fuse or Fuse(0)
    dispose()  # a fork must not speak over its parent's connections
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _be_the_fork(make, act, fuse, writer)
    os.close(writer)
    data, deadline = b"", time.monotonic() + FORK_WITHIN_S
    try:
        while select.select([reader], [], [], max(0.0, deadline - time.monotonic()))[0]:
            part = os.read(reader, 65536)
            if not part:
                break
            data += part
        else:
            raise AssertionError(f"a fork does not end within {FORK_WITHIN_S:g} s")
    finally:
        os.close(reader)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    if not data:
        assert fuse.burnt_at, "a fork died of something else"
        return Fate(killed_at=fuse.burnt_at)
    succeeded, value = pickle.loads(data)
    assert succeeded, value
    return Fate(value=value)


def _be_the_fork(make: Callable[[], S], act: Callable[[S], Any], fuse: Fuse, writer: int) -> None:
    try:
        subject = make()
        fuse.light()
        answer = (True, act(subject))
    except BaseException:
        answer = (False, traceback.format_exc())
    try:
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(pickle.dumps(answer))
    finally:
        os._exit(0)


@dataclass(frozen=True)
class Share:
    """Every `of`-th boundary from the `first` on: what one of several test processes does."""

    first: int = 1
    of: int = 1


ALL = Share()


@dataclass
class CrashTown:
    """A town with one rig on one host, and the workers that live and die in it."""

    base: RefineryTown
    clock: DatabaseClock
    heartbeat_s: float = 3600
    """So long that none comes between two boundaries."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def settings(self) -> config.Settings:
        return self.base.settings

    @property
    def root(self) -> Path:
        return self.base.root

    # workers: to be made in a fork only

    def worker(self) -> "WorkerProcess":
        """This process as a worker of all roles, whose doorbells come from itself alone."""
        return WorkerProcess(self)

    def settle(self) -> int:
        """Let another worker bring everything to its end; returns the looks it took."""
        return int(self.do(WorkerProcess.work_until_done))

    def do(self, act: "Callable[[WorkerProcess], Any]") -> Any:
        """Let a worker do `act` undisturbed."""
        return in_fork(self.worker, act).value

    # work

    def create(self) -> str:
        """A bead that is not slung yet."""
        with unit_of_work() as session:
            return beads.create(session, NewBead(f"Change {next(self._numbers)}", prefix=RIG), actor="ada").id

    def sling(self, bead_id: str | None = None) -> tuple[str, int]:
        """A bead, and its offered attempt, of whose doorbell nobody heard."""
        bead_id = bead_id or self.create()
        with unit_of_work() as session:
            slung = sling.sling(session, sling.Target([bead_id], RIG), actor="ada")
            return bead_id, slung[0].assignment_id

    # killing

    def crash_everywhere(self, start: "Start", *, share: "Share" = ALL, only: Collection[str] | None = None) -> int:
        """Kill a worker at every boundary of what `start` gives it, in turn; returns how many boundaries there were.

        Each time another worker brings the town to rest, and how the bead ended is as if nobody had been killed.
        """
        bead_id, act = start()
        self.do(act)
        self.settle()
        expected, wrong = self.facts(bead_id), []
        for number in range(share.first, MOST_BOUNDARIES, share.of * STRIDE):
            fate, differences = self._crash_at(number, start, only, expected)
            if differences:
                # Attempts that a busy machine lost before their agents started are not lost twice at one boundary.
                fate, differences = self._crash_at(number, start, only, expected)
            wrong += differences
            if not fate.killed_at:
                assert not wrong, "\n".join(wrong)
                self.check_at_rest()
                return number
        raise AssertionError(f"more than {MOST_BOUNDARIES} boundaries")

    def _crash_at(
        self, number: int, start: "Start", only: Collection[str] | None, expected: Mapping[str, Any]
    ) -> tuple[Fate, list[str]]:
        """Kill a worker at one boundary, let another one settle it; how it ended, and what is not as expected."""
        bead_id, act = start()
        fate = in_fork(self.worker, act, Fuse(number, only))
        self.settle()
        found = self.facts(bead_id)
        differing = [what for what in expected if found[what] != expected[what]]
        return fate, [
            f"{number}, {fate.killed_at}: {what} is {found[what]}, not {expected[what]}; {self._outcomes(bead_id)}"
            for what in differing
        ]

    # looking

    def _outcomes(self, bead_id: str) -> list[str]:
        with reading() as session:
            return [row.outcome for row in assignments.history(session, bead_id)]

    def facts(self, bead_id: str) -> dict[str, Any]:
        """How a bead ended, as far as no name, number or time is in it."""
        with reading() as session:
            bead = beads.get(session, bead_id)
            events = session.exec(select_rows(Event).where(Event.bead_id == bead_id).order_by(col(Event.id))).all()
            kinds = [event.kind for event in events]
            requests = session.exec(select_rows(MergeRequest).where(MergeRequest.bead_id == bead_id)).all()
            return {
                "status": bead.status,
                "has_landed": bool(bead.landed_sha),
                "terminal": [kind.value for kind in kinds if kind in TERMINAL],
                "landings": kinds.count(EventKind.REQUEST_LANDED),
                "requests": [(row.state.value, row.retries) for row in requests],
                "attempts": [
                    (row.fence, row.state.value, row.reason.value, bool(row.head_oid), row.runs > 0)
                    for row in assignments.history(session, bead_id)
                ],
                "runs booked twice": _doubled(events, EventKind.SESSION_ENDED),
                "commits": self._commits_of(bead_id),
                "branches": [name.rpartition("@")[2] for name in self._branches() if f"/{bead_id}@" in name],
            }

    def _branches(self) -> list[str]:
        return run_git(self.base.remote, "for-each-ref", "--format=%(refname)", "refs/heads/polecat/").split()

    def _commits_of(self, bead_id: str) -> int:
        log = run_git(self.base.remote, "log", "--first-parent", "--format=%(trailers:key=Bead,valueonly)", "main")
        return log.split().count(bead_id)

    def leftovers(self) -> dict[str, Any]:
        """What must be nowhere in a town that is at rest."""
        with reading() as session:
            return {
                "open attempts": [row.id for row in assignments.list_open(session)],
                "requests in the queue": [row.id for row in list_in_queue(session)],
                "open intents": [
                    row.id
                    for row in session.exec(
                        select_rows(LandingIntent).where(LandingIntent.state == IntentState.OPEN)
                    ).all()
                ],
                "busy polecats": [
                    row.address
                    for row in session.exec(
                        # A lost host looks after its own when it is back.
                        select_rows(Polecat).where(
                            Polecat.worktree_state == WorktreeState.BUSY, Polecat.host == config.current().host_id
                        )
                    ).all()
                ],
                "leases that nobody let go": [
                    row.name
                    for row in session.exec(select_rows(Lease).where(col(Lease.expires_at).is_not(None))).all()
                    if row.name == refinery.lease_name(RIG)
                ],
                "processes": [
                    str(folder)
                    for folder in self.settings.town.glob("sessions/*/run-*")
                    if host.find(folder) is not None
                ],
            }

    def check_at_rest(self) -> None:
        """Nothing is half-way, and main is green."""
        found = {what: rows for what, rows in self.leftovers().items() if rows}
        assert not found, found
        assert self.base.red() == []


def _doubled(events: Any, kind: EventKind) -> int:
    seen = [(event.assignment_id, event.payload.get("run")) for event in events if event.kind is kind]
    return len(seen) - len(set(seen))


class WorkerProcess:
    """This process as a worker of all roles. Doorbells that it rings come back to it; nobody else hears them."""

    def __init__(self, crash_town: CrashTown) -> None:
        from workers import answers, reactions  # importing them takes a town

        self.town = crash_town
        self.settings = crash_town.settings
        self.bells: deque[Doorbell] = deque()
        self._react = reactions.react
        holder = sessions.make_holder(self.settings.host_id, os.getpid())
        self.office = self._make_office(holder, answers.answer)
        self.caller = town.Caller(self.settings, holder, transact, reading)
        queue.ring_all = queue.ring_again = self._hear

    def _make_office(self, holder: str, answer: sessions.Ask) -> Office:
        def renew(leases: Mapping[int, int], _signs: Mapping[int, assignments.Sign]) -> list[HeldLease]:
            return transact(lambda session: assignments.heartbeat(session, leases, holder=holder, ttl_s=60))

        return Office(
            settings=self.settings,
            holder=holder,
            transact=transact,
            keeper_socket=config.run_dir(self.settings.town) / host.SOCKET_NAME,
            book=LeaseBook(renew, heartbeat_s=self.town.heartbeat_s, grace_s=600),
            answer=answer,
        )

    def _hear(self, bells: list[Doorbell]) -> list[Doorbell]:
        self.bells.extend(bells)
        return bells

    def supervise(self, number: int) -> None:
        """Answer an attempt's doorbell, and no other."""
        self.answer(Doorbell(Task.SUPERVISE, queue.rig_queue(RIG), (number,)))

    def answer(self, bell: Doorbell) -> None:
        """Do what a doorbell asks for."""
        argument = bell.args[0] if bell.args else None
        match bell.task:
            case Task.SUPERVISE:
                sessions.supervise(self.office, argument)
            case Task.REFINERY_STEP:
                self.step()
            case Task.GATE_RUN:
                refinery.run_gates(unit_of_work, argument, settings=self.settings, holder=self.office.holder)
            case Task.REACT:
                transact(lambda session: self._react(session, argument, actor="town"))
            case _:
                raise AssertionError(f"nobody answers {bell.task}")

    def answer_all(self) -> None:
        """Answer until nobody rings."""
        while self.bells:
            self.answer(self.bells.popleft())

    def step(self) -> refinery.StepResult:
        """One step of the rig's merge queue."""
        return refinery.step(
            unit_of_work, RIG, settings=self.settings, holder=self.office.holder, hooks=refinery.Hooks(_check_convoys)
        )

    def look(self) -> None:
        """What a worker does every ten seconds, beat's ticks among it."""
        transact(
            lambda session: town.note_worker(session, self.settings, self.office.holder, role="all", queues=["town"])
        )
        for number in sessions.list_orphans(self.office):
            sessions.supervise(self.office, number)
        for number in sessions.sweep_leftovers(self.office).to_see_off:
            sessions.see_off(self.office, number)
        town.reconcile(self.caller)
        self.answer_all()

    def work_until_done(self) -> int:
        """Look, answer, let time pass, until nothing is left to be done and nothing is owed."""
        for number in range(1, MOST_LOOKS + 1):
            self.look()
            if not any(self.town.leftovers().values()) and not self._is_owed():
                return number
            self.town.clock.advance(LOOK_S)
        raise AssertionError(f"not at rest after {MOST_LOOKS} looks: {self.town.leftovers()}")

    def _is_owed(self) -> bool:
        with reading() as session:
            query = select_rows(Event.id).where(col(Event.task).is_not(None), col(Event.rung_at).is_(None))
            return session.exec(query).first() is not None


Start = Callable[[], tuple[str, Callable[[WorkerProcess], Any]]]
"""Prepares a bead and says what a worker shall do with it."""


def shares(of: int) -> list[Share]:
    """All boundaries, in `of` shares."""
    return [Share(first, of) for first in range(1, of + 1)]


def _check_convoys(session: Session, bead_id: str) -> None:
    from gastown import convoys

    convoys.check_landed(session, bead_id, actor="refinery")


def make_crash_town(root: Path, database_url: str, shell: str, *, gated: bool = False) -> CrashTown:
    """A town whose agents run `shell`, in which ROOT is the test's folder; without gates unless `gated`."""
    base = make_town(root / "t", database_url, gates=(GATE,) if gated else ())
    (base.settings.town / config.TOWN_FILE).touch()
    made = CrashTown(base, DatabaseClock(database_url))
    config.use(base.settings)
    importlib.import_module("workers.answers")  # before the forks, each of which would need a second for it
    host.ensure_zygote(config.make_run_dir(base.settings.town))
    with unit_of_work() as session:
        policy.set_preset(session, "command", {"shell": shell.replace("ROOT", str(base.root))}, actor="ada")
        for name, value in {
            "default_agent": "command",
            "disk.floor_mb": "0",
            "session.timeout_s": "604800",
        }.items():
            policy.set_value(session, name, value, actor="ada")
    return made
