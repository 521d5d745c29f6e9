"""Where molecules stand: positions, progress, lanes, gates that opened, what is stale, what changed last."""

import pytest
from sqlmodel import Session

from gastown import beads
from gastown.beads import BeadStatus, Filters
from gastown.errors import Invalid
from gastown.molecules import (
    NotAMolecule,
    find_lanes,
    find_molecule,
    last_activity,
    list_stale,
    locate,
    measure,
    parse_span,
    position_json,
)
from tests.integration.molecules.conftest import ADA, Kitchen
from tests.support.factories_beads import make_bead
from tests.support.fake_clock import FakeClock
from tests.support.recipes import workflow

DIAMOND = workflow("a", "b<a", "c<a", "d<b,c")


def statuses(session: Session, root: str) -> dict[str, str]:
    return {str(place.bead.meta["step"]): place.status for place in locate(session, root).steps}


def test_a_position_tells_done_current_ready_and_blocked(session: Session, kitchen: Kitchen) -> None:
    made = kitchen.pour(DIAMOND)
    assert statuses(session, made.root_id) == {"a": "ready", "b": "blocked", "c": "blocked", "d": "blocked"}
    assert find_molecule(session, actor=ADA) == []
    beads.close(session, [made.ids["a"]], actor=ADA)
    beads.claim(session, made.ids["b"], actor=ADA)
    assert statuses(session, made.root_id) == {"a": "done", "b": "current", "c": "ready", "d": "blocked"}
    assert find_molecule(session, actor=ADA) == [made.root_id]
    assert find_molecule(session, actor="bob") == []
    position = locate(session, made.root_id)
    assert (position.assignee, position.completed, position.total) == (ADA, 1, 4)
    assert position.next is not None
    assert position.next.id == made.ids["c"]


def test_closing_a_step_and_going_on_takes_the_next_of_the_same_molecule(session: Session, kitchen: Kitchen) -> None:
    make_bead(session, "more urgent, and of nobody", priority=0)
    made = kitchen.pour(DIAMOND)
    done = []
    beads.claim(session, made.ids["a"], actor=ADA)
    step = made.ids["a"]
    while True:
        beads.close(session, [step], actor=ADA)
        done.append(step)
        following = beads.continue_after(session, step, actor=ADA)
        assert following is not None
        if following.next_step is None:
            break
        step = following.next_step.id
    assert done == [made.ids[name] for name in "abcd"]
    assert following.molecule_complete
    assert beads.get(session, made.root_id).status == BeadStatus.CLOSED


def test_of_a_long_molecule_the_steps_around_are_shown(session: Session, kitchen: Kitchen) -> None:
    text = 'formula = "long"\n[[steps]]\nid = "l"\nloop = { count = 120, body = [{ id = "x", title = "X" }] }'
    made = kitchen.pour(text)
    for number in range(1, 13):
        beads.close(session, [f"{made.root_id}.{number}"], actor=ADA)
    position = locate(session, made.root_id)
    shown = position_json(position)
    assert shown["summary"] is True
    assert [step["issue"]["id"] for step in shown["steps"]] == [f"{made.root_id}.{n}" for n in range(8, 19)]
    assert shown["next_step"]["id"] == f"{made.root_id}.13"
    assert len(position_json(position, limit=50)["steps"]) == 50
    spanned = position_json(position, span=parse_span("119-500"))
    assert [step["issue"]["id"] for step in spanned["steps"]] == [f"{made.root_id}.119", f"{made.root_id}.120"]


@pytest.mark.parametrize("text", ["", "5", "0-3", "9-2", "a-b", "1-99999999999999999"])
def test_a_span_that_holds_no_step_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_span(text)


def test_progress_has_a_rate_and_a_guess(session: Session, kitchen: Kitchen, fake_clock: FakeClock) -> None:
    made = kitchen.pour(workflow("a", "b", "c", "d"))
    for name in "abc":
        fake_clock.pass_(hours=1)
        beads.close(session, [made.ids[name]], actor=ADA)
    shown = measure(session, made.root_id).as_json()
    assert (shown["completed"], shown["total"], shown["percent"]) == (3, 4, 75.0)
    assert (shown["rate_per_hour"], shown["eta_hours"]) == (1.0, 1.0)


def test_lanes_group_what_may_run_side_by_side(session: Session, kitchen: Kitchen) -> None:
    made = kitchen.pour(DIAMOND)
    shown = find_lanes(session, made.root_id).as_json()
    b, c = made.ids["b"], made.ids["c"]
    assert shown["parallel_groups"] == {"group-1": [made.ids["a"]], "group-2": [b, c], "group-3": [made.ids["d"]]}
    assert shown["ready_steps"] == 1
    steps = shown["steps"]
    assert isinstance(steps, dict)
    assert steps[b]["can_parallel"] == [c]
    assert steps[b]["blocked_by"] == [made.ids["a"]]
    assert steps[b]["blocks"] == [made.ids["d"]]


def test_a_molecule_whose_gate_closed_waits_for_somebody(session: Session, kitchen: Kitchen) -> None:
    text = workflow("a").replace('id = "a"', 'id = "a"\ngate = { type = "human" }')
    made = kitchen.pour(text)
    assert beads.list_gated(session, Filters()) == []
    beads.close(session, [made.ids["gate-a"]], actor=ADA, force=True)
    (found,) = beads.list_gated(session, Filters())
    assert found["molecule_id"] == made.root_id
    assert (found["closed_gate"], found["ready_step"]) == (made.ids["gate-a"], made.ids["a"])


def test_what_is_complete_and_open_is_stale_and_names_who_waits(session: Session) -> None:
    epic = make_bead(session, "epic", issue_type="epic")
    child = make_bead(session, "child", parent=epic.id)
    later = make_bead(session, "later", issue_type="epic", deps=(epic.id,))
    assert list_stale(session) == []
    beads.close(session, [child.id], actor=ADA)
    (found,) = list_stale(session)
    assert (found.root.id, found.total, found.blocking) == (epic.id, 1, [later.id])
    assert list_stale(session, assigned=True) == []


def test_the_last_change_is_found_in_gates_too(session: Session, kitchen: Kitchen, fake_clock: FakeClock) -> None:
    made = kitchen.pour(workflow("a", "b").replace('id = "b"', 'id = "b"\ngate = { type = "human" }'))
    fake_clock.pass_(minutes=1)
    beads.close(session, [made.ids["gate-b"]], actor=ADA, force=True)
    assert last_activity(session, made.root_id).id == made.ids["gate-b"]


def test_a_bead_without_steps_has_no_position(session: Session) -> None:
    plain = make_bead(session, "plain")
    for ask in (locate, measure, find_lanes):
        with pytest.raises(NotAMolecule, match="has no steps"):
            ask(session, plain.id)
