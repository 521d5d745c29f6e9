"""Rows that somebody edited by hand: found and said, put right or given to a person; what else there is goes on."""

from datetime import timedelta
from types import ModuleType

import pytest
from sqlalchemy import text
from sqlmodel import Session

from gastown import assignments, beads, clock, config, events, patrols, town
from gastown.assignments import AssignmentState
from gastown.beads import BeadStatus
from gastown.db import database_time, is_sqlite
from gastown.db.unit_of_work import reading, transact, unit_of_work
from gastown.events import EventKind
from gastown.town import reconciling
from tests.support.factories import HOLDER, make_bead, make_offered, make_rig, make_running


@pytest.fixture
def caller(here: config.Settings) -> town.Caller:
    return town.Caller(here, "here:1:1:boot", transact, reading)


def edit(session: Session, *statements: str, **values: object) -> None:
    """As a person with an SQL prompt does it, who has switched off what protects the rows."""
    session.flush()
    off, on = ("PRAGMA foreign_keys=OFF", "PRAGMA foreign_keys=ON")
    if is_sqlite(session):
        session.commit()
        driver = session.connection().connection.driver_connection
        session.commit()
        assert driver is not None
        driver.execute(off)
    else:
        session.connection().execute(text("SET LOCAL session_replication_role = replica"))
    for statement in statements:
        session.connection().execute(text(statement), values)
    if is_sqlite(session):
        session.commit()
        driver.execute(on)
    session.expire_all()


def reconcile_all(caller: town.Caller) -> None:
    """A full reconciliation now, whoever ran one lately."""
    with unit_of_work() as session:
        session.connection().execute(text("UPDATE leases SET expires_at = NULL WHERE name LIKE 'tick.%'"))
    assert town.reconcile(caller)


def state_of(bead_id: str) -> str:
    with reading() as session:
        return beads.get(session, bead_id).status


def make_other_work() -> str:
    """A bead that is waiting and may start: whatever else is wrong, the tick offers it."""
    with unit_of_work() as session:
        make_rig(session, "other", prefix="oth")
        bead = make_bead(session, "other work", prefix="oth")
        row = make_offered(session, bead, rig="other")
        session.connection().execute(text("UPDATE assignments SET state = 'waiting' WHERE id = :id"), {"id": row.id})
    return bead.id


def assert_other_work_goes_on(bead_id: str) -> None:
    with reading() as session:
        row = assignments.find_open(session, bead_id)
        assert row is not None
        assert row.state is AssignmentState.OFFERED


# events and the outbox


@pytest.mark.parametrize(
    "change",
    [
        "task = 'town.nonsense'",
        "args = '{\"a\": 1}'",
        "args = '[[1]]'",
        "queue = NULL",
        "queue = 'nobody'",
        "args = 'null'",
    ],
)
def test_the_other_doorbells_are_rung_when_one_was_edited(session: Session, change: str) -> None:
    broken = events.record(session, EventKind.RIG_UNPARKED, actor="me", rig="app")
    good = events.record(session, EventKind.RIG_UNPARKED, actor="me", rig="app")
    edit_in_test(session, f"UPDATE events SET {change} WHERE id = :id", id=broken.id)

    owed = events.outbox.list_owed(session, after=timedelta(seconds=-1))

    assert [bell.event_id for bell in owed.bells] == [good.id]
    assert owed.unfit == [broken.id]


def edit_in_test(session: Session, statement: str, **values: object) -> None:
    session.flush()
    session.connection().execute(text(statement), values)
    session.expire_all()


def test_more_edited_doorbells_than_one_sweep_reads_hold_up_no_good_one(session: Session) -> None:
    for _ in range(7):
        events.record(session, EventKind.RIG_UNPARKED, actor="me", rig="app")
    edit_in_test(session, "UPDATE events SET task = 'nonsense'")
    good = events.record(session, EventKind.RIG_UNPARKED, actor="me", rig="app")
    session.flush()

    owed = events.outbox.list_owed(session, limit=3, after=timedelta(seconds=-1))

    assert [bell.event_id for bell in owed.bells] == [good.id]


@pytest.mark.parametrize("change", ["kind = 'bead.enchanted'", "payload = '[]'", "payload = '7'"])
def test_the_feed_is_read_and_reacted_to_when_an_event_was_edited(
    session: Session, reactions: ModuleType, change: str
) -> None:
    make_rig(session)
    bead = make_bead(session)
    fact = events.record(session, EventKind.POLECAT_UPDATED, actor="me", rig="app", bead_id=bead.id)
    edit_in_test(session, f"UPDATE events SET {change} WHERE id = :id", id=fact.id)

    told = events.for_bead(session, bead.id)
    reactions.react(session, fact.id, actor="town")

    assert len(told) == 2
    assert events.latest(session, limit=1)[0].id is not None


def test_the_feed_is_read_when_a_payload_is_no_json_at_all(session: Session) -> None:
    fact = events.record(session, EventKind.RIG_UNPARKED, actor="me", rig="app")
    if not is_sqlite(session):
        with pytest.raises(Exception, match="json"), session.begin_nested():
            edit_in_test(session, "UPDATE events SET payload = 'what?' WHERE id = :id", id=fact.id)
        return
    edit_in_test(session, "UPDATE events SET payload = 'what?', args = 'what?' WHERE id = :id", id=fact.id)

    assert events.latest(session, limit=1)[0].payload == {"unreadable": "what?"}
    assert events.outbox.list_owed(session, after=timedelta(seconds=-1)).unfit == [fact.id]


# attempts


def ask_for_all_heartbeats(session: Session, *numbers: int) -> list[assignments.HeldLease]:
    return assignments.heartbeat(session, dict.fromkeys(numbers, 1), holder=HOLDER, ttl_s=60)


@pytest.mark.parametrize("change", ["state = 'sleeping'", "reason = 'whim'"])
def test_the_other_sessions_are_kept_when_the_row_of_one_was_edited(session: Session, change: str) -> None:
    make_rig(session)
    broken = make_running(session, make_bead(session, "broken")).assignment
    good = make_running(session, make_bead(session, "good")).assignment
    edit_in_test(session, f"UPDATE assignments SET {change} WHERE id = :id", id=broken.id)

    held = {row.assignment_id: row for row in ask_for_all_heartbeats(session, broken.id or 0, good.id or 0)}

    assert held[good.id or 0].is_mine
    third = make_running(session, make_bead(session, "third"))
    assert third.assignment.state is AssignmentState.RUNNING


def run_one() -> tuple[str, int]:
    with unit_of_work() as session:
        make_rig(session)
        bead = make_bead(session)
        beads.mark_slung(session, bead.id, is_code=True, actor="me")
        row = make_running(session, bead).assignment
        return bead.id, row.id or 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE assignments SET polecat = NULL WHERE id = :id",
        "UPDATE assignments SET holder = NULL WHERE id = :id",
        "UPDATE assignments SET host = NULL, holder = NULL, expires_at = NULL WHERE id = :id",
        "DELETE FROM polecats",
    ],
)
def test_an_attempt_is_made_anew_when_its_row_does_not_say_who_runs_it(caller: town.Caller, change: str) -> None:
    bead_id, number = run_one()
    other = make_other_work()
    with unit_of_work() as session:
        edit(session, change, id=number)

    reconcile_all(caller)

    with reading() as session:
        rows = assignments.history(session, bead_id)
        assert [(row.state, row.fence) for row in rows] == [(AssignmentState.LOST, 1), (AssignmentState.OFFERED, 2)]
    assert_other_work_goes_on(other)


@pytest.mark.parametrize(
    "change", ["DELETE FROM assignments WHERE id = :id", "UPDATE assignments SET state = 'sleeping' WHERE id = :id"]
)
def test_a_person_is_asked_once_when_the_attempt_of_a_bead_is_gone(caller: town.Caller, change: str) -> None:
    bead_id, number = run_one()
    other = make_other_work()
    with unit_of_work() as session:
        edit(session, change, id=number)

    reconcile_all(caller)
    reconcile_all(caller)

    assert state_of(bead_id) == BeadStatus.ESCALATED
    with reading() as session:
        told = [event.kind for event in events.for_bead(session, bead_id)]
        assert told.count(EventKind.BEAD_ESCALATED) == 1
    assert_other_work_goes_on(other)


def test_no_fence_is_given_out_twice_when_the_row_of_an_attempt_was_deleted(session: Session) -> None:
    make_rig(session)
    bead = make_bead(session)
    row = make_running(session, bead).assignment
    edit_in_test(session, "DELETE FROM assignments WHERE id = :id", id=row.id)

    assert make_offered(session, bead).fence == 2


def test_a_bead_that_a_person_took_on_by_hand_is_left_alone(caller: town.Caller) -> None:
    bead_id, number = run_one()
    with unit_of_work() as session:
        assignments.release(session, bead_id, actor="me", why="mine")
        session.flush()
        assignments.put_back(session, number, 1, actor="holder")
        beads.update(session, bead_id, beads.Patch(status="in_progress"), actor="me")

    reconcile_all(caller)

    assert state_of(bead_id) == BeadStatus.IN_PROGRESS


def test_work_is_called_off_and_ends_when_its_bead_was_deleted_from_the_table(caller: town.Caller) -> None:
    bead_id, number = run_one()
    other = make_other_work()
    with unit_of_work() as session:
        edit(session, "DELETE FROM beads WHERE id = :bead", bead=bead_id)

    reconcile_all(caller)
    with unit_of_work() as session:
        row = assignments.get(session, number)
        assert row.desired is assignments.Desired.STOP
        assignments.put_back(session, number, 1, actor="holder")

    reconcile_all(caller)
    with reading() as session:
        assert assignments.get(session, number).state is AssignmentState.RELEASED
    assert_other_work_goes_on(other)


@pytest.mark.parametrize("change", ["DELETE FROM rigs WHERE name = 'app'", "UPDATE rigs SET removed_at = created_at"])
def test_a_person_is_asked_when_the_rig_of_running_work_was_removed(caller: town.Caller, change: str) -> None:
    bead_id, number = run_one()
    other = make_other_work() if "DELETE" in change else ""
    with unit_of_work() as session:
        edit(session, change)

    reconcile_all(caller)

    assert state_of(bead_id) == BeadStatus.ESCALATED
    with reading() as session:
        assert assignments.get(session, number).state is AssignmentState.ESCALATED
    if other:
        assert_other_work_goes_on(other)


@pytest.mark.parametrize("expiry", ["NULL", "'2999-01-01 00:00:00'"])
def test_a_lost_host_is_noticed_when_the_expiry_of_its_lease_makes_no_sense(caller: town.Caller, expiry: str) -> None:
    bead_id, number = run_one()
    with unit_of_work() as session:
        edit(session, f"UPDATE assignments SET host = 'gone', expires_at = {expiry} WHERE id = :id", id=number)
    assert town.reconcile(caller)
    with unit_of_work() as session:  # the quiet time after the first tick is over
        past = database_time(session) - timedelta(seconds=1)
        session.connection().execute(text("UPDATE leases SET expires_at = NULL WHERE name LIKE 'quiet%'"))
        session.connection().execute(
            text("UPDATE leases SET expires_at = :at WHERE name = 'tick.town.reconcile'"),
            {"at": past.replace(tzinfo=None).isoformat(" ") if is_sqlite(session) else past},
        )

    reconciling.take_over_expired(caller)

    with reading() as session:
        assert [row.fence for row in assignments.history(session, bead_id)] == [1, 2]


def test_ticks_go_on_when_every_lease_row_was_removed(caller: town.Caller) -> None:
    other = make_other_work()
    assert town.reconcile(caller)
    with unit_of_work() as session:
        session.connection().execute(text("DELETE FROM leases"))

    assert town.reconcile(caller)

    assert_other_work_goes_on(other)


# people are told


def test_the_deacon_says_which_rows_nobody_can_read(here: config.Settings) -> None:
    bead_id, number = run_one()
    with unit_of_work() as session:
        fact = events.record(session, EventKind.RIG_UNPARKED, actor="me", rig="app", bead_id=bead_id)
        long_ago = clock.now() - timedelta(hours=1)
        fact.at = long_ago
    with unit_of_work() as session:
        edit(session, "UPDATE assignments SET state = 'sleeping' WHERE id = :id", id=number)
        edit(session, "UPDATE events SET task = 'nonsense', kind = 'bead.enchanted' WHERE id = :id", id=fact.id)

    checks = [check for check in patrols.ALL if check.name in ("unreadable", "outbox")]
    found = {item.subject: item.message for item in patrols.run(patrols.Here(here, reading), checks)}

    assert "sleeping" in found["attempts"]
    assert "events" in found
    assert str(fact.id) in found["unreadable"]
