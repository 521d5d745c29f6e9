"""Each check finds what it is for, on real SQL and real processes; and says nothing of a town that is well."""

import shutil
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session

from gastown import assignments, beads, clock, config, patrols, policy, rigs
from gastown.assignments import AssignmentState, NewAttempt, Reason
from gastown.db import database_time, locks, unit_of_work
from gastown.events import EventKind, record
from gastown.patrols import Finding, Here, Level
from gastown.queue import Doorbell, Task
from gastown.refinery import IntentState, LandingIntent, MergeRequest, RequestState
from gastown.rigs import TargetState
from gastown.town import Worker


def write(here: Here) -> AbstractContextManager[Session]:
    return unit_of_work.unit_of_work(here.settings.database)


def found(here: Here, name: str) -> list[Finding]:
    """What one check says."""
    check = next(check for check in patrols.ALL if check.name == name)
    return patrols.run(here, [check])


def faults(here: Here, name: str) -> list[Finding]:
    """What one check says is wrong."""
    return [finding for finding in found(here, name) if finding.level is not Level.OK]


def add_rig(here: Here, **values: object) -> None:
    with write(here) as session:
        rigs.add(session, rigs.NewRig("app", "app", "/nowhere/app.git", "main", no_gates=True), actor="pat")
        if values:
            rigs.update(session, "app", actor="pat", **values)


def sling(here: Here, *, state: AssignmentState = AssignmentState.OFFERED, age_s: float = 0) -> str:
    """A bead with one attempt that has been in `state` for `age_s` seconds."""
    with write(here) as session:
        bead = beads.create(session, beads.NewBead(title="work", prefix="app"), actor="pat")
        row = assignments.open_attempt(
            session, NewAttempt(bead.id, "app", "command", Reason.SLING), actor="pat", ready=True
        )
        since = clock.now() - timedelta(seconds=age_s)
        row.created_at = since
        if state is AssignmentState.RUNNING:
            row.state, row.host, row.holder, row.claimed_at = state, "here", "here:1:1:boot", since
            row.expires_at = since + timedelta(seconds=60)
        return str(bead.id)


def test_town_that_is_well_has_no_faults_in_sql(here: Here) -> None:
    with write(here) as session:
        for role in ("sessions", "refinery", "gates", "town"):
            session.add(
                Worker(id=f"here:{role}", host="here", role=role, pid=1, started_at=clock.now(), seen_at=clock.now())
            )
        for task in (Task.RECONCILE, Task.PATROL):
            locks.try_acquire(session, f"tick.{task.value}", holder="x", ttl_s=5)
    wrong = [
        finding
        for finding in patrols.run(here)
        if finding.level is not Level.OK and finding.check not in ("redis", "agents", "disk")
    ]
    assert wrong == []


def test_checks_that_need_sql_are_left_out_when_there_is_no_database(tmp_path: Path) -> None:
    settings = config.Settings(town=tmp_path, database_url=f"sqlite:///{tmp_path}/missing/x.db")
    config.use(settings)
    try:
        said = patrols.run(Here(settings, lambda: unit_of_work.reading(settings.database)))
    finally:
        config.use(None)
    assert said[0].check == "database"
    assert said[0].level is Level.ERROR
    without_sql = {check.name for check in patrols.ALL if not check.needs_sql}
    assert {finding.check for finding in said} == {"database", *without_sql} >= {"redis", "git", "disk", "permissions"}


def test_folder_that_others_can_read_is_found(here: Here) -> None:
    assert faults(here, "permissions") == []
    here.settings.town.chmod(0o755)
    assert "other users" in faults(here, "permissions")[0].message


def test_redis_that_is_away_is_found(here: Here) -> None:
    assert [finding.level for finding in faults(here, "redis")] == [Level.ERROR]


def test_full_disk_is_found(here: Here) -> None:
    free = shutil.disk_usage(here.settings.town).free // 1_000_000
    with write(here) as session:
        policy.set_value(session, "disk.floor_mb", str(free + 100_000), actor="pat")
    assert Level.ERROR in [finding.level for finding in faults(here, "disk")]


def test_missing_workers_are_found(here: Here) -> None:
    assert "no worker is running" in faults(here, "workers")[0].message
    with write(here) as session:
        silent = clock.now() - timedelta(minutes=5)
        session.add(Worker(id="a", host="h", role="sessions", pid=1, started_at=silent, seen_at=clock.now()))
        session.add(Worker(id="b", host="h", role="gates", pid=1, started_at=silent, seen_at=silent))
    said = {(finding.subject, finding.level) for finding in faults(here, "workers")}
    assert {("gates", Level.ERROR), ("refinery", Level.ERROR), ("b", Level.WARNING)} <= said
    assert ("sessions", Level.ERROR) not in said


def test_workers_that_have_not_said_that_they_are_there_are_missed_only_when_the_town_has_come_up(here: Here) -> None:
    with write(here) as session:
        now = database_time(session)
        session.add(Worker(id="a", host="h", role="town", pid=1, started_at=now - timedelta(seconds=2), seen_at=now))
    assert faults(here, "workers") == []
    with write(here) as session:
        session.add(Worker(id="b", host="i", role="town", pid=1, started_at=now - timedelta(minutes=2), seen_at=now))
    assert {fault.subject for fault in faults(here, "workers")} == {"sessions", "refinery", "gates"}
    with write(here) as session:
        session.add(Worker(id="c", host="i", role="all", pid=2, started_at=now - timedelta(minutes=2), seen_at=now))
    assert faults(here, "workers") == []


def test_ticks_that_stopped_are_found(here: Here) -> None:
    assert [finding.level for finding in faults(here, "ticks")] == [Level.WARNING, Level.WARNING]
    with write(here) as session:
        for task in (Task.RECONCILE, Task.PATROL):
            locks.try_acquire(session, f"tick.{task.value}", holder="x", ttl_s=-600)
    assert [finding.level for finding in faults(here, "ticks")] == [Level.ERROR, Level.ERROR]


def test_clock_that_is_off_is_found(here: Here, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        assert faults(here, "clock") == []  # there the two clocks are one
        return
    clock.set_source(lambda: clock._system_now() + timedelta(minutes=2))
    try:
        assert "s off" in faults(here, "clock")[0].message
    finally:
        clock.set_source(None)


def test_agent_without_its_program_is_found(here: Here) -> None:
    with write(here) as session:
        policy.set_preset(session, "mine", {"command": "no-such-agent-here"}, actor="pat")
        policy.set_value(session, "default_agent", "mine", actor="pat")
    assert "no-such-agent-here" in faults(here, "agents")[0].message


def test_agent_without_its_login_is_found(here: Here, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    from gastown import runtimes

    environ = {"PATH": str(program.parent), "HOME": str(tmp_path)}
    said = list(patrols.faults_of(runtimes.catalog.get("claude"), environ))
    assert [fault.level for fault in said] == [Level.WARNING]
    assert "ANTHROPIC_API_KEY" in said[0].message
    assert list(patrols.faults_of(runtimes.catalog.get("claude"), {**environ, "ANTHROPIC_API_KEY": "k"})) == []


def test_gate_without_its_program_is_found(here: Here) -> None:
    with write(here) as session:
        gate = rigs.GateSpec("test", "no-such-gate-here --all")
        rigs.add(session, rigs.NewRig("app", "app", "/r", "main", gates=(gate,)), actor="pat")
    assert [(finding.subject, finding.level) for finding in faults(here, "gates")] == [("app", Level.ERROR)]


def test_remote_that_does_not_answer_is_found(here: Here) -> None:
    add_rig(here)
    assert [(finding.subject, finding.level) for finding in faults(here, "remotes")] == [("app", Level.ERROR)]


@pytest.mark.parametrize("state", [TargetState.RED, TargetState.BROKEN])
def test_target_that_stops_the_queue_is_found(here: Here, state: TargetState) -> None:
    add_rig(here, target_state=state)
    assert [finding.level for finding in faults(here, "targets")] == [Level.ERROR]


def test_landing_that_hangs_is_found(here: Here) -> None:
    add_rig(here)
    long_ago = clock.now() - timedelta(minutes=20)
    with write(here) as session:
        bead = beads.create(session, beads.NewBead(title="work", prefix="app"), actor="pat")
        request = MergeRequest(
            bead_id=bead.id, rig="app", state=RequestState.LANDING, created_at=long_ago, queued_at=long_ago
        )
        session.add(request)
        session.flush()
        oid = "a" * 40
        session.add(
            LandingIntent(
                rig="app", request_id=request.id, head_id=1, base_oid=oid, new_oid=oid, tree_oid=oid, fence=1,
                state=IntentState.OPEN, created_at=long_ago,
            )
        )  # fmt: skip
    assert [finding.subject for finding in faults(here, "landings")] == ["app"]


def test_lease_that_ran_out_is_found(here: Here) -> None:
    add_rig(here)
    sling(here, state=AssignmentState.RUNNING, age_s=30)
    assert faults(here, "leases") == []
    late = sling(here, state=AssignmentState.RUNNING, age_s=3600)
    assert [finding.subject for finding in faults(here, "leases")] == [late]


def test_attempt_without_a_process_is_found(here: Here) -> None:
    add_rig(here)
    sling(here, state=AssignmentState.RUNNING, age_s=5)
    assert faults(here, "sessions") == []
    dead = sling(here, state=AssignmentState.RUNNING, age_s=3600)
    assert [finding.subject for finding in faults(here, "sessions")] == [dead]


def test_offer_that_nobody_takes_is_found(here: Here) -> None:
    add_rig(here)
    sling(here, age_s=10)
    assert faults(here, "offers") == []
    old = sling(here, age_s=600)
    assert [finding.subject for finding in faults(here, "offers")] == [old]


def test_dispatch_that_stayed_paused_is_found(here: Here) -> None:
    add_rig(here)
    with write(here) as session:
        policy.set_value(session, "dispatch.paused", "1", actor="pat")
    assert faults(here, "offers") == []
    sling(here)
    assert "paused" in faults(here, "offers")[0].message


def test_doorbell_that_was_never_rung_is_found(here: Here) -> None:
    with write(here) as session:
        bell = Doorbell(Task.DISPATCH, "town")
        event = record(session, EventKind.RIG_UNPARKED, actor="pat", rig="app", ring=bell)
        event.at = clock.now() - timedelta(minutes=10)
    assert "1 doorbells" in faults(here, "outbox")[0].message


def test_bead_that_waits_for_a_person_is_found(here: Here) -> None:
    with write(here) as session:
        bead = beads.create(session, beads.NewBead(title="hard", prefix="app"), actor="pat")
        bead.status = beads.BeadStatus.ESCALATED.value
        session.add(bead)
    assert [finding.subject for finding in faults(here, "escalated")] == [bead.id]


def test_what_the_patrols_look_at_starts_no_process(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    add_rig(here, target_state=TargetState.RED)
    monkeypatch.setattr("subprocess.Popen", None)
    said = patrols.run(here, [check for check in patrols.ALL if check.patrol is not None])
    assert ("targets", "app") in [(finding.check, finding.subject) for finding in said if finding.level is Level.ERROR]
    assert not any(check.needs_network for check in patrols.ALL if check.patrol is not None)


def test_every_fault_that_can_be_mended_says_how(here: Here) -> None:
    add_rig(here, target_state=TargetState.RED)
    errors = [finding for finding in patrols.run(here) if finding.level is Level.ERROR]
    assert errors
    assert all(finding.hint for finding in errors), [finding for finding in errors if not finding.hint]
