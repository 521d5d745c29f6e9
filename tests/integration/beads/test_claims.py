"""Many processes at once: claims have one winner, counters one number, readiness no lost wake-up."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from gastown import beads, config
from gastown.beads import Bead, Filters
from gastown.db import dispose
from gastown.db.unit_of_work import reading, transact, unit_of_work
from tests.support.factories_beads import make_bead
from tests.support.processes import run_at_once

PROCESSES = 8
READY = 60
DEADLINE_S = 90


def in_processes(work: Callable[..., Any], *args: Any) -> list[Any]:
    """Run `work(number, *args)` in PROCESSES fresh processes at once; return what each returned."""
    preload = ["gastown.beads", "gastown.tables", "tests.support.factories_beads"]
    return run_at_once(work, [(number, *args) for number in range(PROCESSES)], within_s=DEADLINE_S, preload=preload)


def claim_all(number: int, url: str) -> list[str]:
    mine = []
    while True:
        with unit_of_work(url) as session:
            taken = beads.claim_ready(session, Filters(), actor=f"agent-{number}")
        if taken is None:
            return mine
        mine.append(taken)


def claim_one(number: int, url: str, bead_id: str) -> bool:
    try:
        with unit_of_work(url) as session:
            beads.claim(session, bead_id, actor=f"agent-{number}")
    except beads.AlreadyClaimed:
        return False
    return True


def make_children(number: int, url: str, parent: str) -> list[str]:
    return [transact(lambda session: make_bead(session, parent=parent).id, url) for _ in range(5)]


def close_one(number: int, url: str, blockers: list[str], town: Path) -> None:
    config.use(config.Settings(town=town, database_url=url))  # a close rings; here nobody hears it
    transact(lambda session: beads.close(session, [blockers[number]], actor=f"agent-{number}"), url)


@pytest.fixture(autouse=True)
def _close_connections() -> Any:
    yield
    dispose()


def test_every_ready_bead_has_one_winner_when_eight_processes_claim(database_url: str) -> None:
    with unit_of_work(database_url) as session:
        made = {make_bead(session, priority=number % 5).id for number in range(READY)}
    claimed = in_processes(claim_all, database_url)
    winners = [bead_id for mine in claimed for bead_id in mine]
    assert sorted(winners) == sorted(made)
    with reading(database_url) as session:
        rows = {bead.id: bead.assignee for bead in session.exec(select(Bead))}
    assert rows == {bead_id: f"agent-{number}" for number, mine in enumerate(claimed) for bead_id in mine}


def test_one_of_eight_gets_the_bead_when_all_want_the_same(database_url: str) -> None:
    with unit_of_work(database_url) as session:
        bead = make_bead(session)
    assert in_processes(claim_one, database_url, bead.id).count(True) == 1


def test_children_of_one_parent_get_distinct_ids_when_many_write(database_url: str) -> None:
    with unit_of_work(database_url) as session:
        parent = make_bead(session)
    made = [name for mine in in_processes(make_children, database_url, parent.id) for name in mine]
    assert sorted(made, key=lambda name: int(name.rpartition(".")[2])) == [f"{parent.id}.{n}" for n in range(1, 41)]


def test_a_bead_is_ready_when_all_its_blockers_were_closed_at_once(database_url: str, tmp_path: Path) -> None:
    with unit_of_work(database_url) as session:
        blockers = [make_bead(session).id for _ in range(PROCESSES)]
        bead = make_bead(session, deps=tuple(blockers))
    in_processes(close_one, database_url, blockers, tmp_path)
    with reading(database_url) as session:
        assert not beads.get(session, bead.id).is_blocked
