"""Many processes at once at what only one may have: the merge slot, the next step, a number, the end of a molecule."""

from pathlib import Path
from typing import Any

import pytest

from gastown import beads, config
from gastown.beads import BeadStatus
from gastown.db import dispose
from gastown.db.unit_of_work import reading, transact, unit_of_work
from tests.support.factories_beads import PERSON, make_bead
from tests.support.processes import run_at_once

PROCESSES = 8
DEADLINE_S = 90


def in_processes(work: Any, *args: Any) -> list[Any]:
    preload = ["gastown.beads", "gastown.tables", "tests.support.factories_beads"]
    return run_at_once(work, [(number, *args) for number in range(PROCESSES)], within_s=DEADLINE_S, preload=preload)


def take_slot(number: int, url: str) -> tuple[bool, int]:
    name = f"agent-{number}"
    slot = transact(lambda session: beads.acquire_slot(session, "app", holder=name, wait=True, actor=name), url)
    return slot.holder == name, slot.position(name)


def go_on(number: int, url: str, steps: list[str], town: Path) -> str:
    config.use(config.Settings(town=town, database_url=url))  # a close rings; here nobody hears it
    name = f"agent-{number}"
    with unit_of_work(url) as session:
        beads.close(session, [steps[number]], actor=name)
        found = beads.continue_after(session, steps[number], actor=name)
        assert found is not None
        return found.next_step.id if found.next_step else ""


def count_up(number: int, url: str) -> list[str]:
    return [transact(lambda session: make_bead(session).id, url) for _ in range(5)]


def label(number: int, url: str, bead_id: str) -> None:
    for word in range(5):
        transact(
            lambda session, word=word: beads.change_labels(
                session, bead_id, add=[f"{number}-{word}", "shared"], actor=PERSON
            ),
            url,
        )


@pytest.fixture(autouse=True)
def _close_connections() -> Any:
    yield
    dispose()


def test_one_of_eight_has_the_slot_and_seven_stand_in_line(database_url: str) -> None:
    transact(lambda session: beads.create_slot(session, "app", actor=PERSON), database_url)
    got = in_processes(take_slot, database_url)
    assert sorted(got) == [*((False, place) for place in range(1, PROCESSES)), (True, 0)]


def test_everybody_who_goes_on_gets_a_step_of_their_own(database_url: str, tmp_path: Path) -> None:
    with unit_of_work(database_url) as session:
        root = make_bead(session, issue_type="molecule").id
        done = [make_bead(session, parent=root).id for _ in range(PROCESSES)]
        for name in done:
            beads.claim(session, name, actor="somebody")
        following = {make_bead(session, parent=root).id for _ in range(PROCESSES)}
    assert set(in_processes(go_on, database_url, done, tmp_path)) == following


def test_a_molecule_closes_when_its_last_steps_close_at_once(database_url: str, tmp_path: Path) -> None:
    with unit_of_work(database_url) as session:
        root = make_bead(session, issue_type="molecule").id
        steps = [make_bead(session, parent=root).id for _ in range(PROCESSES)]
        for name in steps:
            beads.claim(session, name, actor="somebody")
    in_processes(go_on, database_url, steps, tmp_path)
    with reading(database_url) as session:
        assert beads.get(session, root).status == BeadStatus.CLOSED


def test_counted_ids_leave_no_gap_and_meet_nobody(database_url: str) -> None:
    transact(lambda session: beads.set_config(session, "issue_id_mode", "counter", actor=PERSON), database_url)
    made = [name for mine in in_processes(count_up, database_url) for name in mine]
    assert sorted(made, key=lambda name: int(name.removeprefix("app-"))) == [f"app-{n}" for n in range(1, 41)]


def test_labels_put_on_at_once_are_all_there(database_url: str) -> None:
    with unit_of_work(database_url) as session:
        bead_id = make_bead(session).id
    in_processes(label, database_url, bead_id)
    with reading(database_url) as session:
        found = beads.load_relations(session, [bead_id]).labels[bead_id]
    assert len(found) == PROCESSES * 5 + 1
