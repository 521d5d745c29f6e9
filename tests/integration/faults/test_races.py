"""What PostgreSQL's READ COMMITTED lets two transactions do at once, and SQLite's one writer in turn."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session

from gastown import agents, assignments, beads, config, events, sling
from gastown.agents import WorktreeState
from gastown.assignments import AssignmentState, NoRoom, NothingToClaim
from gastown.db.engine import get_engine
from gastown.db.unit_of_work import transact, unit_of_work
from gastown.errors import Conflict
from gastown.events import EventKind
from gastown.sessions.supervise import free_worktree
from gastown.sling import Target
from tests.support.databases import PostgresServer
from tests.support.factories import make_bead, make_offered, make_rig, make_running

WITHIN_S = 60


@pytest.fixture
def on_postgres(tmp_path: Any, postgres_server: PostgresServer) -> Iterator[config.Settings]:
    """Settings of a town on a fresh PostgreSQL."""
    url = postgres_server.create_database()
    settings = config.Settings(town=tmp_path, database_url=url, host="here")
    config.use(settings)
    yield settings
    config.use(None)
    postgres_server.drop_database(url)


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Run `acts` in threads that start together; their results, or the errors they raised."""
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        barrier.wait(WITHIN_S)
        try:
            return act()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts, timeout=WITHIN_S))


def sling_waiting(count: int) -> list[str]:
    """Beads that may start, and that nobody has offered yet."""
    with unit_of_work() as session:
        make_rig(session)
        blocker = make_bead(session, "blocker")
        names = []
        for number in range(count):
            bead = make_bead(session, f"bead {number}")
            beads.add_dependency(session, bead.id, blocker.id, actor="me")
            names.append(bead.id)
        sling.sling(session, Target(names, "app"), actor="me", preset="command")
        beads.close(session, [blocker.id], actor="me", reason="done")
    return names


def test_a_dispatch_that_read_too_early_takes_no_claim_back(on_postgres: config.Settings) -> None:
    (bead_id,) = sling_waiting(1)
    with unit_of_work() as slow:
        (stale,) = assignments.list_waiting(slow)
        with unit_of_work() as session:
            sling.dispatch(session, actor="town")
        with unit_of_work() as session:
            assignments.claim(session, "app", holder="h:1:1:b", host="here", slots=9)

        assert assignments.offer(slow, stale, actor="town") is False

    with unit_of_work() as session:
        row = assignments.find_open(session, bead_id)
        assert row is not None
        assert row.state is AssignmentState.RUNNING
        assert beads.get(session, bead_id).status == beads.BeadStatus.IN_PROGRESS


def test_a_row_that_was_read_before_it_changed_is_read_anew_under_its_lock(on_postgres: config.Settings) -> None:
    with unit_of_work() as session:
        make_rig(session)
        row_id = make_running(session, make_bead(session)).assignment.id or 0
    with unit_of_work() as slow:
        stale = assignments.get(slow, row_id)
        with unit_of_work() as session:
            assignments.lose(session, row_id, 1, actor="town", outcome="gone")
        with pytest.raises(assignments.StaleFence):
            assignments.running(slow, row_id, 1)
        assert stale.state is AssignmentState.LOST


def test_every_bead_is_offered_once_and_run_once_when_many_dispatch_and_claim_at_once(here: config.Settings) -> None:
    names = sling_waiting(12)

    def dispatch() -> object:
        return transact(lambda session: sling.dispatch(session, actor="town").offered)

    def claim() -> object:
        taken = 0
        for _ in range(6):
            try:
                transact(lambda session: assignments.claim(session, "app", holder="h:1:1:b", host="here", slots=99))
            except (NothingToClaim, NoRoom):
                continue
            taken += 1
        return taken

    results = at_once(dispatch, claim, dispatch, claim, dispatch, claim)
    assert [result for result in results if isinstance(result, Exception)] == []

    with unit_of_work() as session:
        for name in names:
            kinds = [found.kind for found in events.for_bead(session, name)]
            assert kinds.count(EventKind.ASSIGNMENT_OFFERED) == 1
            assert kinds.count(EventKind.ASSIGNMENT_CLAIMED) <= 1
        running = assignments.list_running(session)
        assert len({row.polecat for row in running}) == len(running)


def test_a_host_runs_no_more_than_its_slots_when_claims_come_in_several_rigs(here: config.Settings) -> None:
    rigs = [f"rig{number}" for number in range(6)]
    with unit_of_work() as session:
        for name in rigs:
            make_rig(session, name, prefix=name)
            for _ in range(2):
                make_offered(session, make_bead(session, prefix=name), rig=name)

    def claim(rig: str) -> object:
        return transact(lambda session: assignments.claim(session, rig, holder="h:1:1:b", host="here", slots=3))

    results = at_once(*[lambda rig=rig: claim(rig) for rig in rigs * 2])

    assert sum(isinstance(result, NoRoom) for result in results) == len(results) - 3
    with unit_of_work() as session:
        assert len(assignments.list_running(session)) == 3


def test_one_wins_and_the_others_get_a_conflict_when_a_bead_is_slung_by_many(here: config.Settings) -> None:
    with unit_of_work() as session:
        make_rig(session)
        names = [make_bead(session, f"bead {number}").id for number in range(3)]

    def sling_all(order: list[str]) -> object:
        with unit_of_work() as session:
            return sling.sling(session, Target(order, "app"), actor="me", preset="command")

    results = at_once(*[lambda order=order: sling_all(order) for order in (names, names[::-1]) * 3])

    errors = [result for result in results if isinstance(result, Exception)]
    assert [error for error in errors if not isinstance(error, (Conflict, sling.SlingRefused))] == []
    assert len(errors) == len(results) - 1
    with unit_of_work() as session:
        for name in names:
            assert [row.fence for row in assignments.history(session, name)] == [1]


def test_a_row_that_somebody_else_wrote_first_is_a_conflict_and_no_crash(on_postgres: config.Settings) -> None:
    with unit_of_work() as session:
        make_rig(session)
        bead = make_bead(session)
        make_offered(session, bead)
    with unit_of_work() as session:
        row = assignments.find_open(session, bead.id)
        assert row is not None
        same = row.model_dump(exclude={"id"})

    def insert() -> None:
        with unit_of_work() as session:
            session.add(assignments.Assignment(**{**same, "fence": 2}))

    with pytest.raises(Conflict):
        insert()


def test_transact_tries_again_when_somebody_else_wrote_a_row_first(on_postgres: config.Settings) -> None:
    """The second look sees what the first one did not, and says so in the noun's own words."""
    with unit_of_work() as session:
        make_rig(session)
        bead = make_bead(session)
        make_offered(session, bead)
    tries: list[int] = []

    def insert(session: Session) -> str:
        tries.append(1)
        if len(tries) > 1:
            return "seen"
        row = assignments.find_open(session, bead.id)
        assert row is not None
        session.add(assignments.Assignment(**{**row.model_dump(exclude={"id"}), "fence": 2}))
        session.flush()
        return "not refused"

    assert transact(insert) == "seen"


def test_a_session_that_ends_late_leaves_its_polecats_next_session_alone(session: Session) -> None:
    """Its worker was stopped while another one saw the end of the session, and the polecat has new work since."""
    make_rig(session)
    first = make_running(session, make_bead(session, "first")).assignment
    polecat = first.polecat or ""
    assignments.fail(session, first.id or 0, 1, actor="agent", outcome="exit status 1")
    agents.mark_worktree(session, polecat, WorktreeState.CLEAN)
    second = assignments.claim(session, "app", holder="h:1:1:b", host="here", slots=9)
    assert second.polecat.address == polecat

    free_worktree(session, first, WorktreeState.CLEAN)

    session.flush()
    session.expire_all()
    assert agents.get(session, polecat).worktree_state is WorktreeState.BUSY


def test_a_hung_pool_is_a_database_that_is_away(here: config.Settings) -> None:
    """What the pool raises when every connection is taken is no crash either."""
    from sqlalchemy.exc import TimeoutError as PoolTimeout

    from gastown.db import DatabaseAway

    engine = get_engine()

    def refuse(_connection: object) -> None:
        raise PoolTimeout("QueuePool limit reached")

    event.listen(engine, "begin", refuse)
    try:
        with pytest.raises(DatabaseAway), unit_of_work() as session:
            beads.get(session, "app-none")
    finally:
        event.remove(engine, "begin", refuse)
