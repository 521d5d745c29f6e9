"""Work that is handed in while the remote does not answer reaches it afterwards, from the host that has it."""

import os
from dataclasses import replace
from pathlib import Path

from sqlmodel import select

from gastown import assignments, beads, git, rigs, sessions
from gastown.agents import Polecat
from gastown.assignments import Assignment, AssignmentState
from gastown.beads import Bead, BeadStatus, NewBead
from gastown.db.unit_of_work import unit_of_work
from gastown.rigs import Rig
from gastown.sessions import unsent, worksite
from tests.support.refinery_town import RIG, run_git
from tests.support.session_host import Host
from tests.support.towns import wait_until

WAITS = "while ! [ -e .git/go ] && ! [ -e go ]; do sleep 0.05; done; exit 3"
WORKS = f"echo done > draft.txt; git add draft.txt; git commit -qm Mine; {WAITS}"


def begin(here: Host) -> tuple[int, sessions.Office, worksite.Site, str]:
    """A session whose agent has committed; its attempt, worker, site and commit."""
    _, number = here.sling(WORKS)
    office = here.worker()
    here.watch(office, number)
    wait_until(lambda: here.process(number), "the agent runs", within_s=30)
    with unit_of_work() as session:
        row = assignments.get(session, number)
        polecat = session.exec(select(Polecat)).one()
        site = worksite.site_of(here.settings, session.get_one(Rig, RIG), row, polecat)
    wait_until(lambda: git.state(site.work, site.path).head != row.base_oid, "the agent has committed")
    return number, office, site, str(git.state(site.work, site.path).head)


def hand_in(number: int, oid: str) -> None:
    with unit_of_work() as session:
        row = assignments.get(session, number)
        assignments.submit(session, number, row.fence, head_oid=oid, actor=row.polecat or "")


def hand_in_while_away(here: Host) -> tuple[int, worksite.Site, str]:
    """The same, handed in while the remote was away, which is back, and then left by its worker."""
    number, office, site, oid = begin(here)
    away = here.remote.with_name("away.git")
    here.remote.rename(away)
    sessions.check_submission(site, max_behind=50)
    hand_in(number, oid)
    here.leave(office)
    away.rename(here.remote)
    return number, site, oid


def notes(here: Host) -> list[Path]:
    return sorted(rigs.land_git(here.settings.town, RIG).glob("gastown.unsent/*"))


def at_remote(here: Host, site: worksite.Site) -> str | None:
    return git.ref_value(here.remote, f"refs/heads/{site.branch}")


def test_a_head_reaches_the_remote_when_that_is_back(here: Host) -> None:
    number, office, site, oid = begin(here)
    away = here.remote.with_name("away.git")
    here.remote.rename(away)
    ready = sessions.check_submission(site, max_behind=50)
    assert ready.head_oid == oid, "it is handed in all the same"
    hand_in(number, oid)
    here.leave(office)
    other = here.worker()
    assert unsent.send_again(other) == 0, "the remote is still away"
    assert [note.name for note in notes(here)] == [oid]

    away.rename(here.remote)

    assert unsent.send_again(other) == 1
    assert at_remote(here, site) == oid
    assert notes(here) == []
    assert unsent.send_again(other) == 0


def test_no_note_is_left_when_the_remote_answers(here: Host) -> None:
    _, office, site, oid = begin(here)

    sessions.check_submission(site, max_behind=50)

    assert at_remote(here, site) == oid
    assert notes(here) == []
    here.leave(office)


def test_nothing_is_sent_for_a_rig_that_is_stopped(here: Host) -> None:
    _, site, _ = hand_in_while_away(here)
    with unit_of_work() as session:
        rigs.freeze(session, RIG, actor="me", why="a drill")

    assert unsent.send_again(here.worker()) == 0
    assert at_remote(here, site) is None

    with unit_of_work() as session:
        rigs.thaw(session, RIG, actor="me")
    assert unsent.send_again(here.worker()) == 1


def test_what_is_over_is_not_sent_and_its_note_goes_after_a_while(here: Host) -> None:
    number, office, site, oid = begin(here)
    away = here.remote.with_name("away.git")
    here.remote.rename(away)
    sessions.check_submission(site, max_behind=50)
    here.leave(office)
    away.rename(here.remote)
    assert here.row(number).state is not AssignmentState.SUBMITTED, "its agent was stopped before it was answered"
    other = here.worker()
    assert unsent.send_again(other) == 0
    assert len(notes(here)) == 1, "it may be handed in just now"
    hand_in(number, oid)
    with unit_of_work() as session:
        session.exec(select(Bead)).one().status = BeadStatus.CLOSED.value

    os.utime(notes(here)[0], (0, 0))
    assert unsent.send_again(other) == 0

    assert at_remote(here, site) is None
    assert notes(here) == []


def test_one_that_is_refused_holds_up_no_other(here: Host) -> None:
    number, site, oid = hand_in_while_away(here)
    away = here.remote.with_name("away.git")
    here.remote.rename(away)
    for count in range(4):
        with unit_of_work() as session:
            row = assignments.get(session, number)
            bead = beads.create(session, NewBead("Another", prefix=RIG), actor="me")
            branch = f"polecat/nux/refused-{count}@1"
            other = run_git(site.work, "commit-tree", f"{oid}^{{tree}}", "-p", oid, "-m", branch)
            values = row.model_dump(exclude={"id"}) | {"bead_id": bead.id, "branch": branch, "head_oid": other}
            session.add(Assignment(**values))
        assert not unsent.send(replace(site, branch=branch), other)
        os.utime(notes(here)[0].with_name(other), (count, count))
    away.rename(here.remote)
    hook = here.remote / "hooks" / "update"
    hook.write_text('#!/bin/sh\ncase "$1" in *refused*) exit 1;; esac\n')
    hook.chmod(0o755)
    office = here.worker()

    assert unsent.send_again(office) == 0, "three that are refused are enough at a time"
    assert unsent.send_again(office) == 1

    assert at_remote(here, site) == oid
    assert len(notes(here)) == 4


def test_upkeep_sends_it(here: Host) -> None:
    _, site, oid = hand_in_while_away(here)

    assert sessions.tidy_host(here.worker()).sent == 1

    assert run_git(here.remote, "rev-parse", f"refs/heads/{site.branch}") == oid
