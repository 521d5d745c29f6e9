"""A bead that nobody can do: tried three times, then one escalation."""

import pytest

from gastown import beads, events
from gastown.assignments import AssignmentState
from gastown.beads import BeadStatus
from gastown.events import EventKind
from tests.support.towns import wait_until
from tests.support.village import Village

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


def test_a_bead_whose_agent_dies_at_once_is_tried_three_times_and_escalated_once(village: Village) -> None:
    village.up("exit 1", cooldown_s=1, **{"doorbell.again_s": 3})
    (name,) = village.sling(1)

    def escalated() -> bool:
        with village.town.read() as session:
            return beads.get(session, name).status == BeadStatus.ESCALATED

    wait_until(escalated, "a person is asked", within_s=120, pause_s=0.2)

    assert village.starts()[name] == 3
    assert [row.state for row in village.attempts(name)] == [AssignmentState.FAILED] * 3
    with village.town.read() as session:
        kinds = [event.kind for event in events.for_bead(session, name)]
        comments = beads.load_relations(session, [name], comments=True).comments[name]
    assert kinds.count(EventKind.BEAD_ESCALATED) == 1
    (told,) = [comment.text for comment in comments if comment.text.startswith("Escalated")]
    assert told.count("\n- attempt ") == 3
    assert "exit status 1" in told
