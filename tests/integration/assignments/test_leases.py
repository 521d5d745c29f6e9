"""The lease protocol on both databases."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import event, update
from sqlmodel import Session, col

from gastown import agents, assignments, beads, policy, rigs
from gastown.agents import WorktreeState
from gastown.assignments import Assignment, AssignmentState, NoRoom, NothingToClaim, Sign, StaleFence
from gastown.beads import BeadStatus
from gastown.config import Settings
from gastown.db import database_time
from gastown.db.unit_of_work import unit_of_work
from tests.support.factories import HOLDER, OTHER_HOLDER, make_bead, make_offered, make_rig, make_running


def nobody_is_dead(_holder: str) -> bool:
    return False


def everybody_is_dead(_holder: str) -> bool:
    return True


def expire(session: Session, assignment_id: int) -> None:
    past = database_time(session) - timedelta(seconds=1)
    session.execute(update(Assignment).where(col(Assignment.id) == assignment_id).values(expires_at=past))
    session.expire_all()


def test_claim_leases_the_bead_to_a_new_polecat_when_none_is_idle(session: Session) -> None:
    make_rig(session)
    bead = make_bead(session)
    taken = make_running(session, bead)
    row = taken.assignment
    assert (row.state, row.holder, row.fence) == (AssignmentState.RUNNING, HOLDER, 1)
    assert row.expires_at is not None
    assert row.expires_at > database_time(session) + timedelta(seconds=50)
    found = beads.get(session, bead.id)
    assert (found.status, found.assignee) == (BeadStatus.IN_PROGRESS, taken.polecat.address)
    assert taken.polecat.worktree_state is WorktreeState.BUSY


def test_claim_takes_the_most_urgent_then_the_oldest(session: Session) -> None:
    make_rig(session)
    for title, priority in (("later", 3), ("old", 1), ("young", 1)):
        make_offered(session, make_bead(session, title), priority=priority)
    order = []
    for _ in range(3):
        row = assignments.claim(session, "app", holder=HOLDER, host="here", slots=9).assignment
        order.append(beads.get(session, row.bead_id).title)
    assert order == ["old", "young", "later"]


def claim_title(session: Session) -> str:
    row = assignments.claim(session, "app", holder=HOLDER, host="here", slots=9).assignment
    return beads.get(session, row.bead_id).title


def test_what_was_lost_with_its_host_goes_on_before_anything_more_urgent_begins(session: Session) -> None:
    make_rig(session)
    make_offered(session, make_bead(session, "lost"), priority=3)
    row = assignments.claim(session, "app", holder=HOLDER, host="here", slots=9).assignment
    make_offered(session, make_bead(session, "urgent"), priority=0)
    assignments.lose(session, row.id or 0, 1, actor="town", outcome="host gone")
    assert [claim_title(session), claim_title(session)] == ["lost", "urgent"]


def test_what_the_agent_failed_at_waits_for_what_is_more_urgent(session: Session) -> None:
    make_rig(session)
    policy.set_value(session, "affinity_s", "0", actor="tester")
    make_offered(session, make_bead(session, "failed"), priority=3)
    row = assignments.claim(session, "app", holder=HOLDER, host="here", slots=9).assignment
    make_offered(session, make_bead(session, "urgent"), priority=0)
    make_offered(session, make_bead(session, "new"), priority=3)
    assignments.fail(session, row.id or 0, 1, actor="town", outcome="exit status 1")
    assert [claim_title(session) for _ in range(3)] == ["urgent", "failed", "new"]


def test_claim_refuses_when_the_host_is_full(session: Session) -> None:
    make_rig(session)
    make_running(session, make_bead(session))
    make_offered(session, make_bead(session, "second"))
    with pytest.raises(NoRoom):
        assignments.claim(session, "app", holder=HOLDER, host="here", slots=1)


def test_claim_finds_nothing_when_dispatch_is_paused(session: Session) -> None:
    make_rig(session)
    make_offered(session, make_bead(session))
    policy.set_value(session, "dispatch.paused", "1", actor="tester")
    with pytest.raises(NothingToClaim):
        assignments.claim(session, "app", holder=HOLDER, host="here", slots=9)


def test_claim_passes_over_what_the_fast_lock_refuses(session: Session) -> None:
    make_rig(session)
    first = make_offered(session, make_bead(session, "locked"))
    second = make_offered(session, make_bead(session, "free"))
    taken = assignments.claim(
        session, "app", holder=HOLDER, host="here", slots=9, refuse=lambda row: row.id == first.id
    )
    assert taken.assignment.id == second.id


def test_rework_waits_for_the_polecat_that_knows_it_when_that_is_on_another_host(session: Session) -> None:
    make_rig(session)
    bead = make_bead(session)
    taken = make_running(session, bead, host="far")
    assert taken.assignment.id is not None
    assignments.submit(session, taken.assignment.id, 1, head_oid="a" * 40, actor="agent")
    agents.mark_worktree(session, taken.polecat.address, WorktreeState.CLEAN)
    following = assignments.rework(session, bead.id, details={"kind": "conflict"}, actor="refinery")
    assert following is not None
    with pytest.raises(NothingToClaim):
        assignments.claim(session, "app", holder=HOLDER, host="here", slots=9)
    again = assignments.claim(session, "app", holder=HOLDER, host="far", slots=9)
    assert again.polecat.address == taken.polecat.address
    assert again.assignment.fence == 2


def test_heartbeat_renews_only_what_the_holder_has(session: Session) -> None:
    make_rig(session)
    mine = make_running(session, make_bead(session)).assignment
    theirs = make_running(session, make_bead(session, "b"), holder=OTHER_HOLDER).assignment
    assert mine.id is not None
    assert theirs.id is not None
    expire(session, mine.id)
    expire(session, theirs.id)
    found = {
        lease.assignment_id: lease
        for lease in assignments.heartbeat(session, {mine.id: 1, theirs.id: 1}, holder=HOLDER, ttl_s=60)
    }
    session.expire_all()
    assert found[mine.id].is_mine
    assert not found[theirs.id].is_mine
    assert not found[theirs.id].is_over
    now = database_time(session)
    assert assignments.get(session, mine.id).expires_at > now  # type: ignore[operator]
    assert assignments.get(session, theirs.id).expires_at < now  # type: ignore[operator]


def test_heartbeat_says_that_an_attempt_is_over_when_a_newer_one_exists(session: Session) -> None:
    make_rig(session)
    row = make_running(session, make_bead(session)).assignment
    assert row.id is not None
    assignments.lose(session, row.id, 1, actor="town", outcome="host gone")
    [standing] = assignments.heartbeat(session, {row.id: 1}, holder=HOLDER, ttl_s=60)
    assert standing.is_over
    assert not standing.is_mine


def test_an_expired_lease_may_still_be_renewed_when_nobody_took_it(session: Session) -> None:
    make_rig(session)
    row = make_running(session, make_bead(session)).assignment
    assert row.id is not None
    expire(session, row.id)
    [standing] = assignments.heartbeat(session, {row.id: 1}, holder=HOLDER, ttl_s=60)
    assert standing.is_mine


@pytest.mark.parametrize("expired", [True, False])
def test_adoption_changes_the_holder_and_keeps_the_fence(session: Session, expired: bool) -> None:
    make_rig(session)
    row = make_running(session, make_bead(session)).assignment
    assert row.id is not None
    if expired:
        expire(session, row.id)
    is_dead = nobody_is_dead if expired else everybody_is_dead
    taken = assignments.adopt(session, row.id, holder=OTHER_HOLDER, host="here", is_dead=is_dead)
    assert taken is not None
    assert (taken.assignment.holder, taken.assignment.fence) == (OTHER_HOLDER, 1)


def test_a_living_holder_is_not_adopted_from_before_its_lease_expires(session: Session) -> None:
    make_rig(session)
    row = make_running(session, make_bead(session)).assignment
    assert row.id is not None
    assert assignments.adopt(session, row.id, holder=OTHER_HOLDER, host="here", is_dead=nobody_is_dead) is None


def test_a_session_of_another_host_is_never_adopted(session: Session) -> None:
    make_rig(session)
    row = make_running(session, make_bead(session)).assignment
    assert row.id is not None
    expire(session, row.id)
    assert assignments.adopt(session, row.id, holder=OTHER_HOLDER, host="far", is_dead=everybody_is_dead) is None


def test_a_stale_attempt_changes_nothing(session: Session) -> None:
    make_rig(session)
    bead = make_bead(session)
    row = make_running(session, bead).assignment
    assert row.id is not None
    assignments.lose(session, row.id, 1, actor="town", outcome="host gone")
    with pytest.raises(StaleFence):
        assignments.submit(session, row.id, 1, head_oid="b" * 40, actor="agent")
    with pytest.raises(StaleFence):
        assignments.escalate(session, row.id, 1, actor="agent", why="tired")
    assert beads.get(session, bead.id).status == BeadStatus.HOOKED


def test_one_claimer_wins_when_many_race_for_one_attempt(here: Settings) -> None:
    with unit_of_work(here.database) as session:
        make_rig(session)
        make_offered(session, make_bead(session))
    winners, losers, gate = [], [], threading.Barrier(8)

    def race(number: int) -> None:
        gate.wait(timeout=20)
        try:
            with unit_of_work(here.database) as session:
                taken = assignments.claim(session, "app", holder=f"h:{number}:1:b", host="here", slots=99)
            winners.append(taken.assignment.holder)
        except NothingToClaim:
            losers.append(number)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(winners) == 1
    assert len(losers) == 7


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # the other has one writer: nobody waits within
def test_a_lease_begins_when_its_locks_were_had_and_not_when_they_were_asked_for(here: Settings) -> None:
    with unit_of_work(here.database) as session:
        make_rig(session)
        make_offered(session, make_bead(session))
    asked, taken = threading.Event(), []

    def claim() -> None:
        asked.set()
        with unit_of_work(here.database) as session:
            taken.append(assignments.claim(session, "app", holder="h:1:1:b", host="here", slots=9).assignment)

    claimer = threading.Thread(target=claim)
    with unit_of_work(here.database) as session:
        rigs.get(session, "app", lock=True)
        claimer.start()
        asked.wait(timeout=20)
        time.sleep(0.5)
        released = database_time(session)
    claimer.join(timeout=60)

    (row,) = taken
    assert row.claimed_at >= released
    assert row.expires_at >= released + timedelta(seconds=60)


def count_statements(session: Session, act: Callable[[], object]) -> int:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        seen.append(statement)

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def test_heartbeat_carries_signs_of_life_in_the_statement_that_is_sent_anyway(session: Session) -> None:
    make_rig(session)
    rows = [make_running(session, make_bead(session, title)).assignment for title in ("a", "b", "c")]
    leases = {row.id or 0: 1 for row in rows}
    lively, busy, idle = leases
    signs = {lively: Sign(silent_s=5), busy: Sign(silent_s=1, idle_s=30)}
    session.flush()

    quiet = count_statements(session, lambda: assignments.heartbeat(session, leases, holder=HOLDER, ttl_s=60))
    told = count_statements(
        session, lambda: assignments.heartbeat(session, leases, holder=HOLDER, ttl_s=60, signs=signs)
    )

    session.expire_all()
    now = database_time(session)
    found = {number: assignments.get(session, number) for number in leases}
    assert quiet == told
    assert timedelta(seconds=4) < now - (found[lively].active_at or now) < timedelta(seconds=60)
    assert found[lively].progress_at is None
    assert timedelta(seconds=29) < now - (found[busy].progress_at or now) < timedelta(seconds=90)
    assert (found[idle].active_at, found[idle].progress_at) == (None, None)


def test_signs_of_a_session_that_another_worker_holds_are_not_written(session: Session) -> None:
    make_rig(session)
    row = make_running(session, make_bead(session), holder=OTHER_HOLDER).assignment
    assert row.id is not None

    assignments.heartbeat(session, {row.id: 1}, holder=HOLDER, ttl_s=60, signs={row.id: Sign(silent_s=0)})

    session.expire_all()
    assert assignments.get(session, row.id).active_at is None


def test_a_write_of_the_agent_is_a_sign_of_progress(session: Session) -> None:
    make_rig(session)
    row = make_running(session, make_bead(session)).assignment
    assert row.id is not None

    assignments.note_progress(session, row.id, 1)

    assert row.progress_at == row.active_at is not None
    assignments.lose(session, row.id, 1, actor="town", outcome="host gone")
    with pytest.raises(StaleFence):
        assignments.note_progress(session, row.id, 1)


@pytest.mark.parametrize(("detached", "dead", "deaths"), [(True, True, 0), (False, True, 1), (False, False, 0)])
def test_only_holders_that_died_count_against_a_session(
    session: Session, detached: bool, dead: bool, deaths: int
) -> None:
    make_rig(session)
    row = make_running(session, make_bead(session)).assignment
    assert row.id is not None
    if detached:
        assignments.detach(session, [row.id], holder=HOLDER, grace_s=600)
    elif not dead:
        expire(session, row.id)

    taken = assignments.adopt(session, row.id, holder=OTHER_HOLDER, host="here", is_dead=lambda _holder: dead)

    assert taken is not None
    assert taken.assignment.adoptions == deaths
