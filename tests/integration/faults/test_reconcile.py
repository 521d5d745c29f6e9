"""The tick that brings what was left half-way on its way again: in odd company, late, and after a gap."""

import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update
from sqlmodel import Session, col, select

from gastown import assignments, beads, clock, config, events, rigs, sessions, sling, town
from gastown.assignments import Assignment, AssignmentState
from gastown.beads import BeadStatus
from gastown.db import database_time, locks
from gastown.db.unit_of_work import reading, transact, unit_of_work
from gastown.events import EventKind
from gastown.runtimes import session_facts as facts
from gastown.sling import Target
from gastown.town import presence, reconciling
from tests.support.factories import make_bead, make_offered, make_rig, make_running

TICK = "tick.town.reconcile"


@pytest.fixture
def caller(here: config.Settings) -> town.Caller:
    return town.Caller(here, "here:1:1:boot", transact, reading)


def run_on_lost_host(count: int) -> list[tuple[str, int]]:
    """Attempts whose leases expired, on a host that nobody serves: their beads and numbers."""
    with unit_of_work() as session:
        make_rig(session)
        found = []
        for number in range(count):
            bead = make_bead(session, f"bead {number}")
            row = make_running(session, bead, host="lost", holder="lost:1:1:boot").assignment
            found.append((bead.id, row.id or 0))
        expire(session)
    return found


def expire(session: Session) -> None:
    past = database_time(session) - timedelta(seconds=1)
    session.execute(update(Assignment).values(expires_at=past))


def ran_lately(session: Session, *, ago_s: float = 10) -> None:
    """As if the last tick had begun on time, so long ago: no gap, nobody in it."""
    locks.try_acquire(session, TICK, holder="other", ttl_s=5)
    session.execute(update(locks.Lease).values(expires_at=database_time(session) - timedelta(seconds=ago_s - 5)))


def state_of(number: int) -> AssignmentState:
    with reading() as session:
        return assignments.get(session, number).state


def test_expired_attempts_are_taken_over_when_one_among_them_cannot_be(caller: town.Caller) -> None:
    (closed, _), (good, _) = run_on_lost_host(2)
    with unit_of_work() as session:
        ran_lately(session)
        # What a release of this program before this one, or a person with an SQL prompt, may have left.
        session.execute(update(beads.Bead).where(col(beads.Bead.id) == closed).values(status="pinned"))

    assert town.reconcile(caller)

    with reading() as session:
        row = assignments.find_open(session, good)
        assert row is not None
        assert (row.state, row.fence) == (AssignmentState.OFFERED, 2)


def test_the_rest_of_the_tick_is_done_when_one_step_fails(caller: town.Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    with unit_of_work() as session:
        make_rig(session)
        bead = make_bead(session)
        blocker = make_bead(session, "blocker")
        beads.add_dependency(session, bead.id, blocker.id, actor="me")
        sling.sling(session, Target([bead.id], "app"), actor="me", preset="command")
        beads.close(session, [blocker.id], actor="me", reason="done")
        ran_lately(session)

    def fail(_session: Session) -> frozenset[str]:
        raise AssertionError("a bug of ours")

    monkeypatch.setattr(presence, "hosts_at_work", fail)

    assert town.reconcile(caller)

    with reading() as session:
        assert beads.get(session, bead.id).status == BeadStatus.HOOKED


def test_a_lease_that_was_renewed_meanwhile_is_not_taken(caller: town.Caller) -> None:
    ((_, number),) = run_on_lost_host(1)
    with unit_of_work() as session:
        ran_lately(session)

    @contextmanager
    def renewed_after_the_look() -> Iterator[Session]:
        with reading() as session:
            yield session
        with unit_of_work() as session:
            assignments.heartbeat(session, {number: 1}, holder="lost:1:1:boot", ttl_s=60)

    slow = town.Caller(caller.settings, caller.holder, transact, renewed_after_the_look)
    assert reconciling.take_over_expired(slow) == 0

    assert state_of(number) is AssignmentState.RUNNING


@pytest.mark.parametrize(("is_alive", "is_taken"), [(True, False), (False, True)])
def test_an_attempt_of_a_stopped_worker_is_waited_for_as_long_as_its_agent_works(
    caller: town.Caller, *, is_alive: bool, is_taken: bool
) -> None:
    host_id = caller.settings.host_id
    with unit_of_work() as session:
        make_rig(session)
        holder = sessions.make_holder(host_id, os.getpid())
        row = make_running(session, make_bead(session), host=host_id, holder=holder).assignment
        expire(session)
        ran_lately(session)
    number = row.id or 0
    folder = sessions.run_dir(caller.settings, number, 1)
    folder.mkdir(parents=True)
    start = (facts.process_start(os.getpid()) or 0) + (0 if is_alive else 1)  # whose process it was is gone
    card = {"keeper_pid": os.getpid(), "keeper_start": start, "boot_id": facts.boot_id()}
    (folder / "keeper.json").write_text(json.dumps(card))

    assert reconciling.take_over_expired(caller) == is_taken

    assert state_of(number) is (AssignmentState.LOST if is_taken else AssignmentState.RUNNING)


def test_nothing_is_taken_over_for_a_ttl_after_a_gap(caller: town.Caller) -> None:
    ((_, number),) = run_on_lost_host(1)

    assert town.reconcile(caller)

    assert state_of(number) is AssignmentState.RUNNING


def test_the_quiet_time_begins_anew_when_a_second_gap_follows_soon(caller: town.Caller) -> None:
    ((_, number),) = run_on_lost_host(1)
    assert town.reconcile(caller)
    with unit_of_work() as session:
        now = database_time(session)
        leases = update(locks.Lease)
        session.execute(leases.where(col(locks.Lease.name) == TICK).values(expires_at=now - timedelta(seconds=40)))
        session.execute(
            leases.where(col(locks.Lease.name) == "quiet.reconcile").values(expires_at=now + timedelta(seconds=1))
        )

    assert town.reconcile(caller)

    with reading() as session:
        quiet = session.get_one(locks.Lease, "quiet.reconcile")
        assert quiet.expires_at is not None
        assert quiet.expires_at > now + timedelta(seconds=50)
    assert state_of(number) is AssignmentState.RUNNING


def test_nothing_is_taken_over_by_a_tick_that_was_asleep_in_its_middle(caller: town.Caller) -> None:
    """A laptop that was suspended after the tick had begun: everybody's leases expired, nobody's fault."""
    ((_, number),) = run_on_lost_host(1)
    with unit_of_work() as session:
        ran_lately(session, ago_s=20)

    reconciling.take_over_expired(caller)

    assert state_of(number) is AssignmentState.RUNNING


def test_ticks_go_on_when_the_clock_was_set_back(caller: town.Caller) -> None:
    with unit_of_work() as session:
        locks.try_acquire(session, TICK, holder="before", ttl_s=5)
        ahead = database_time(session) + timedelta(hours=1)
        session.execute(update(locks.Lease).values(expires_at=ahead))

    assert town.reconcile(caller)


def test_an_overdue_tick_is_seen_when_the_clock_was_set_back(caller: town.Caller) -> None:
    with unit_of_work() as session:
        locks.try_acquire(session, TICK, holder="before", ttl_s=5)
        ahead = database_time(session) + timedelta(hours=1)
        session.execute(update(locks.Lease).values(expires_at=ahead))

    assert town.run_overdue(caller) >= 1


def test_a_lease_that_is_held_is_not_taken_for_a_small_step_of_the_clock(here: config.Settings) -> None:
    with unit_of_work() as session:
        assert locks.try_acquire(session, "refinery:app", holder="a", ttl_s=20) is not None
        a_little = database_time(session) + timedelta(seconds=25)
        session.execute(update(locks.Lease).values(expires_at=a_little))
        assert locks.try_acquire(session, "refinery:app", holder="b", ttl_s=20) is None


def offer_many(session: Session, count: int) -> None:
    make_rig(session)
    long_ago = clock.now() - timedelta(hours=1)
    for number in range(count):
        make_offered(session, make_bead(session, f"bead {number}"))
    session.execute(update(Assignment).values(rung_at=long_ago))


def note_worker(session: Session, settings: config.Settings, seen_at: datetime | None = None) -> None:
    presence.note_worker(session, settings, "here:1:1:boot", role="sessions", queues=["rig.app"])
    if seen_at is not None:
        session.execute(update(town.Worker).values(seen_at=seen_at))


def test_offers_are_not_rung_again_and_again_when_nobody_has_room(here: config.Settings) -> None:
    """Else a queue that nobody reads grows for ever."""
    with unit_of_work() as session:
        offer_many(session, 5)
        assert reconciling.list_offers(session) == []
        note_worker(session, here, database_time(session) - timedelta(hours=1))
        assert reconciling.list_offers(session) == []


def test_as_many_offers_are_rung_again_as_there_are_free_slots(here: config.Settings) -> None:
    with unit_of_work() as session:
        offer_many(session, 5)
        roomy = dataclasses.replace(here, slots=3)
        note_worker(session, roomy)
        assignments.claim(session, "app", holder="here:1:1:boot", host="here", slots=3)
        assert len(reconciling.list_offers(session)) == 2


def test_offers_of_a_parked_rig_take_nobody_elses_turn(here: config.Settings) -> None:
    with unit_of_work() as session:
        offer_many(session, 3)
        make_rig(session, "other", prefix="oth")
        wanted = make_offered(session, make_bead(session, prefix="oth"), rig="other")
        session.execute(update(Assignment).values(rung_at=clock.now() - timedelta(hours=1)))
        rigs.park(session, "app", actor="me")
        bells = sling.list_stale_offers(session, limit=1)
        assert [bell.args[0] for bell in bells] == [wanted.id]


def test_a_waiting_bead_is_offered_when_more_than_a_batch_of_others_is_blocked(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["gastown.sling.dispatch"], "BATCH", 3)
    make_rig(session)
    blocker = make_bead(session, "blocker")
    for number in range(5):
        bead = make_bead(session, f"blocked {number}", priority=0)
        beads.add_dependency(session, bead.id, blocker.id, actor="me")
        sling.sling(session, Target([bead.id], "app"), actor="me", preset="command")
    first = make_bead(session, "first blocker")
    free = make_bead(session, "free", priority=4)
    beads.add_dependency(session, free.id, first.id, actor="me")
    sling.sling(session, Target([free.id], "app"), actor="me", preset="command")
    beads.close(session, [first.id], actor="me", reason="done")

    assert sling.dispatch(session, actor="town").offered == 1


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_doorbell_is_owed_whatever_the_clock_of_its_host_says(session: Session, ahead: timedelta) -> None:
    young = events.record(session, EventKind.RIG_UNPARKED, actor="me", rig="app")
    assert events.outbox.list_owed(session).bells == []

    young.at = clock.now() + ahead
    session.flush()

    assert [bell.event_id for bell in events.outbox.list_owed(session).bells] == [young.id]


def shift(session: Session, jump: timedelta) -> None:
    """As if the database's clock had been put forward by `jump`: all that was written before is older by that."""
    for lease in session.exec(select(locks.Lease).where(col(locks.Lease.expires_at).is_not(None))).all():
        lease.expires_at = (lease.expires_at or clock.now()) - jump
    for row in assignments.list_running(session):
        row.expires_at = (row.expires_at or clock.now()) - jump
    for worker in presence.list_workers(session):
        worker.seen_at -= jump
    session.flush()


def run_and_tick(caller: town.Caller, host: str) -> int:
    """An attempt on `host` whose worker is alive; the quiet time after the first tick is over."""
    with unit_of_work() as session:
        make_rig(session)
        number = make_running(session, make_bead(session), host=host, holder=f"{host}:1:1:boot").assignment.id or 0
        settings = dataclasses.replace(caller.settings, host=host)
        presence.note_worker(session, settings, f"{host}:1:1:boot", role="sessions", queues=["rig.app"])
    assert town.reconcile(caller)
    with unit_of_work() as session:
        ran_lately(session)
    return number


def test_nothing_is_taken_over_when_the_clock_was_put_forward(caller: town.Caller) -> None:
    number = run_and_tick(caller, "far")
    with unit_of_work() as session:
        shift(session, timedelta(hours=1))

    assert town.reconcile(caller)

    assert state_of(number) is AssignmentState.RUNNING


def test_a_lost_host_is_not_counted_on_for_an_hour_when_the_clock_was_put_back(caller: town.Caller) -> None:
    number = run_and_tick(caller, "far")
    with unit_of_work() as session:
        shift(session, -timedelta(hours=1))
        assert presence.hosts_at_work(session) == frozenset()
    assert town.reconcile(caller)  # sees the jump, and gives those who live a TTL to say so
    assert state_of(number) is AssignmentState.RUNNING
    with unit_of_work() as session:
        ran_lately(session)

    assert reconciling.take_over_expired(caller) == 1

    assert state_of(number) is AssignmentState.LOST


def test_a_quiet_time_from_before_the_clock_was_put_back_ends(caller: town.Caller) -> None:
    ((_, number),) = run_on_lost_host(1)
    assert town.reconcile(caller)
    with unit_of_work() as session:
        ran_lately(session)
        ahead = database_time(session) + timedelta(hours=1)
        session.execute(update(locks.Lease).where(col(locks.Lease.name).like("quiet%")).values(expires_at=ahead))

    assert reconciling.take_over_expired(caller) == 1
    assert state_of(number) is AssignmentState.LOST


def test_a_flood_of_ticks_is_one_reconciliation(caller: town.Caller) -> None:
    assert [town.reconcile(caller) for _ in range(20)] == [True, *[False] * 19]


def test_two_hosts_that_reconcile_at_once_take_a_lost_attempt_over_once(caller: town.Caller) -> None:
    found = run_on_lost_host(3)
    with unit_of_work() as session:
        ran_lately(session)
    neighbour = town.Caller(caller.settings, "there:1:1:boot", transact, reading)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(town.reconcile, [caller, neighbour] * 4))

    with reading() as session:
        for bead_id, _ in found:
            assert [row.fence for row in assignments.history(session, bead_id)] == [1, 2]
