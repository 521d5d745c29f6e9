"""`gt estop`, `gt thaw`, `gt scheduler`, `gt rig dock`, and the doctor's fixes, by their words."""

import stat

import pytest

from gastown import rigs
from gastown.assignments import list_open
from gastown.beads import Bead
from gastown.db import database_time
from gastown.patrols import FindingRow, Level
from tests.support.factories import make_bead, make_rig, make_running

from .conftest import Town


@pytest.fixture
def bead(town: Town) -> str:
    with town.write() as session:
        make_rig(session)
        return make_bead(session).id


def halts_of(town: Town) -> list[tuple[str, str | None]]:
    return [(halt["kind"], halt["rig"]) for halt in town.ok("scheduler", "status", "--json").json["halts"]]


def test_the_town_is_stopped_and_thawed_by_its_commands(town: Town, bead: str) -> None:
    said = town.ok("estop", "--reason", "the remote is being moved")
    assert "frozen within ten seconds" in said.out
    assert halts_of(town) == [("estop", None)]
    slung = town.ok("sling", bead, "app", "--agent", "command")
    assert "the remote is being moved" in slung.out
    assert "gt thaw" in slung.out
    said = town.ok("thaw")
    assert said.out == "The town goes on.\n"
    assert halts_of(town) == []
    assert town.ok("scheduler", "list", "--json").json[0]["state"] == "offered"


def test_a_thaw_names_what_still_holds_work_up(town: Town, bead: str) -> None:
    town.ok("estop", "--rig", "app")
    town.ok("estop")
    said = town.ok("thaw")
    assert "Note: rig app was stopped: by pat (`gt thaw --rig app` goes on)" in said.err
    assert town.ok("thaw", "--rig", "app", "--json").json == {"halts": []}


def test_a_rig_that_is_not_there_cannot_be_stopped(town: Town, bead: str) -> None:
    assert town.gt("estop", "--rig", "web").code == 4
    assert town.gt("estop", "--reason", "two\nlines").code == 2


def test_dispatch_is_paused_listed_and_resumed(town: Town, bead: str) -> None:
    assert "slung work waits" in town.ok("scheduler", "pause").out
    town.ok("sling", bead, "app", "--agent", "command")
    assert "gt scheduler resume" in town.ok("scheduler", "list").out
    assert town.ok("scheduler", "run", "--json").json == {"offered": 0}
    assert "1 wait, 0 are offered" in town.ok("scheduler", "status").out
    assert town.ok("scheduler", "resume").out == "Dispatch goes on.\n"
    assert "0 wait, 1 are offered" in town.ok("scheduler", "status").out


def test_a_rig_is_docked_with_who_runs_in_it_asked_to_hand_over(town: Town, bead: str) -> None:
    with town.write() as session:
        make_running(session, session.get_one(Bead, bead))
    said = town.ok("rig", "dock", "app")
    assert f"Asked to save and hand over: {bead}" in said.out
    assert "docked" in town.ok("rig", "list").out
    with town.read() as session:
        assert rigs.get(session, "app").is_docked
        assert [row.desired.value for row in list_open(session)] == ["hand_over"]
    assert town.ok("rig", "undock", "app", "--json").json == {"name": "app", "is_docked": False, "halts": []}
    assert town.ok("rig", "show", "app", "--json").json["is_docked"] is False


def test_the_doctor_fixes_what_it_can_and_looks_again(town: Town) -> None:
    town.folder.chmod(0o755)
    said = town.gt("doctor", "--check", "permissions")
    assert said.code == 1
    assert "FAIL  permissions" in said.out
    said = town.ok("doctor", "--fix", "--check", "permissions")
    assert "FIXED     permissions" in said.out
    assert stat.S_IMODE(town.folder.stat().st_mode) == 0o700
    assert "Core:" in said.out


def test_the_doctor_says_in_json_what_it_did(town: Town) -> None:
    town.folder.chmod(0o755)
    said = town.ok("doctor", "--fix", "--check", "permissions", "--json").json
    (fix,) = said["fixes"]
    assert (fix["check"], fix["fixed"], said["errors"]) == ("permissions", True, 0)
    assert set(said["seconds"]) == {"database", "permissions"}


def test_the_doctor_knows_its_checks_by_name(town: Town) -> None:
    said = town.gt("doctor", "--check", "nonsense")
    assert said.code == 2
    assert "permissions" in said.err


def test_slow_checks_run_when_they_are_asked_for(town: Town) -> None:
    assert "replay" not in town.gt("doctor", "--json").json["seconds"]
    assert "replay" in town.gt("doctor", "--slow", "--json").json["seconds"]
    assert town.ok("doctor", "--check", "replay,integrity").out.count("ok  ") == 3


def test_the_doctor_compares_every_table_with_the_log(town: Town, bead: str) -> None:
    assert "ok    replay" in town.ok("doctor", "--check", "replay").out


def test_the_doctor_tells_what_other_hosts_found_at_home(town: Town) -> None:
    with town.write() as session:
        now = database_time(session)
        for subject in ("here /full", "there /full"):
            session.add(
                FindingRow(
                    check="disk",
                    subject=subject,
                    level=Level.ERROR,
                    message="3 MB are free",
                    raised_at=now,
                    seen_at=now,
                )
            )
    (row,) = town.gt("doctor", "--json").json["elsewhere"]
    assert row["subject"] == "there /full"
    assert "FAIL  disk           on there /full: 3 MB are free" in town.gt("doctor").out
