"""The snapshot that `gt status` shows."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session

from gastown import beads
from gastown.config import Settings
from gastown.db import database_time
from gastown.town import note_worker, pace
from gastown.town.founding import found
from gastown.town.models import Worker
from gastown.town.queries import NotFounded
from gastown.town.status import take_snapshot
from tests.support import factories


def test_an_unfounded_database_is_refused(session: Session) -> None:
    with pytest.raises(NotFounded):
        take_snapshot(session)


def test_a_new_town_has_nothing_to_show(session: Session) -> None:
    town, founded = found(session, "quiet", actor="tester")

    snapshot = take_snapshot(session)

    assert founded
    assert (snapshot.town_id, snapshot.name) == (town.id, "quiet")
    assert (list(snapshot.workers), list(snapshot.rigs), list(snapshot.escalated)) == ([], [], [])


def test_a_town_is_founded_once(session: Session) -> None:
    first, _ = found(session, "one", actor="tester")

    second, founded = found(session, "two", actor="tester")

    assert not founded
    assert (second.id, second.name) == (first.id, "one")


def test_agents_are_shown_with_their_beads_and_work_that_waits_is_counted(session: Session) -> None:
    found(session, "busy", actor="tester")
    factories.make_rig(session)
    running = factories.make_bead(session, "Being done")
    factories.make_running(session, running, host="here")
    factories.make_offered(session, factories.make_bead(session, "Next"))

    snapshot = take_snapshot(session)

    (rig,) = snapshot.rigs
    assert (rig.running, rig.offered, rig.waiting) == (1, 1, 0)
    (agent,) = [line for line in rig.polecats if line.attempt is not None]
    assert agent.attempt is not None
    assert (agent.attempt.bead_id, agent.title) == (running.id, "Being done")


def test_a_worker_is_not_present_when_it_has_been_silent(session: Session) -> None:
    found(session, "town", actor="tester")
    settings = Settings(town=Path("/t"), host="here")
    note_worker(session, settings, "here:1:2:3", role="sessions", queues=["rig.app"])
    note_worker(session, settings, "here:4:5:6", role="gates", queues=["gates"])
    silent = session.get(Worker, "here:4:5:6")
    assert silent is not None
    silent.seen_at = database_time(session) - pace.silent_after(60) - timedelta(seconds=1)
    session.flush()

    shown = {line.worker.role: line.present for line in take_snapshot(session).workers}

    assert shown == {"sessions": True, "gates": False}


def test_beads_that_wait_for_a_person_are_listed(session: Session) -> None:
    found(session, "town", actor="tester")
    factories.make_rig(session)
    bead = factories.make_bead(session, "Too hard")
    bead.status = beads.BeadStatus.ESCALATED
    session.flush()

    assert [row.id for row in take_snapshot(session).escalated] == [bead.id]
