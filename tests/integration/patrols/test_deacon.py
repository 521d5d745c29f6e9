"""What the deacon finds in a town, and what it does about it, on both databases."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlmodel import Session, col, select

from gastown import assignments, beads, clock, convoys, patrols, policy, rigs
from gastown.agents import Polecat
from gastown.assignments import Assignment, AssignmentState
from gastown.beads import BeadStatus
from gastown.db import database_time, locks, unit_of_work
from gastown.events import Event, EventKind, record
from gastown.patrols import Fault, Hands, Here, Level, NotMended, Patrol
from gastown.refinery import MergeHead, MergeRequest, Refinery, RequestState
from gastown.sling import Target, sling
from gastown.town import Worker, halts
from tests.support.factories import make_bead, make_rig, make_running

T = TypeVar("T")


def write(here: Here) -> AbstractContextManager[Session]:
    return unit_of_work.unit_of_work(here.settings.database)


@pytest.fixture
def hands(here: Here) -> Hands:
    def transact(act: Callable[[Session], T]) -> T:
        return unit_of_work.transact(act, here.settings.database)

    return Hands(here, transact, "deacon")


def check(name: str) -> patrols.Check:
    return next(check for check in patrols.ALL if check.name == name)


def faults(here: Here, name: str) -> list[Fault]:
    look = patrols.look_at(check(name), here)
    assert look.is_whole, look.faults
    return list(look.faults)


def mend(hands: Hands, name: str, fault: Fault) -> str:
    found = check(name)
    assert found.mend is not None
    return found.mend(hands, fault)


def make_worker(session: Session, name: str, *, host: str = "here", role: str = "sessions", **more: object) -> None:
    now = database_time(session)
    session.add(Worker(**{"id": name, "host": host, "role": role, "pid": 1, "started_at": now, "seen_at": now, **more}))


# halts


def test_what_is_held_up_is_said_until_it_goes_on(here: Here) -> None:
    with write(here) as session:
        make_rig(session)
        halts.stop(session, actor="pat", rig="app", why="fire")
        halts.pause(session, actor="pat")
    assert {fault.subject for fault in faults(here, "halts")} == {"pause", "app estop"}
    with write(here) as session:
        halts.thaw(session, actor="pat", rig="app")
        halts.resume(session, actor="pat")
    assert faults(here, "halts") == []


# hosts, workers, queues


def test_two_machines_under_one_name_are_found(here: Here) -> None:
    with write(here) as session:
        make_worker(session, "here:1:10:boot1")
        make_worker(session, "here:2:20:boot1", role="gates")
    assert faults(here, "identity") == []
    with write(here) as session:
        then = database_time(session) - timedelta(seconds=5)
        booted = database_time(session) + timedelta(seconds=1)
        make_worker(session, "here:3:30:boot2", started_at=booted, seen_at=booted)
    assert faults(here, "identity") == []  # it has booted again
    with write(here) as session:
        make_worker(session, "here:4:40:boot2", started_at=then)
    (fault,) = faults(here, "identity")
    assert (fault.subject, fault.level) == ("here", Level.ERROR)


def test_a_queue_that_nobody_reads_is_found_and_worse_when_work_waits_in_it(here: Here) -> None:
    with write(here) as session:
        make_rig(session)
        make_rig(session, "web")
        make_worker(session, "here:1:10:boot1", queues=["host.here", "rig.app", "refinery.app", "refinery.web"])
    (fault,) = faults(here, "queues")
    assert (fault.subject, fault.level) == ("rig.web", Level.WARNING)
    with write(here) as session:
        bead = make_bead(session, prefix="web")
        sling(session, Target([bead.id], "web"), actor="pat", preset="command")
    (fault,) = faults(here, "queues")
    assert (fault.subject, fault.level) == ("rig.web", Level.ERROR)


def start_worker(session: Session, number: int, host: str = "here", *, goodbye: bool = False) -> None:
    name = f"{host}:{number}:1:boot"
    record(session, EventKind.WORKER_STARTED, actor=name, host=host, role="gates", pid=number)
    if goodbye:
        record(session, EventKind.WORKER_STOPPED, actor=name, host=host, role="gates")


def test_a_worker_that_starts_over_and_over_is_found(here: Here) -> None:
    with write(here) as session:
        for number in range(4):
            start_worker(session, number)
            start_worker(session, number, "there")
    assert faults(here, "crash-loops") == []
    with write(here) as session:
        start_worker(session, 4)
    (fault,) = faults(here, "crash-loops")
    assert fault.subject == "gates@here"


def test_workers_that_were_stopped_on_purpose_are_no_crash_loop(here: Here) -> None:
    with write(here) as session:
        for number in range(9):
            start_worker(session, number, goodbye=True)
    assert faults(here, "crash-loops") == []


def end_session(session: Session, at_s: float, **said: object) -> None:
    payload = {"exit_reason": "exited", "exit_signal": 9, "done": False, **said}
    event = record(session, EventKind.SESSION_ENDED, actor="x", **payload)
    event.at = clock.now() - timedelta(minutes=5) + timedelta(seconds=at_s)


def test_sessions_that_die_together_are_one_alarm(here: Here) -> None:
    with write(here) as session:
        for at_s in (0, 40, 80, 120, 125):
            end_session(session, at_s)
    assert faults(here, "mass-death") == []
    with write(here) as session:
        end_session(session, 130, exit_reason="lost", exit_signal=None)
    (fault,) = faults(here, "mass-death")
    assert fault.message.startswith("3 sessions died within 30 s")


def test_attempts_that_are_lost_with_their_host_are_deaths_and_each_counts_once(here: Here) -> None:
    with write(here) as session:
        make_rig(session)
        rows = [make_running(session, make_bead(session, str(number))).assignment for number in range(3)]
        for row in rows[:2]:
            payload = {"exit_reason": "lost", "exit_signal": None, "done": False}
            record(session, EventKind.SESSION_ENDED, actor="x", assignment_id=row.id, **payload)
            assignments.lose(session, row.id or 0, row.fence, actor="town", outcome="gone")
        last = (rows[2].id or 0, rows[2].fence)
    assert faults(here, "mass-death") == []
    with write(here) as session:
        assignments.lose(session, *last, actor="town", outcome="gone")
    assert faults(here, "mass-death")[0].message.startswith("3 sessions died")


@pytest.mark.parametrize("said", [{"exit_reason": "stopped"}, {"exit_signal": None}, {"done": True}])
def test_sessions_that_end_as_they_should_are_no_alarm(here: Here, said: dict[str, object]) -> None:
    with write(here) as session:
        for at_s in range(5):
            end_session(session, at_s, **said)
    assert faults(here, "mass-death") == []


# patrols


def walked(session: Session, who: Patrol, ago_s: float) -> None:
    locks.seize(session, f"walk.{who.value}", holder="x", ttl_s=-ago_s)


def test_a_deacon_that_does_not_come_round_is_found_by_boot(here: Here) -> None:
    assert check("walks").patrol is Patrol.BOOT
    assert faults(here, "walks") == []  # never up
    with write(here) as session:
        walked(session, Patrol.DEACON, 100)
        walked(session, Patrol.WITNESS, 100)
    assert faults(here, "walks") == []
    with write(here) as session:
        walked(session, Patrol.DEACON, 400)
    assert [fault.subject for fault in faults(here, "walks")] == ["deacon"]


# merge queues


def queue_request(session: Session, *, looked_s: float | None) -> None:
    bead = make_bead(session)
    (slung,) = sling(session, Target([bead.id], "app"), actor="pat", preset="command")
    then = clock.now() - timedelta(hours=1)
    request = MergeRequest(
        bead_id=bead.id, rig="app", state=RequestState.QUEUED, priority=2, created_at=then, queued_at=then
    )
    session.add(request)
    session.flush()
    head = MergeHead(
        request_id=request.id,
        assignment_id=slung.assignment_id,
        fence=1,
        head_oid="a" * 40,
        branch="polecat/nux/x@1",
        polecat="app/polecats/nux",
        submitted_at=then,
    )
    session.add(head)
    session.flush()
    request.head_id = head.id
    if looked_s is not None:
        session.add(Refinery(rig="app", looked_at=clock.now() - timedelta(seconds=looked_s)))


@pytest.mark.parametrize(("looked_s", "is_found"), [(None, True), (600, True), (20, False)])
def test_a_merge_queue_that_nobody_looks_at_is_found(here: Here, looked_s: float | None, is_found: bool) -> None:
    with write(here) as session:
        make_rig(session)
        queue_request(session, looked_s=looked_s)
    assert bool(faults(here, "refineries")) is is_found


def test_a_queue_is_not_rung_for_by_force_when_redis_is_away(here: Here, hands: Hands) -> None:
    with write(here) as session:
        make_rig(session)
        queue_request(session, looked_s=600)
    (fault,) = faults(here, "refineries")
    with pytest.raises(NotMended, match="Redis"):
        mend(hands, "refineries", fault)


def test_a_stopped_rigs_queue_stands_still_by_right(here: Here, hands: Hands) -> None:
    with write(here) as session:
        make_rig(session)
        queue_request(session, looked_s=600)
    (fault,) = faults(here, "refineries")
    with write(here) as session:
        halts.stop(session, actor="pat", why="fire")
    assert faults(here, "refineries") == []
    assert mend(hands, "refineries", fault) == ""


# convoys


def make_convoy(session: Session, count: int = 2) -> tuple[str, list[str]]:
    make_rig(session)
    names = [make_bead(session, f"part {number}").id for number in range(count)]
    return convoys.create(session, "together", names, actor="pat").id, names


def sling_to_wait(session: Session, convoy: str) -> None:
    """The beads stay open until they are dispatched."""
    halts.pause(session, actor="pat")
    sling(session, Target([convoy], None), actor="pat", preset="command")


def drop_attempts(session: Session, bead_id: str) -> None:
    """As an operator with an SQL prompt does."""
    for row in session.exec(select(Assignment).where(Assignment.bead_id == bead_id)).all():
        session.delete(row)


def test_a_convoy_that_nobody_slung_is_a_plan(here: Here) -> None:
    with write(here) as session:
        make_convoy(session)
    assert faults(here, "stranded") == []


def test_members_that_hang_on_hooks_or_wait_for_others_are_not_stranded(here: Here) -> None:
    with write(here) as session:
        convoy, (first, second) = make_convoy(session)
        beads.add_dependency(session, second, first, actor="pat")
        sling(session, Target([convoy], None), actor="pat", preset="command")
    assert faults(here, "stranded") == []


def test_a_member_that_lost_its_hook_without_a_word_is_slung_again_where_it_was(here: Here, hands: Hands) -> None:
    with write(here) as session:
        convoy, (first, _second) = make_convoy(session)
        sling_to_wait(session, convoy)
    with write(here) as session:
        drop_attempts(session, first)
        halts.resume(session, actor="pat")
    (fault,) = faults(here, "stranded")
    assert (fault.subject, fault.level) == (convoy, Level.ERROR)
    assert first in fault.message
    assert mend(hands, "stranded", fault) == f"slung {first} again"
    assert faults(here, "stranded") == []
    assert mend(hands, "stranded", fault) == ""
    with write(here) as session:
        (row,) = assignments.history(session, first)
        assert row.state is AssignmentState.OFFERED


def test_a_member_that_a_person_took_back_is_said_and_never_slung(here: Here, hands: Hands) -> None:
    with write(here) as session:
        convoy, (first, _second) = make_convoy(session)
        sling(session, Target([convoy], None), actor="pat", preset="command")
    with write(here) as session:
        assignments.release(session, first, actor="pat", why="wrong rig")
    (fault,) = faults(here, "stranded")
    assert fault.level is Level.WARNING
    with pytest.raises(NotMended):
        mend(hands, "stranded", fault)
    with write(here) as session:
        assert assignments.find_open(session, first) is None


def test_a_member_that_was_added_and_never_slung_is_said_and_never_slung(here: Here, hands: Hands) -> None:
    with write(here) as session:
        convoy, names = make_convoy(session)
        sling(session, Target([convoy], None), actor="pat", preset="command")
        late = make_bead(session, "late").id
        convoys.add_members(session, convoy, [late], actor="pat")
    (fault,) = faults(here, "stranded")
    assert late in fault.message
    assert names[0] not in fault.message
    with pytest.raises(NotMended):
        mend(hands, "stranded", fault)


def test_the_deacon_feeds_three_convoys_a_round_and_each_once_in_ten_minutes(here: Here, hands: Hands) -> None:
    with write(here) as session:
        make_rig(session)
        names = [[make_bead(session, f"{n}.{m}").id for m in range(2)] for n in range(5)]
        made = [convoys.create(session, f"convoy {n}", members, actor="pat").id for n, members in enumerate(names)]
        for convoy in made:
            sling_to_wait(session, convoy)
    with write(here) as session:
        for members in names:
            for bead_id in members:
                drop_attempts(session, bead_id)
        halts.resume(session, actor="pat")

    def at_work() -> int:
        with write(here) as session:
            return len(assignments.list_open(session))

    patrols.walk(hands, Patrol.DEACON)
    assert at_work() == 3
    patrols.walk(hands, Patrol.DEACON)
    assert at_work() == 3


# gates of beads, escalations


def make_gate(session: Session, kind: str, **more: object) -> str:
    held = make_bead(session, "held up")
    return beads.create_gate(session, beads.NewGate(held.id, kind, **more), actor="pat").id  # type: ignore[arg-type]


def test_a_gate_opens_when_the_bead_that_it_waits_for_is_closed(here: Here, hands: Hands) -> None:
    with write(here) as session:
        make_rig(session)
        awaited = make_bead(session, "awaited").id
        gate = make_gate(session, "bead", await_id=awaited)
    assert faults(here, "waits") == []
    with write(here) as session:
        beads.close(session, [awaited], actor="pat", reason="done")
    (fault,) = faults(here, "waits")
    assert fault.subject == gate
    assert mend(hands, "waits", fault).startswith("opened it")
    assert faults(here, "waits") == []
    assert mend(hands, "waits", fault) == ""


def test_a_gate_whose_time_is_over_asks_for_a_person_and_stays_shut(here: Here, hands: Hands) -> None:
    with write(here) as session:
        make_rig(session)
        gate = make_gate(session, "timer", timeout=1)
    (fault,) = faults(here, "waits")
    assert mend(hands, "waits", fault) == "asked for a person"
    assert mend(hands, "waits", fault) == ""
    with write(here) as session:
        assert beads.get(session, gate).status == BeadStatus.OPEN
    assert [fault.subject for fault in faults(here, "waits")] == [gate]


def test_an_escalation_that_nobody_takes_up_is_raised_again_as_an_error(here: Here, hands: Hands) -> None:
    with write(here) as session:
        make_rig(session)
        bead = make_bead(session)
        row = make_running(session, bead).assignment
        assignments.escalate(session, row.id or 0, row.fence, actor="nux", why="too hard")
        name = bead.id
    patrols.walk(hands, Patrol.DEACON)
    with write(here) as session:
        event = session.exec(select(Event).where(Event.kind == EventKind.BEAD_ESCALATED)).one()
        event.at = clock.now() - timedelta(hours=5)
    patrols.walk(hands, Patrol.DEACON)
    patrols.walk(hands, Patrol.DEACON)
    with write(here) as session:
        raised = session.exec(select(Event).where(Event.kind == EventKind.FINDING_RAISED).order_by(col(Event.id))).all()
    mine = [event.payload["level"] for event in raised if event.payload["check"] == "escalated"]
    assert mine == ["warning", "error"]
    (fault,) = faults(here, "escalated")
    assert (fault.subject, fault.level) == (name, Level.ERROR)
    with write(here) as session:
        policy.set_value(session, "deacon.stale_escalation_s", "86400", actor="pat")
    assert faults(here, "escalated")[0].level is Level.WARNING


def test_an_attempt_of_a_rig_that_is_halted_is_not_said_to_be_left_lying(here: Here) -> None:
    with write(here) as session:
        make_rig(session)
        bead = make_bead(session)
        sling(session, Target([bead.id], "app"), actor="pat", preset="command")
        row = assignments.find_open(session, bead.id)
        assert row is not None
        row.created_at = clock.now() - timedelta(hours=1)
    assert len(faults(here, "offers")) == 1
    with write(here) as session:
        rigs.park(session, "app", actor="pat")
    assert faults(here, "offers") == []


def test_a_polecat_that_nobody_works_with_is_found_when_it_is_marked_as_busy(here: Here) -> None:
    with write(here) as session:
        make_rig(session)
        row = make_running(session, make_bead(session)).assignment
        polecat = session.get_one(Polecat, row.polecat)
        polecat.last_used_at = clock.now() - timedelta(hours=1)
        number, fence = row.id or 0, row.fence
    assert faults(here, "strays") == []
    with write(here) as session:
        assignments.lose(session, number, fence, actor="town", outcome="its host is gone")
    (fault,) = faults(here, "strays")
    assert "not at work" in fault.message
