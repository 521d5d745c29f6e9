"""Requests and ticks in SQL alone, on each kind of database."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session

from gastown import beads, clock, queue, refinery, rigs
from gastown.assignments import Assignment, AssignmentState, Reason
from gastown.refinery import MergeRequest, RequestState, gate_runs
from gastown.refinery.gate_runs import Wanted

OID = "a" * 40


@pytest.fixture
def bead(session: Session) -> str:
    gate = rigs.GateSpec("test", "true")
    rigs.add(session, rigs.NewRig("app", "app", "https://example.com/app.git", "main", (gate,)), actor="somebody")
    return beads.create(session, beads.NewBead("A change", prefix="app"), actor="somebody").id


def _submit(session: Session, bead_id: str, fence: int = 1, head: str = OID) -> MergeRequest:
    row = Assignment(
        bead_id=bead_id,
        rig="app",
        preset="command",
        state=AssignmentState.SUBMITTED,
        reason=Reason.SLING,
        fence=fence + 100 * int(head, 16) % 7919,
        created_at=clock.now(),
    )
    session.add(row)
    session.flush()
    return refinery.submit(
        session,
        assignment_id=row.id or 0,
        bead_id=bead_id,
        rig="app",
        fence=fence,
        polecat="app/polecats/nux",
        head_oid=head,
        branch=f"polecat/nux/{bead_id}@{fence}",
        priority=2,
        actor="app/polecats/nux",
    )


def _bells(session: Session) -> list[queue.Doorbell]:
    bells: list[queue.Doorbell] = session.info.get("doorbells", [])
    return bells


def test_one_request_and_one_doorbell_when_the_same_commit_is_submitted_twice(session: Session, bead: str) -> None:
    first = _submit(session, bead)
    rung = len(_bells(session))
    session.expire_all()
    heads = refinery.list_heads(session, first.id or 0)
    again = refinery.submit(
        session,
        assignment_id=heads[0].assignment_id,
        bead_id=bead,
        rig="app",
        fence=1,
        polecat="app/polecats/nux",
        head_oid=OID,
        branch="b",
        priority=2,
        actor="a",
    )
    assert again.id == first.id
    assert len(refinery.list_heads(session, first.id or 0)) == 1
    assert len(_bells(session)) == rung
    bell = _bells(session)[-1]
    assert (bell.task, bell.queue, bell.args) == (queue.Task.REFINERY_STEP, "refinery.app", ("app",))


def test_head_of_an_overtaken_attempt_is_refused_when_a_newer_one_has_submitted(session: Session, bead: str) -> None:
    request = _submit(session, bead, fence=2)
    with pytest.raises(refinery.StaleSubmit):
        _submit(session, bead, fence=1, head="b" * 40)
    assert len(refinery.list_heads(session, request.id or 0)) == 1


def test_newer_head_takes_over_the_waiting_request_when_it_is_submitted(session: Session, bead: str) -> None:
    request = _submit(session, bead)
    again = _submit(session, bead, fence=2, head="b" * 40)
    assert again.id == request.id
    assert [head.result for head in refinery.list_heads(session, request.id or 0)] == ["superseded", ""]
    assert refinery.list_queue(session, "app")[0].head_oid == "b" * 40


def test_request_leaves_the_queue_and_another_may_follow_when_it_is_cancelled(session: Session, bead: str) -> None:
    first = _submit(session, bead)
    assert refinery.cancel(session, bead, actor="somebody", why="not wanted") is not None
    assert refinery.cancel(session, bead, actor="somebody", why="not wanted") is None
    assert refinery.list_queue(session, "app") == []
    second = _submit(session, bead, fence=2, head="b" * 40)
    assert second.id != first.id


def test_tree_has_one_open_run_when_it_is_asked_for_twice(session: Session, bead: str) -> None:
    _submit(session, bead)
    wanted = Wanted("app", base_oid=OID, commit_oid=OID, tree_oid="b" * 40, config_hash="c")
    one = gate_runs.request(session, wanted, attempt=1, actor="app/refinery")
    two = gate_runs.request(session, wanted, attempt=1, actor="app/refinery")
    assert one.id == two.id
    assert refinery.list_requested(session) == [one.id]


def test_rig_is_rung_when_it_waits_and_nobody_has_looked_for_a_while(session: Session, bead: str) -> None:
    from gastown.refinery import looks

    _submit(session, bead)
    assert queue.Doorbell(queue.Task.REFINERY_STEP, "refinery.app", ("app",)) in refinery.tick_rigs(session)
    looks.note_look(session, "app", seen_oid=OID)
    session.flush()
    assert refinery.tick_rigs(session) == []
    moment = clock.now() + timedelta(seconds=31)
    clock.set_source(lambda: moment)
    try:
        assert [bell.args for bell in refinery.tick_rigs(session)] == [("app",)]
    finally:
        clock.set_source(None)


def test_idle_rig_is_not_rung_when_its_target_is_green(session: Session, bead: str) -> None:
    assert [bell.args for bell in refinery.tick_rigs(session)] == [("app",)]  # its target was never looked at
    rigs.set_target_state(session, "app", rigs.TargetState.GREEN, OID, actor="app/refinery")
    session.flush()
    assert refinery.tick_rigs(session) == []


def test_gate_run_is_rung_again_when_nobody_came_for_it(session: Session, bead: str) -> None:
    rigs.set_target_state(session, "app", rigs.TargetState.GREEN, OID, actor="app/refinery")
    wanted = Wanted("app", base_oid=OID, commit_oid=OID, tree_oid="b" * 40, config_hash="c")
    run = gate_runs.request(session, wanted, attempt=1, actor="app/refinery")
    session.flush()
    assert refinery.tick_rigs(session) == []
    run.rung_at = datetime(2026, 1, 1, tzinfo=UTC)
    session.add(run)
    session.flush()
    assert [(bell.task, bell.args) for bell in refinery.tick_rigs(session)] == [(queue.Task.GATE_RUN, (run.id,))]
    assert refinery.tick_rigs(session) == []


def test_queue_is_listed_in_boarding_order_with_what_each_waits_for(session: Session, bead: str) -> None:
    from gastown.beads import NewBead

    _submit(session, bead)
    other = beads.create(session, NewBead("An urgent one", prefix="app", priority=0), actor="somebody").id
    request = _submit(session, other, head="b" * 40)
    request.priority = 0
    session.add(request)
    session.flush()
    items = refinery.list_queue(session)
    assert [(item.position, item.request.bead_id) for item in items] == [(1, other), (2, bead)]
    assert items[0].score > items[1].score
    assert items[1].waits_for == "the request before it"
    (status,) = refinery.status(session)
    assert status.counts == {RequestState.QUEUED: 2}


def test_the_first_of_the_queue_is_shown_however_many_are_older(
    session: Session, bead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Returned ones and other rigs' count for nothing, and read in parts it is the same."""
    from gastown.refinery import places

    monkeypatch.setattr(places, "AT_ONCE", 2)
    gate = rigs.GateSpec("test", "true")
    rigs.add(session, rigs.NewRig("zoo", "zoo", "https://example.com/zoo.git", "main", (gate,)), actor="somebody")
    names = [bead, *(_bead(session) for _ in range(4))]
    for number, name in enumerate(names):
        request = _submit(session, name, head=f"{number + 1:040x}")
        request.priority = {3: 0, 4: 1}.get(number, 2)
        request.state = RequestState.RETURNED if number == 1 else RequestState.QUEUED
        request.rig = "zoo" if number == 2 else "app"
        session.add(request)
    session.flush()

    items = refinery.list_queue(session, limit=2)
    assert [(item.position, item.request.bead_id) for item in items] == [(1, names[3]), (2, names[4])]
    assert [(up.item.position, up.item.request.bead_id) for up in refinery.list_next(session)] == [
        (1, names[3]),
        (1, names[2]),
    ]
    everything = [(item.position, item.request.bead_id) for item in refinery.list_queue(session)]
    assert everything == [(1, names[3]), (2, names[4]), (3, names[0]), (0, names[1]), (1, names[2])]
    blocked = refinery.read_blocked(session)
    assert [item.request.bead_id for item in blocked.items] == [name for _position, name in everything]


def _bead(session: Session) -> str:
    return beads.create(session, beads.NewBead("Another", prefix="app"), actor="somebody").id


def test_rig_is_rung_at_once_when_its_lease_was_left_behind_by_the_dead(session: Session, bead: str) -> None:
    from gastown.db import locks
    from gastown.refinery import looks

    rigs.set_target_state(session, "app", rigs.TargetState.GREEN, OID, actor="app/refinery")
    looks.note_look(session, "app", seen_oid=OID)
    proof = locks.try_acquire(session, refinery.lease_name("app"), holder="the dead", ttl_s=-1)
    assert proof is not None
    assert [bell.args for bell in refinery.tick_rigs(session)] == [("app",)]
    locks.release(session, proof)
    assert refinery.tick_rigs(session) == []


def test_rig_goes_to_the_next_step_before_its_lease_ends_when_its_holder_is_dead(session: Session, bead: str) -> None:
    from gastown.db import locks

    def is_dead(holder: str) -> bool:
        return holder == "the dead"

    name = refinery.lease_name("app")
    _submit(session, bead)
    first = locks.try_acquire(session, name, holder="the dead", ttl_s=60)
    assert first is not None
    assert refinery.list_unseen(session, is_dead=is_dead) == ["app"]
    assert locks.try_acquire(session, name, holder="next", ttl_s=60) is None, "of other hosts only the lease tells"

    second = locks.try_acquire(session, name, holder="next", ttl_s=60, is_dead=is_dead)

    assert second is not None
    assert (second.fence, second.is_left) == (first.fence + 1, True)
    assert locks.try_acquire(session, name, holder="third", ttl_s=60, is_dead=is_dead) is None, "the second lives"
    with pytest.raises(locks.LeaseLost):
        locks.check(session, first)


def test_nobody_looks_at_once_when_the_dead_let_the_rig_go(session: Session, bead: str) -> None:
    from gastown.db import locks
    from gastown.refinery import looks

    rigs.set_target_state(session, "app", rigs.TargetState.GREEN, OID, actor="app/refinery")
    looks.note_look(session, "app", seen_oid=OID)
    _submit(session, bead)
    proof = locks.try_acquire(session, refinery.lease_name("app"), holder="the dead", ttl_s=60)
    assert proof is not None
    locks.release(session, proof)

    assert refinery.list_unseen(session, is_dead=lambda _holder: True) == []


def test_request_moves_with_its_bead_when_it_is_submitted_in_another_rig(session: Session, bead: str) -> None:
    gate = rigs.GateSpec("test", "true")
    rigs.add(session, rigs.NewRig("web", "web", "https://example.com/web.git", "main", (gate,)), actor="somebody")
    old = _submit(session, bead)
    new = refinery.submit(
        session,
        assignment_id=1,
        bead_id=bead,
        rig="web",
        fence=2,
        polecat="web/polecats/nux",
        head_oid="b" * 40,
        branch="b",
        priority=2,
        actor="a",
    )
    assert (new.rig, new.state) == ("web", RequestState.QUEUED)
    assert {row.id: row.state for row in refinery.list_for_bead(session, bead)}[old.id] is RequestState.CANCELLED
