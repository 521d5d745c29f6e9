"""The lease protocol: workers that crash, stall and come back late, hosts that go away, people, and time."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlmodel import Session, SQLModel, col, select

from gastown import assignments, beads, config, policy, refinery, sling, town
from gastown.assignments import OPEN_STATES, Assignment, AssignmentState, Desired, Reason
from gastown.beads import BeadStatus
from gastown.db import database_time
from gastown.db.unit_of_work import reading, transact, unit_of_work
from gastown.errors import Conflict
from gastown.events import Event, EventKind
from gastown.refinery import MergeRequest, RequestState, intents, lifecycle
from gastown.refinery.lifecycle import Candidate
from tests.integration.protocols.conftest import limits
from tests.support.database_clock import DatabaseClock
from tests.support.factories import make_bead, make_rig

RIG, HOSTS, MOST_BEADS, SLOTS, TTL_S = "app", ("here", "there"), 4, 2, 60
CAPS = {"cap.agent_failures": 2, "cap.infrastructure": 3, "cap.reworks": 2, "cap.handoffs": 2, "cap.adoptions": 1000}
TERMINAL = (EventKind.BEAD_CLOSED, EventKind.BEAD_ESCALATED)
PICK = st.integers(0, 99)


@dataclass
class Worker:
    """A worker process: what it believes to hold may be long out of date."""

    name: str
    host: str
    held: dict[int, int] = field(default_factory=dict)


class LeaseProtocol(RuleBasedStateMachine):
    """Anything may happen at any time; what must hold then is checked after every step."""

    make_database: Callable[[], str]

    def __init__(self) -> None:
        super().__init__()
        url = self.make_database()
        self.clock = DatabaseClock(url)
        config.use(config.Settings(town=TOWN.folder, database_url=url, host="here"))
        self.workers: list[Worker] = []
        self.dead: set[str] = set()
        self.numbers: Iterator[int] = itertools.count(1)
        self.ended: dict[int, tuple[Any, ...]] = {}
        with unit_of_work() as session:
            make_rig(session, RIG)
            for name, value in CAPS.items():
                policy.set_value(session, name, str(value), actor="ada")
        for host in HOSTS:
            self._start(host)

    def teardown(self) -> None:
        try:
            self._settle()
        finally:
            self.clock.close()
            config.use(None)

    # who is there

    def _start(self, host: str) -> Worker:
        worker = Worker(f"{host}:{next(self.numbers)}:1:boot", host)
        self.workers.append(worker)
        self._greet(worker)
        return worker

    def _greet(self, worker: Worker) -> None:
        settings = config.Settings(town=TOWN.folder, database_url=config.current().database, host=worker.host)
        with unit_of_work() as session:
            town.note_worker(session, settings, worker.name, role="all", queues=[])

    def _worker(self, pick: int) -> Worker:
        return self.workers[pick % len(self.workers)]

    def _bead(self, pick: int) -> str:
        return self._beads()[pick % len(self._beads())]

    def _beads(self) -> list[str]:
        with reading() as session:
            return list(session.exec(select(beads.Bead.id).order_by(col(beads.Bead.id))).all())

    # people

    @rule(is_blocked=st.booleans())
    def sling_new(self, is_blocked: bool) -> None:
        known = self._beads()
        if len(known) >= MOST_BEADS:
            return
        with unit_of_work() as session:
            bead = make_bead(session)
            if is_blocked and known:
                beads.add_dependency(session, bead.id, known[0], actor="ada")
            sling.sling(session, sling.Target([bead.id], RIG), actor="ada", preset="command")

    @precondition(lambda self: self._beads())
    @rule(pick=PICK)
    def sling_again(self, pick: int) -> None:
        with _refusable(), unit_of_work() as session:
            sling.sling(session, sling.Target([self._bead(pick)], RIG), actor="ada", preset="command")

    @precondition(lambda self: self._beads())
    @rule(pick=PICK)
    def unsling(self, pick: int) -> None:
        with _refusable(), unit_of_work() as session:
            sling.unsling(session, [self._bead(pick)], actor="ada", why="not now")

    @precondition(lambda self: self._beads())
    @rule(pick=PICK)
    def close_by_hand(self, pick: int) -> None:
        with unit_of_work() as session:
            beads.close(session, [self._bead(pick)], actor="ada", reason="done by hand, it was small", no_code=True)

    @rule()
    def shut_down(self) -> None:
        with unit_of_work() as session:
            assignments.ask_to_hand_over(session, actor="ada")

    # workers

    @rule(pick=PICK)
    def claim(self, pick: int) -> None:
        worker = self._worker(pick)
        with _refusable(), unit_of_work() as session:
            claim = assignments.claim(session, RIG, holder=worker.name, host=worker.host, slots=SLOTS)
            row = claim.assignment
            worker.held[row.id or 0] = row.fence

    @rule(pick=PICK)
    def beat(self, pick: int) -> None:
        worker = self._worker(pick)
        self._greet(worker)
        if not worker.held:
            return
        held = dict(worker.held)
        with unit_of_work() as session:
            found = assignments.heartbeat(session, held, holder=worker.name, ttl_s=TTL_S)
        for standing in found:
            if not standing.is_mine:
                del worker.held[standing.assignment_id]
            elif standing.desired in (Desired.STOP, Desired.HAND_OVER):
                act = assignments.put_back if standing.desired is Desired.STOP else assignments.resume_later
                with unit_of_work() as session:
                    act(session, standing.assignment_id, standing.fence, actor=worker.name)
                del worker.held[standing.assignment_id]

    @rule(pick=PICK, which=PICK, how=st.sampled_from(["submit", "fail", "hand over", "escalate", "lose", "save"]))
    def write(self, pick: int, which: int, how: str) -> None:
        """An effect of a session that its worker believes to hold: it counts exactly if the attempt still runs."""
        worker = self._worker(pick)
        if not worker.held:
            return
        number = sorted(worker.held)[which % len(worker.held)]
        fence = worker.held[number]
        with reading() as session:
            row = assignments.get(session, number)
        runs = row.state is AssignmentState.RUNNING and row.fence == fence
        may = runs and not (how == "submit" and row.desired is Desired.STOP)
        before = self._everything()
        try:
            with unit_of_work() as session:
                self._write(session, number, fence, how)
        except Conflict:
            assert not may
        else:
            assert may or how == "save"
        if not may and how != "save":
            assert self._everything() == before
        if how != "save" and (may or not runs):
            worker.held.pop(number)

    def _write(self, session: Session, number: int, fence: int, how: str) -> None:
        oid = f"{next(self.numbers):040x}"
        match how:
            case "submit":
                sling.submit(session, number, fence, head_oid=oid, actor=RIG)
            case "fail":
                assignments.fail(session, number, fence, actor=RIG, outcome="it gave up")
            case "hand over":
                sling.hand_over(session, number, fence, actor=RIG, notes="go on there")
            case "escalate":
                sling.escalate(session, number, fence, actor=RIG, why="a key is missing")
            case "lose":
                assignments.lose(session, number, fence, actor=RIG, outcome="the disk is full")
            case _:
                assignments.note_saved(session, number, fence, actor=RIG, head_oid=oid, why="in between")

    @rule(pick=PICK)
    def adopt(self, pick: int) -> None:
        self._adopt(self._worker(pick))

    def _adopt(self, worker: Worker) -> None:
        with reading() as session:
            rows = [row for row in assignments.list_running_on(session, worker.host) if row.id not in worker.held]
            now = database_time(session)
        for row in rows:
            with unit_of_work() as session:
                claim = assignments.adopt(
                    session,
                    row.id or 0,
                    holder=worker.name,
                    host=worker.host,
                    is_dead=lambda holder: holder in self.dead,
                )
            may = row.holder in self.dead or (row.expires_at is not None and row.expires_at <= now)
            assert claim is None or (may and claim.assignment.fence == row.fence)
            if claim is not None:
                worker.held[row.id or 0] = row.fence

    @rule(pick=PICK)
    def crash_and_come_again(self, pick: int) -> None:
        worker = self._worker(pick)
        self.workers.remove(worker)
        self.dead.add(worker.name)
        self._start(worker.host)

    @rule(pick=PICK)
    def restart(self, pick: int) -> None:
        worker = self._worker(pick)
        with unit_of_work() as session:
            assignments.detach(session, sorted(worker.held), holder=worker.name, grace_s=600)
        with unit_of_work() as session:
            town.forget_worker(session, worker.name)
        self.crash_and_come_again(pick)

    # the town

    @rule(seconds=st.sampled_from([1, 6, 11, 61]))
    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(times=st.sampled_from([1, 7]))
    def tick(self, times: int) -> None:
        """Ticks in their rhythm; with many of them leases end, of hosts that say nothing they are taken over."""
        for _ in range(times):
            with reading() as session:
                now = database_time(session)
                running = {row.id: (row.expires_at, row.host) for row in assignments.list_running(session)}
            self._tick()
            with reading() as session:
                lost = [row for row in session.exec(select(Assignment)).all() if row.state is AssignmentState.LOST]
            for row in lost:
                if row.id in running:
                    expires_at, _ = running[row.id]
                    assert expires_at is not None
                    assert expires_at <= now
            self.clock.advance(11)

    def _tick(self) -> None:
        town.reconcile(town.Caller(config.current(), "here:0:1:boot", transact, reading))

    # the merge queue, as far as SQL sees it

    @rule(pick=PICK, how=st.sampled_from(["intend", "land", "return", "void"]))
    def queue(self, pick: int, how: str) -> None:
        self._queue(pick, how)

    def _queue(self, pick: int, how: str) -> None:
        with unit_of_work() as session:
            requests = session.exec(
                select(MergeRequest).where(col(MergeRequest.state).in_((RequestState.QUEUED, RequestState.LANDING)))
            ).all()
            if not requests:
                return
            request = requests[pick % len(requests)]
            intent = refinery.queries.find_open_intent(session, RIG)
            is_wanted = beads.get(session, request.bead_id).status == BeadStatus.SUBMITTED
            if not is_wanted and request.state is RequestState.QUEUED:
                refinery.cancel(session, request.bead_id, actor="queue", why="nobody waits for it")
                return
            if how == "intend" and request.state is RequestState.QUEUED and intent is None:
                oid = f"{next(self.numbers):040x}"
                made = Candidate(oid, oid, oid, self.clock.now())
                intents.intend(session, [request], made, None, actor="queue", lease=1)
            elif how == "return" and request.state is RequestState.QUEUED:
                lifecycle.send_back(session, request, kind="conflict", details={}, actor="queue", lease=1)
            elif how == "land" and intent is not None:
                intents.land(session, intent, actor="queue", lease=1, after_landing=lambda *_: None)
            elif how == "void" and intent is not None:
                intents.void(session, intent, actor="queue", lease=1, why="the target moved")

    # what must hold

    @invariant()
    def attempts_are_one_after_another(self) -> None:
        with reading() as session:
            for bead_id in self._beads():
                history = assignments.history(session, bead_id)
                assert [row.fence for row in history] == list(range(1, len(history) + 1))
                assert [row for row in history if row.state in OPEN_STATES] in ([], list(history[-1:]))
                for row in history:
                    self._check_ended(row)
            running = assignments.list_running(session)
            assert len({row.polecat for row in running}) == len(running)
            for host in HOSTS:
                assert sum(row.host == host for row in running) <= SLOTS

    def _check_ended(self, row: Assignment) -> None:
        """What ended stays as it ended, whoever writes."""
        if row.state in OPEN_STATES:
            assert row.id not in self.ended
            return
        facts = (row.state, row.fence, row.holder, row.outcome, row.ended_at, row.polecat, row.expires_at)
        assert self.ended.setdefault(row.id or 0, facts) == facts

    @invariant()
    def every_slung_bead_is_somebodys(self) -> None:
        with reading() as session:
            for bead_id in self._beads():
                status = beads.get(session, bead_id).status
                open_ = assignments.find_open(session, bead_id)
                request = refinery.find_open(session, bead_id)
                in_queue = request is not None and request.state is not RequestState.RETURNED
                if status in (BeadStatus.HOOKED, BeadStatus.IN_PROGRESS):
                    assert open_ is not None, f"{bead_id} is {status} and nobody's"
                if status == BeadStatus.SUBMITTED:
                    assert in_queue
                    assert open_ is None
                if status == BeadStatus.ESCALATED:
                    assert open_ is None
                if status == BeadStatus.OPEN and open_ is not None:
                    assert open_.state is AssignmentState.WAITING or open_.desired is Desired.STOP

    @invariant()
    def caps_hold_and_ends_are_told_once(self) -> None:
        with reading() as session:
            for bead_id in self._beads():
                for rows, told in self._epochs(session, bead_id):
                    states = [row.state for row in rows]
                    reasons = [row.reason for row in rows]
                    assert states.count(AssignmentState.FAILED) <= CAPS["cap.agent_failures"]
                    assert states.count(AssignmentState.LOST) <= CAPS["cap.infrastructure"]
                    assert reasons.count(Reason.REWORK) <= CAPS["cap.reworks"]
                    assert len(told) <= 1, told

    def _epochs(self, session: Session, bead_id: str) -> list[tuple[list[Assignment], list[EventKind]]]:
        """The attempts since each sling of a person, and the terminal events told before the next one."""
        rows = list(assignments.history(session, bead_id))
        by_id = {row.id: row for row in rows}
        found: list[tuple[list[Assignment], list[EventKind]]] = []
        events = session.exec(select(Event).where(Event.bead_id == bead_id).order_by(col(Event.id))).all()
        for event in events:
            if event.kind is EventKind.ASSIGNMENT_SLUNG:
                row = by_id[event.assignment_id]
                if row.reason is Reason.SLING:
                    found.append(([], []))
                found[-1][0].append(row)
            elif event.kind in TERMINAL and found:
                found[-1][1].append(event.kind)
        return found

    def _everything(self) -> list[list[Any]]:
        with reading() as session:
            names = ("beads", "assignments", "merge_requests", "merge_heads", "landing_intents", "events")
            tables = [SQLModel.metadata.tables[name] for name in names]
            return [sorted(map(repr, session.execute(table.select()).all())) for table in tables]

    # the end

    def _settle(self) -> None:
        """One host stays; its worker finishes what it gets. Then nothing is left to be done."""
        self.dead |= {worker.name for worker in self.workers}
        self.workers.clear()
        worker = self._start("here")
        for _ in range(60):
            self._greet(worker)
            self._tick()
            self._adopt(worker)
            self.beat(0)
            self.claim(0)
            for number in sorted(worker.held):
                self.write(0, sorted(worker.held).index(number), "submit")
            self._queue(0, "intend")
            self._queue(0, "land")
            if self._is_at_rest():
                break
            self.clock.advance(11)
        with reading() as session:
            assert list(assignments.list_open(session)) == []
            assert refinery.queries.list_in_queue(session) == []
            for bead_id in self._beads():
                epochs = self._epochs(session, bead_id)
                status = beads.get(session, bead_id).status
                ends = (BeadStatus.CLOSED, BeadStatus.ESCALATED, BeadStatus.OPEN)
                assert status in ends, f"{bead_id} is {status}"
                if status == BeadStatus.OPEN:  # a person took it back
                    assert epochs[-1][0][-1].state is AssignmentState.RELEASED
                else:
                    assert len(epochs[-1][1]) == 1
        self.attempts_are_one_after_another()
        self.caps_hold_and_ends_are_told_once()

    def _is_at_rest(self) -> bool:
        with reading() as session:
            return not assignments.list_open(session) and not refinery.queries.list_in_queue(session)


class _Town:
    folder: Any = None


TOWN = _Town()


class _refusable:
    """Suppresses what says that somebody else was first, or that it cannot be now."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> bool:
        from gastown.errors import GastownError, Unavailable

        return isinstance(error, GastownError) and not isinstance(error, Unavailable)


def test_leases_hold_whatever_happens(
    fresh_database: Callable[[], str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / config.TOWN_FILE).touch()
    TOWN.folder = tmp_path
    monkeypatch.setattr(LeaseProtocol, "make_database", staticmethod(fresh_database), raising=False)
    run_state_machine_as_test(LeaseProtocol, settings=limits(5, 30))
