"""A whole town whose agent falls silent: the witness has it restarted, then counts it as failed, then asks a person."""

from collections.abc import Callable
from datetime import timedelta

from gastown import assignments, beads, clock, events
from gastown.assignments import AssignmentState
from gastown.beads import BeadStatus
from gastown.db import locks, unit_of_work
from gastown.events import EventKind
from tests.support.towns import wait_until
from tests.support.village import Village, git


def silence(village: Village, bead_id: str, until: Callable[[], object], what: str) -> None:
    """Let the bead's session have been silent for an hour, with the patrols' next walk due, until it has its effect.

    Again and again: a sign that the agent gave before may arrive with a later heartbeat. The session that follows it is
    left alone.
    """
    (before,) = village.attempts(bead_id)

    def look() -> bool:
        if until():
            return True
        with unit_of_work.unit_of_work(village.town.settings.database) as session:
            row = assignments.find_open(session, bead_id, lock=True)
            if row is not None and row.runs == before.runs:
                hour_ago = clock.now() - timedelta(hours=1)
                row.claimed_at = row.started_at = row.active_at = row.progress_at = hour_ago
            tick = session.get(locks.Lease, "tick.town.patrol")
            if tick is not None:
                tick.expires_at = clock.now() - timedelta(hours=1)
        return False

    wait_until(look, what, within_s=120, pause_s=2)


def kinds(village: Village, bead_id: str) -> list[EventKind]:
    with village.town.read() as session:
        return [event.kind for event in events.for_bead(session, bead_id)]


def test_a_silent_agent_is_restarted_and_then_escalated_once_with_its_work_saved(village: Village) -> None:
    settings = {"witness.restarts": 1, "cap.agent_failures": 1, "lease.heartbeat_s": 1, "lease.ttl_s": 5}
    settings |= {"deacon.mend_pause_s": 1, "deacon.mend_pause_most_s": 1}
    village.up("echo half >> draft.txt; sleep 600", **settings)
    (name,) = village.sling(1)
    wait_until(lambda: village.starts()[name] == 1, "the agent starts")

    silence(village, name, lambda: village.starts()[name] == 2, "the agent was started again")
    (row,) = village.attempts(name)
    assert (row.state, row.restarts, row.runs) == (AssignmentState.RUNNING, 1, 2)
    prompt = village.town.folder / "sessions" / str(row.id) / "run-2" / "prompt.txt"
    assert "gave no sign of life" in prompt.read_text(), "it is told what was seen"

    silence(village, name, lambda: EventKind.BEAD_ESCALATED in kinds(village, name), "a person is asked")
    (row,) = village.attempts(name)
    assert (row.state, row.restarts) == (AssignmentState.FAILED, 1)
    assert git(village.remote, "show", f"{row.branch}:draft.txt") == "half\nhalf"
    told = kinds(village, name)
    assert [told.count(kind) for kind in (EventKind.ASSIGNMENT_RESTART_ASKED, EventKind.BEAD_ESCALATED)] == [1, 1]
    with village.town.read() as session:
        assert beads.get(session, name).status == BeadStatus.ESCALATED
        (comment,) = beads.load_relations(session, [name], comments=True).comments[name]
        findings = [event.payload["check"] for event in events.latest(session, kinds=[EventKind.FINDING_MENDED])]
    assert "after 1 restarts" in comment.text
    assert findings == ["silent", "silent"]
    assert village.starts()[name] == 2
