"""Rows of a merge queue that do not fit together, and remotes that change under it: the queue goes on."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import text
from sqlmodel import Session

from gastown import beads, events, refinery, town
from gastown.beads import BeadStatus
from gastown.db import is_sqlite
from gastown.events import EventKind
from gastown.refinery import RequestState
from gastown.town.reconciling.adrift import take_up_adrift
from tests.support.refinery_town import RIG, RefineryTown, make_town, run_git

T = TypeVar("T")

CHANGE: dict[str, str | None] = {"x.txt": "x\n"}


@pytest.fixture
def any_town(database_url: str, tmp_path: Path) -> RefineryTown:
    return make_town(tmp_path / "here", database_url)


def edit(place: RefineryTown, statement: str, **values: object) -> None:
    """As a person with an SQL prompt does it, who has switched off what protects the rows."""
    with place.work() as session:
        if is_sqlite(session):
            session.connection()
            session.rollback()
            driver = session.connection().connection.driver_connection
            session.rollback()
            assert driver is not None
            driver.execute("PRAGMA foreign_keys=OFF")
            session.connection().execute(text(statement), values)
            session.commit()
            driver.execute("PRAGMA foreign_keys=ON")
        else:
            session.connection().execute(text("SET LOCAL session_replication_role = replica"))
            session.connection().execute(text(statement), values)


def drive(place: RefineryTown, steps: int = 6) -> None:
    """Steps and gates until nothing more happens."""
    for _ in range(steps):
        place.step()
        place.gate()


def caller_of(place: RefineryTown) -> town.Caller:
    def transact(act: Callable[[Session], T]) -> T:
        with place.work() as session:
            return act(session)

    return town.Caller(place.settings, "here:1:1:boot", transact, place.work)


def states(place: RefineryTown, bead_id: str) -> list[RequestState]:
    with place.work() as session:
        return [row.state for row in refinery.list_for_bead(session, bead_id)]


def status_of(place: RefineryTown, bead_id: str) -> str:
    with place.work() as session:
        return beads.get(session, bead_id).status


def board(place: RefineryTown, files: dict[str, str | None]) -> str:
    """A request whose candidate is with the gates; the target is green."""
    drive(place, 2)
    bead_id = place.submit(files)
    place.step()
    return bead_id


def test_a_request_lands_when_its_head_row_is_gone_and_its_attempt_tells_it(any_town: RefineryTown) -> None:
    first = board(any_town, {"x.txt": "x\n"})
    second = any_town.submit({"y.txt": "y\n"})
    edit(
        any_town,
        "DELETE FROM merge_heads WHERE request_id = (SELECT id FROM merge_requests WHERE bead_id = :b)",
        b=first,
    )

    drive(any_town)

    assert any_town.landed == [first, second]


def test_a_person_is_asked_and_the_others_land_when_neither_head_nor_attempt_is_there(any_town: RefineryTown) -> None:
    first = board(any_town, {"x.txt": "x\n"})
    second = any_town.submit({"y.txt": "y\n"})
    edit(
        any_town,
        "DELETE FROM merge_heads WHERE request_id = (SELECT id FROM merge_requests WHERE bead_id = :b)",
        b=first,
    )
    edit(any_town, "DELETE FROM assignments WHERE bead_id = :b", b=first)

    drive(any_town)

    assert any_town.landed == [second]
    assert status_of(any_town, first) == BeadStatus.ESCALATED
    assert states(any_town, first) == [RequestState.CANCELLED]


def test_the_others_land_when_the_bead_of_a_request_is_gone(any_town: RefineryTown) -> None:
    first = board(any_town, {"x.txt": "x\n"})
    second = any_town.submit({"y.txt": "y\n"})
    edit(any_town, "DELETE FROM beads WHERE id = :b", b=first)

    drive(any_town)

    assert any_town.landed == [second]
    assert states(any_town, first) == [RequestState.CANCELLED]


def begin_landing(place: RefineryTown) -> str:
    """A landing that was cut off after its push: the remote has it, SQL does not know."""

    class Cut(BaseException):
        pass

    bead_id = board(place, CHANGE)
    place.gate()
    hook = place.remote / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    pushed = place.root / "pushed"
    hook.write_text(f"#!/bin/sh\ntouch {pushed}\n")
    hook.chmod(0o755)
    real = place.work

    def cut() -> object:
        if pushed.exists():
            raise Cut
        return real()

    with pytest.raises(Cut):
        place.step(work=cut)  # type: ignore[arg-type]
    hook.unlink()
    edit(place, "UPDATE leases SET expires_at = NULL")
    assert states(place, bead_id) == [RequestState.LANDING]
    return bead_id


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE merge_requests SET state = 'queued' WHERE bead_id = :b",
        "DELETE FROM landing_intents WHERE state = 'open' AND :b = :b",
        "DELETE FROM merge_heads WHERE :b = :b",
    ],
)
def test_what_the_remote_has_is_landed_when_the_rows_of_its_landing_were_edited(
    any_town: RefineryTown, change: str
) -> None:
    bead_id = begin_landing(any_town)
    edit(any_town, change, b=bead_id)

    drive(any_town)

    assert any_town.landed == [bead_id]
    assert status_of(any_town, bead_id) == BeadStatus.CLOSED
    with any_town.work() as session:
        told = [event.kind for event in events.for_bead(session, bead_id)]
        assert told.count(EventKind.REQUEST_LANDED) == 1


def test_the_queue_goes_on_when_the_request_of_an_open_landing_is_gone(any_town: RefineryTown) -> None:
    bead_id = begin_landing(any_town)
    edit(any_town, "DELETE FROM merge_requests WHERE bead_id = :b", b=bead_id)
    second = any_town.submit({"y.txt": "y\n"})

    drive(any_town)

    assert any_town.landed == [second]


def test_a_submitted_bead_without_a_request_is_queued_again_and_lands(any_town: RefineryTown) -> None:
    bead_id = board(any_town, CHANGE)
    edit(any_town, "DELETE FROM merge_requests WHERE bead_id = :b", b=bead_id)
    caller = caller_of(any_town)

    assert take_up_adrift(caller) == 1
    assert take_up_adrift(caller) == 0
    drive(any_town)

    assert any_town.landed == [bead_id]


def test_a_returned_request_that_nobody_reworks_gets_an_attempt(any_town: RefineryTown) -> None:
    bead_id = board(any_town, CHANGE)
    edit(any_town, "UPDATE merge_requests SET state = 'returned' WHERE bead_id = :b", b=bead_id)
    caller = caller_of(any_town)

    assert take_up_adrift(caller) == 1
    assert take_up_adrift(caller) == 0

    assert status_of(any_town, bead_id) == BeadStatus.HOOKED


def test_gate_runs_that_no_request_waits_for_are_called_off(any_town: RefineryTown) -> None:
    bead_id = board(any_town, CHANGE)
    with any_town.work() as session:
        assert refinery.call_off_unwanted(session, actor="town") == 0
    edit(any_town, "UPDATE merge_requests SET state = 'cancelled' WHERE bead_id = :b", b=bead_id)

    with any_town.work() as session:
        assert refinery.call_off_unwanted(session, actor="town") == 1
        assert refinery.list_requested(session) == []


# the remote


def test_work_is_gated_on_what_is_there_when_somebody_rewound_the_target(any_town: RefineryTown) -> None:
    """We do not put back what a person took away, once they say that they did; and nothing ungated is built on."""
    first = board(any_town, {"x.txt": "x\n"})
    drive(any_town)
    assert any_town.landed == [first]
    before = run_git(any_town.remote, "rev-parse", "main~1")
    second = any_town.submit({"y.txt": "y\n"}, base=before)
    any_town.step()
    run_git(any_town.remote, "update-ref", "refs/heads/main", before)
    drive(any_town)
    assert any_town.landed == [first], "perhaps the remote shows an old state"
    with any_town.work() as session:
        refinery.retry(session, RIG, actor="ada")

    drive(any_town)

    assert any_town.landed == [first, second]
    assert run_git(any_town.remote, "rev-parse", "main~1") == before
    assert "x.txt" not in run_git(any_town.remote, "ls-tree", "--name-only", "main").split()


def test_the_commit_that_was_submitted_lands_when_its_branch_was_force_pushed_or_deleted(
    any_town: RefineryTown,
) -> None:
    drive(any_town, 2)
    first, second = any_town.submit({"x.txt": "x\n"}), any_town.submit({"y.txt": "y\n"})
    branches = {name: f"refs/heads/polecat/nux/{name}@1" for name in (first, second)}
    start = run_git(any_town.work_git, "rev-parse", f"{branches[first]}~1")
    run_git(any_town.work_git, "update-ref", branches[first], start)
    run_git(any_town.work_git, "update-ref", "-d", branches[second])

    drive(any_town)

    assert any_town.landed == [first, second]
    assert {"x.txt", "y.txt"} <= set(run_git(any_town.remote, "ls-tree", "--name-only", "main").split())


def test_the_queue_waits_and_says_so_and_goes_on_when_the_remote_was_away(any_town: RefineryTown) -> None:
    bead_id = board(any_town, CHANGE)
    away = any_town.root / "away.git"
    shutil.move(any_town.remote, away)

    for _ in range(3):
        result = any_town.step()
        assert result.waits_for

    assert status_of(any_town, bead_id) == BeadStatus.SUBMITTED
    shutil.move(away, any_town.remote)
    drive(any_town)
    assert any_town.landed == [bead_id]
