"""What the doctor finds on a host's disk and in its settings, mends, and looks at again."""

import os
import shutil
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import text
from sqlmodel import Session

from gastown import beads, git, patrols, policy, queue, rigs
from gastown.agents import Polecat, WorktreeState
from gastown.beads import Bead
from gastown.db import unit_of_work
from gastown.patrols import Check, Fault, Hands, Here, Level, NotMended
from gastown.policy import Setting
from tests.support.factories import make_bead, make_rig, make_running
from tests.support.refinery_town import run_git

T = TypeVar("T")


def write(here: Here) -> AbstractContextManager[Session]:
    return unit_of_work.unit_of_work(here.settings.database)


@pytest.fixture
def hands(here: Here) -> Hands:
    def transact(act: Callable[[Session], T]) -> T:
        return unit_of_work.transact(act, here.settings.database)

    return Hands(here, transact, "pat")


def check(name: str) -> Check:
    return next(check for check in patrols.ALL if check.name == name)


def examine(here: Here, name: str, hands: Hands | None = None) -> patrols.Examined:
    (found,) = patrols.examine(here, [check(name)], hands=hands)
    return found


def subjects(here: Here, name: str) -> list[str]:
    return [fault.subject for fault in examine(here, name).faults]


# fixing


def make_check(faults: list[Fault], mend: Callable[[Hands, Fault], str] | None) -> Check:
    return Check("made", lambda _here: list(faults), "well", mend=mend, needs_sql=False)


def test_a_fix_is_followed_by_the_same_check(here: Here, hands: Hands) -> None:
    faults = [patrols.error("a", "is wrong"), patrols.warning("b", "is odd")]

    def mend(_hands: Hands, fault: Fault) -> str:
        faults.remove(fault)
        return "did it"

    (found,) = patrols.examine(here, [make_check(faults, mend)], hands=hands)
    assert [(fix.fault.subject, fix.step.done, fix.is_fixed) for fix in found.fixes] == [
        ("a", "did it", True),
        ("b", "did it", True),
    ]
    assert not found.faults
    assert not found.has_failed


def test_a_fix_that_did_not_fix_says_so(here: Here, hands: Hands) -> None:
    made = make_check([patrols.warning("a", "is odd")], lambda _hands, _fault: "did something")
    (found,) = patrols.examine(here, [made], hands=hands)
    assert [fix.is_fixed for fix in found.fixes] == [False]
    assert found.has_failed


def test_a_step_that_would_put_work_at_risk_is_not_taken_and_that_is_said(here: Here, hands: Hands) -> None:
    def mend(_hands: Hands, _fault: Fault) -> str:
        raise NotMended("it holds commits that nothing else has")

    (found,) = patrols.examine(here, [make_check([patrols.error("a", "x")], mend)], hands=hands)
    assert [(fix.step.done, fix.step.refused) for fix in found.fixes] == [
        ("", "it holds commits that nothing else has")
    ]
    assert found.has_failed


def test_nothing_is_mended_by_looking(here: Here) -> None:
    made = make_check([patrols.error("a", "x")], lambda _hands, _fault: pytest.fail("was mended"))
    (found,) = patrols.examine(here, [made])
    assert (len(found.faults), len(found.fixes)) == (1, 0)


def test_a_mend_that_breaks_does_not_end_the_doctor(here: Here, hands: Hands) -> None:
    def mend(_hands: Hands, _fault: Fault) -> str:
        raise ZeroDivisionError

    (found,) = patrols.examine(here, [make_check([patrols.error("a", "x")], mend)], hands=hands)
    assert "ZeroDivisionError" in found.fixes[0].step.refused


def test_slow_checks_are_no_patrols(here: Here) -> None:
    assert {item.name for item in patrols.ALL if item.is_slow} >= {"integrity", "beads", "replay"}
    assert not [item.name for item in patrols.ALL if item.is_slow and item.patrol is not None]


# permissions


def test_rights_of_others_are_taken_away(here: Here, hands: Hands) -> None:
    secret = here.settings.town / "services" / "processes.json"
    secret.parent.mkdir(mode=0o755)
    secret.write_text("{}")
    secret.chmod(0o644)
    here.settings.town.chmod(0o750)
    found = examine(here, "permissions", hands)
    assert len(found.fixes) == 3
    assert not found.has_failed
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(here.settings.town.stat().st_mode) == 0o700


def test_what_a_link_leads_to_is_left_alone(here: Here, hands: Hands, tmp_path: Path) -> None:
    elsewhere = tmp_path / "shared"
    elsewhere.mkdir(mode=0o755)
    (here.settings.town / "logs").symlink_to(elsewhere)
    found = examine(here, "permissions", hands)
    assert found.has_failed
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o755


# settings


def test_settings_that_were_written_by_hand_are_found(here: Here) -> None:
    with write(here) as session:
        policy.set_value(session, "estop", "fire", actor="pat")
        policy.clear_value(session, "estop", actor="pat")
    assert subjects(here, "settings") == []
    with write(here) as session:
        now = session.get_one(Bead, make_bead(session).id).created_at
        session.add(Setting(name="lease.ttl_s", value=-5, updated_at=now))
        session.add(Setting(name="lease.tttl_s", value=5, updated_at=now))
        session.add(Setting(name="cap.reworks", value="many", updated_at=now))
        session.add(Setting(name="preset.odd", value={"no": "argv"}, updated_at=now))
    found = {fault.subject: fault.level for fault in examine(here, "settings").faults}
    assert found["lease.ttl_s"] is Level.ERROR
    assert found["cap.reworks"] is Level.ERROR
    assert found["lease.tttl_s"] is Level.WARNING
    assert "agents.odd" in found


# the database and the beads


def test_rows_that_refer_to_nothing_are_found_in_the_file(here: Here) -> None:
    assert subjects(here, "integrity") == []
    if not here.settings.embedded_database and not here.settings.database.startswith("sqlite"):
        return
    with write(here) as session:
        make_rig(session)
        make_running(session, make_bead(session))
    with write(here) as session:
        session.connection().execute(text("PRAGMA defer_foreign_keys = 1"))
    import sqlite3

    path = here.settings.database.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM rigs")
    connection.close()
    (fault,) = examine(here, "integrity").faults
    assert "refer to rows that are not there" in fault.message


def test_derived_columns_that_were_edited_are_worked_out_anew(here: Here, hands: Hands) -> None:
    with write(here) as session:
        make_rig(session)
        first, second = make_bead(session, "first").id, make_bead(session, "second").id
        beads.add_dependency(session, second, first, actor="pat")
    with write(here) as session:
        session.get_one(Bead, second).is_blocked = False
        session.get_one(Bead, first).prefix = "web"
    found = examine(here, "beads")
    assert {fault.subject for fault in found.faults} == {first, second}
    fixed = examine(here, "beads", hands)
    assert not fixed.has_failed
    with write(here) as session:
        assert session.get_one(Bead, second).is_blocked


def test_an_attempt_that_was_edited_by_hand_differs_from_the_log(here: Here) -> None:
    with write(here) as session:
        make_rig(session)
        row = make_running(session, make_bead(session)).assignment
        number = row.id
    assert subjects(here, "replay") == []
    with write(here) as session:
        session.connection().execute(text(f"UPDATE assignments SET fence = 7 WHERE id = {number}"))
    (fault, *_) = examine(here, "replay").faults
    assert "fence" in fault.message


def test_open_beads_with_a_prefix_of_no_rig_are_found(here: Here) -> None:
    with write(here) as session:
        make_rig(session)
        make_bead(session)
        make_bead(session, prefix="hq")
    assert subjects(here, "prefixes") == []
    with write(here) as session:
        make_bead(session, prefix="lost")
    assert subjects(here, "prefixes") == ["lost"]


# Redis


def test_a_redis_that_throws_keys_away_is_found(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    assert subjects(here, "redis-settings") == []  # it is away
    said = {"maxmemory-policy": "noeviction", "appendonly": "yes", "save": ""}
    monkeypatch.setattr(queue, "redis_settings", lambda: said)
    assert subjects(here, "redis-settings") == []
    said["maxmemory-policy"] = "allkeys-lru"
    assert subjects(here, "redis-settings") == ["maxmemory-policy"]


# repositories and worktrees


@pytest.fixture
def rig(here: Here, tmp_path: Path) -> rigs.Rig:
    """A rig with real repositories on this host."""
    remote, person = tmp_path / "remote.git", tmp_path / "person"
    run_git(tmp_path, "init", "-q", "--bare", str(remote))
    run_git(tmp_path, "clone", "-q", str(remote), str(person))
    run_git(person, "commit", "-q", "--allow-empty", "-m", "first")
    run_git(person, "push", "-q", "origin", "HEAD:main")
    with write(here) as session:
        new = rigs.NewRig("app", "app", str(remote), "main", no_gates=True)
        made = rigs.add(session, new, actor="pat")
    land, work = rigs.land_git(here.settings.town, "app"), rigs.work_git(here.settings.town, "app")
    git.create_land(land, str(remote), "main")
    git.create_work(work, land, "main")
    return made


def test_repositories_that_the_town_made_are_as_it_made_them(here: Here, rig: rigs.Rig) -> None:
    assert subjects(here, "repositories") == []


@pytest.mark.parametrize(
    ("repository", "line"),
    [
        ("land.git", "[core]\n\thooksPath = /tmp/evil\n"),
        ("land.git", '[remote "origin"]\n\turl = ext::sh -c evil\n'),
        ("land.git", "[include]\n\tpath = /tmp/evil\n"),
        ("work.view", '[filter "x"]\n\tclean = evil\n'),
        ("work.view", "[gc]\n\tauto = 6700\n"),
    ],
)
def test_configuration_that_is_not_the_towns_is_written_again_and_kept(
    here: Here, hands: Hands, rig: rigs.Rig, repository: str, line: str
) -> None:
    folder = rigs.rig_dir(here.settings.town, "app") / repository
    before = git.find_drifts(folder, folder, url="", branch="")
    assert before
    with (folder / "config").open("a") as config:
        config.write(line)
    assert subjects(here, "repositories") == [f"app {repository}"]
    found = examine(here, "repositories", hands)
    assert [fix.is_fixed for fix in found.fixes] == [True]
    assert not found.faults
    (kept,) = folder.glob("config.before-*")
    assert line.splitlines()[0] in kept.read_text()
    assert git.probe(rig.remote_url, "main").oid
    assert git.fetch_branch(rigs.land_git(here.settings.town, "app"), "main")


def make_worktree(here: Here, rig: rigs.Rig) -> Path:
    work = rigs.work_git(here.settings.town, "app")
    land = rigs.land_git(here.settings.town, "app")
    path = rigs.polecats_dir(here.settings.town, "app") / "nux"
    git.prepare_worktree(work, path, "polecat/nux/app-1@1", git.update_work(work, land, "main"))
    with write(here) as session:
        now = rig.created_at
        session.add(
            Polecat(
                address="app/polecats/nux",
                rig="app",
                name="nux",
                host="here",
                worktree="nux",
                worktree_state=WorktreeState.CLEAN,
                created_at=now,
            )
        )
    return path


def test_a_worktree_that_lost_its_link_is_tied_again_with_its_files(here: Here, hands: Hands, rig: rigs.Rig) -> None:
    path = make_worktree(here, rig)
    assert subjects(here, "worktrees") == []
    (path / "new.txt").write_text("work")
    (path / ".git").write_text("gitdir: /nowhere\n")
    assert subjects(here, "worktrees") == ["app/polecats/nux"]
    found = examine(here, "worktrees", hands)
    assert not found.has_failed
    assert git.state(rigs.work_git(here.settings.town, "app"), path).untracked == ("new.txt",)


def test_an_agents_own_repository_in_a_worktree_is_not_touched(here: Here, hands: Hands, rig: rigs.Rig) -> None:
    path = make_worktree(here, rig)
    os.unlink(path / ".git")
    run_git(path, "init", "-q", ".")
    run_git(path, "commit", "-q", "--allow-empty", "-m", "mine")
    head = run_git(path, "rev-parse", "HEAD")
    found = examine(here, "worktrees", hands)
    assert found.has_failed
    assert "nothing was touched" in found.fixes[0].step.refused
    assert run_git(path, "rev-parse", "HEAD") == head


def test_a_worktree_that_was_taken_away_under_its_agent_is_found_and_not_made_anew(
    here: Here, hands: Hands, rig: rigs.Rig
) -> None:
    path = make_worktree(here, rig)
    shutil.rmtree(path)
    assert subjects(here, "worktrees") == []  # nobody misses it
    with write(here) as session:
        make_running(session, make_bead(session))
    found = examine(here, "worktrees", hands)
    assert [fault.level for fault in found.faults] == [Level.ERROR]
    assert not path.exists()
