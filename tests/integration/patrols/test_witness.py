"""What the witness sees in SQL, and what it does about it: restart, then a failed attempt, then one escalation."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlmodel import Session

from gastown import agents, assignments, beads, clock, events, patrols, policy, rigs
from gastown.agents import WorktreeState
from gastown.assignments import Assignment, AssignmentState, Desired, Reason, RunStart
from gastown.beads import BeadStatus
from gastown.db import unit_of_work
from gastown.events import EventKind
from gastown.patrols import Finding, Hands, Here, Level, Patrol
from gastown.town import Worker
from tests.support.factories import HOLDER, make_bead, make_offered, make_rig, make_running

NAMES = ("silent", "looping", "stalled", "unwanted", "storms", "idle", "hooked", "orphans")


@dataclass
class Rig:
    """A town with one rig, seen by its witness."""

    here: Here

    @property
    def url(self) -> str:
        return self.here.settings.database

    def faults(self, name: str) -> list[Finding]:
        """What one check says is wrong."""
        check = next(check for check in patrols.ALL if check.name == name)
        return [item for item in patrols.run(self.here, [check]) if item.level is not Level.OK]

    def subjects(self, name: str) -> list[str]:
        return [item.subject for item in self.faults(name)]

    def walk(self) -> patrols.WalkResult:
        """One walk of the witness through the town."""
        hands = Hands(self.here, lambda act: unit_of_work.transact(act, self.url), "witness")
        others = frozenset(check.name for check in patrols.ALL) - frozenset(NAMES)
        return patrols.walk(hands, Patrol.WITNESS, skip=others)

    def set(self, **values: float) -> None:
        with unit_of_work.unit_of_work(self.url) as session:
            for name, value in values.items():
                policy.set_value(session, name.replace("__", "."), f"{value:g}", actor="ada")

    def run(self, *, silent_s: float = 0, idle_s: float = 0, age_s: float = 3600) -> str:
        """A session that was started `age_s` ago, last gave a sign and last changed its work so long ago."""
        with unit_of_work.unit_of_work(self.url) as session:
            row = make_running(session, make_bead(session)).assignment
            self.start(session, row)
            now = clock.now()
            row.claimed_at = row.started_at = now - timedelta(seconds=age_s)
            row.expires_at = now + timedelta(minutes=10)
            row.active_at = now - timedelta(seconds=silent_s)
            row.progress_at = now - timedelta(seconds=max(idle_s, silent_s))
            return row.bead_id

    def start(self, session: Session, row: Assignment) -> None:
        """Start the agent, as a worker does: also what a restart ends with."""
        assert row.id is not None
        start = RunStart("0" * 64, holder=row.holder or "")
        assignments.note_run(session, row.id, row.fence, actor=row.polecat or "", start=start)

    def attempt(self, bead_id: str) -> Assignment:
        """The bead's newest attempt."""
        with self.here.read() as session:
            return assignments.history(session, bead_id)[-1]

    def status(self, bead_id: str) -> str:
        with self.here.read() as session:
            return str(beads.get(session, bead_id).status)

    def kinds(self, bead_id: str) -> list[EventKind]:
        with self.here.read() as session:
            return [event.kind for event in events.for_bead(session, bead_id)]

    def worker(self, slots: int = 4) -> None:
        """A worker that supervises sessions and was heard just now."""
        with unit_of_work.unit_of_work(self.url) as session:
            now = clock.now()
            session.add(
                Worker(id="here:1:1:b", host="here", role="all", pid=1, slots=slots, started_at=now, seen_at=now)
            )


@pytest.fixture
def rig(here: Here) -> Rig:
    town = Rig(here)
    with unit_of_work.unit_of_work(town.url) as session:
        make_rig(session)
    return town


def test_sessions_are_judged_by_their_signs_of_life(rig: Rig) -> None:
    rig.run(silent_s=1700, idle_s=1700)
    silent = rig.run(silent_s=1900)
    looping = rig.run(silent_s=5, idle_s=3700)
    assert rig.subjects("silent") == [silent]
    assert rig.subjects("looping") == [looping]


def test_a_silent_session_is_restarted_and_then_its_attempt_given_up(rig: Rig) -> None:
    rig.set(witness__restarts=1)
    bead = rig.run(silent_s=1900)
    assert rig.walk().mended == 1
    row = rig.attempt(bead)
    assert (row.desired, row.restarts) == (Desired.RESTART, 1)
    assert "no sign of life for 1800 s" in row.outcome
    rig.set(deacon__mend_pause_s=1, deacon__mend_pause_most_s=1)
    assert rig.walk().mended == 0, "the holder is about to restart it"
    with unit_of_work.unit_of_work(rig.url) as session:
        again = assignments.get(session, row.id or 0)
        rig.start(session, again)
    assert rig.attempt(bead).desired is Desired.RUN
    assert rig.subjects("silent") == [], "a start is a sign of life"
    with unit_of_work.unit_of_work(rig.url) as session:
        again = assignments.get(session, row.id or 0)
        again.active_at = again.progress_at = clock.now() - timedelta(seconds=1900)
    wait_for_mend(rig)
    row = rig.attempt(bead)
    assert (row.desired, row.restarts) == (Desired.GIVE_UP, 1)
    assert row.outcome == "gave no sign of life for 1800 s, after 1 restarts"


def wait_for_mend(rig: Rig) -> None:
    """Let the back-off of what is open or was cleared just now go by, then walk."""
    from sqlmodel import select

    with unit_of_work.unit_of_work(rig.url) as session:
        for row in session.exec(select(patrols.FindingRow)):
            row.mended_at = row.mended_at and row.mended_at - timedelta(hours=1)
    assert rig.walk().mended == 1


def test_a_holder_that_does_not_restart_is_told_to_give_up(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    bead = rig.run(silent_s=1900)
    rig.walk()
    monkeypatch.setattr("gastown.patrols.watching.RESTART_PATIENCE", timedelta(seconds=0))
    wait_for_mend(rig)
    assert rig.attempt(bead).desired is Desired.GIVE_UP


def test_an_agent_that_is_always_silent_ends_in_exactly_one_escalation(rig: Rig) -> None:
    rig.set(witness__restarts=1, cooldown_s=0)
    bead = rig.run(silent_s=1900)
    told = []
    for _ in range(12):
        if rig.status(bead) == BeadStatus.ESCALATED:
            break
        row = rig.attempt(bead)
        told.append((row.fence, row.restarts))
        silence(rig, bead)
        wait_for_mend(rig)
        obey(rig, bead)
    assert told == [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)]
    assert rig.status(bead) == BeadStatus.ESCALATED
    assert rig.kinds(bead).count(EventKind.BEAD_ESCALATED) == 1
    with rig.here.read() as session:
        (comment,) = beads.load_relations(session, [bead], comments=True).comments[bead]
    assert comment.text.count("gave no sign of life for 1800 s, after 1 restarts") == 3
    rig.walk()
    assert rig.kinds(bead).count(EventKind.BEAD_ESCALATED) == 1


def silence(rig: Rig, bead: str) -> None:
    """Let the bead's session run for an hour, the last half of it silent."""
    with unit_of_work.unit_of_work(rig.url) as session:
        row = assignments.find_open(session, bead)
        assert row is not None
        now = clock.now()
        row.claimed_at = row.started_at = now - timedelta(hours=1)
        row.active_at = row.progress_at = now - timedelta(seconds=1900)
        row.expires_at = now + timedelta(minutes=10)


def obey(rig: Rig, bead: str) -> None:
    """Do what the holder was asked to, as a worker does; claim the next attempt."""
    with unit_of_work.unit_of_work(rig.url) as session:
        row = assignments.find_open(session, bead)
        assert row is not None
        assert row.id is not None
        if row.desired is Desired.RESTART:
            rig.start(session, row)
            return
        assert row.desired is Desired.GIVE_UP
        following = assignments.fail(session, row.id, row.fence, actor="witness", outcome=row.outcome)
        agents.mark_worktree(session, row.polecat or "", WorktreeState.CLEAN)
        if following is not None:
            if following.state is AssignmentState.WAITING:
                following.not_before = None
                assignments.offer(session, following, actor="town")
            row = assignments.claim(session, "app", holder=HOLDER, host="here", slots=9).assignment
            rig.start(session, row)


def test_nobody_is_judged_within_the_spawn_grace_without_a_lease_or_while_frozen(rig: Rig) -> None:
    rig.set(witness__silent_s=30)
    young = rig.run(silent_s=200, age_s=250)
    assert rig.subjects("silent") == []
    rig.set(witness__spawn_grace_s=100)
    assert rig.subjects("silent") == [young]
    with unit_of_work.unit_of_work(rig.url) as session:
        rigs.freeze(session, "app", actor="ada", why="a look")
    assert rig.subjects("silent") == []
    with unit_of_work.unit_of_work(rig.url) as session:
        rigs.thaw(session, "app", actor="ada")
    assert rig.subjects("silent") == [], "it could say nothing while it was frozen"
    rig.set(witness__silent_s=1800)
    detached = rig.run(silent_s=1900)
    assert rig.subjects("silent") == []
    with unit_of_work.unit_of_work(rig.url) as session:
        row = assignments.find_open(session, detached)
        assert row is not None
        row.expires_at = clock.now() - timedelta(seconds=1)
    assert rig.subjects("silent") == []


def test_the_end_of_an_emergency_stop_counts_as_a_sign_of_life(rig: Rig) -> None:
    bead = rig.run(silent_s=1900)
    with unit_of_work.unit_of_work(rig.url) as session:
        policy.set_value(session, "estop", "a look", actor="ada")
    assert rig.subjects("silent") == []
    with unit_of_work.unit_of_work(rig.url) as session:
        policy.clear_value(session, "estop", actor="ada")
    assert rig.subjects("silent") == []
    rig.set(witness__silent_s=30)
    with unit_of_work.unit_of_work(rig.url) as session:
        for event in events.latest(session, kinds=[EventKind.SETTING_CHANGED]):
            event.at -= timedelta(seconds=40)
            session.add(event)
    assert rig.subjects("silent") == [bead]


def test_a_session_that_says_nothing_after_its_start_is_seen_early(rig: Rig) -> None:
    with unit_of_work.unit_of_work(rig.url) as session:
        row = make_running(session, make_bead(session)).assignment
        rig.start(session, row)
        stalled = row.bead_id
    assert rig.subjects("stalled") == []
    with unit_of_work.unit_of_work(rig.url) as session:
        for event in events.for_bead(session, stalled):
            event.at -= timedelta(seconds=100)
            session.add(event)
        row = assignments.get(session, row.id or 0)
        row.active_at = row.progress_at = clock.now() - timedelta(seconds=100)
    assert rig.subjects("stalled") == [stalled]
    with unit_of_work.unit_of_work(rig.url) as session:
        assignments.get(session, row.id or 0).active_at = clock.now() - timedelta(seconds=91)
    assert rig.subjects("stalled") == [], "it spoke nine seconds after its start"
    assert rig.attempt(stalled).desired is Desired.RUN


def test_a_session_whose_bead_was_closed_is_called_off(rig: Rig) -> None:
    bead = rig.run()
    with unit_of_work.unit_of_work(rig.url) as session:
        row = beads.get(session, bead)
        row.status, row.closed_at = BeadStatus.CLOSED.value, clock.now() - timedelta(minutes=3)
        session.add(row)
    assert rig.subjects("unwanted") == [bead]
    rig.walk()
    assert rig.attempt(bead).desired is Desired.STOP
    (fault,) = rig.faults("unwanted")
    assert (fault.level, "runs on" in fault.message) == (Level.ERROR, True)
    wait = rig.walk()
    assert wait.mended == 0, "what was asked once is not asked again"


def test_work_that_hangs_on_a_hook_beside_free_slots_is_found_and_rung_for(rig: Rig) -> None:
    with unit_of_work.unit_of_work(rig.url) as session:
        row = make_offered(session, make_bead(session))
        row.created_at = clock.now() - timedelta(seconds=1900)
        row.rung_at = old = clock.now() - timedelta(seconds=1900)
        for event in events.for_bead(session, row.bead_id):
            event.at -= timedelta(seconds=1900)
            session.add(event)
        bead = row.bead_id
    assert rig.subjects("hooked") == rig.subjects("idle") == [], "no slot is free: nobody is there"
    rig.worker()
    assert rig.subjects("hooked") == [bead]
    assert rig.subjects("idle") == [""]
    assert rig.walk().mended == 2
    assert (rig.attempt(bead).rung_at or old) > old
    with unit_of_work.unit_of_work(rig.url) as session:
        policy.set_value(session, "scheduler.paused", "1", actor="ada")
    assert rig.subjects("hooked") == rig.subjects("idle") == [], "somebody wants it so"


def test_an_offer_that_waited_for_its_blockers_is_young(rig: Rig) -> None:
    rig.worker()
    with unit_of_work.unit_of_work(rig.url) as session:
        make_offered(session, make_bead(session)).created_at = clock.now() - timedelta(days=1)
    assert rig.subjects("hooked") == rig.subjects("idle") == []


def test_a_bead_that_is_started_again_and_again_is_a_storm(rig: Rig) -> None:
    rig.set(cooldown_s=0)
    bead = rig.run()
    for count in range(3):
        assert rig.subjects("storms") == [], count
        with unit_of_work.unit_of_work(rig.url) as session:
            row = assignments.find_open(session, bead)
            assert row is not None
            assignments.lose(session, row.id or 0, row.fence, actor="town", outcome="its host is gone")
            agents.mark_worktree(session, row.polecat or "", WorktreeState.CLEAN)
            row = assignments.claim(session, "app", holder=HOLDER, host="here", slots=9).assignment
            assert row.reason is Reason.TAKEOVER
    (fault,) = rig.faults("storms")
    assert (fault.subject, fault.message.startswith("SPAWN_STORM")) == (bead, True)


@pytest.mark.parametrize("status", [BeadStatus.HOOKED, BeadStatus.IN_PROGRESS, BeadStatus.SUBMITTED])
def test_a_bead_that_nobody_has_is_found(rig: Rig, status: BeadStatus) -> None:
    bead = rig.run()
    with unit_of_work.unit_of_work(rig.url) as session:
        beads.mark_slung(session, bead, is_code=True, actor="ada")
        row = beads.get(session, bead)
        row.status, row.updated_at = status.value, clock.now() - timedelta(minutes=3)
        session.add(row)
    assert rig.subjects("orphans") == []
    with unit_of_work.unit_of_work(rig.url) as session:
        open_row = assignments.find_open(session, bead)
        assert open_row is not None
        open_row.state = AssignmentState.RELEASED
    assert rig.subjects("orphans") == [bead]
    if status is BeadStatus.IN_PROGRESS:
        with unit_of_work.unit_of_work(rig.url) as session:
            row = beads.get(session, bead)
            row.assignee = "ada"
            session.add(row)
        assert rig.subjects("orphans") == [], "a person has it"


def test_no_check_of_the_witness_writes_when_all_is_well(rig: Rig) -> None:
    rig.worker()
    rig.run(silent_s=5)
    with rig.here.read() as session:
        before = events.latest_id(session)
    assert rig.walk() == patrols.WalkResult(checks=len(NAMES), faults=0, raised=0, cleared=0, mended=0)
    with rig.here.read() as session:
        assert events.latest_id(session) == before
