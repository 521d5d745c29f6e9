"""The demo's plan: enough beads, an order that can be followed, dependencies in and across the rigs."""

import pytest

from gastown.town.demo import agent, plan
from gastown.town.demo.plan import Side


@pytest.mark.parametrize("count", [12, 13, 14, 15, 40])
def test_plan_has_as_many_beads_as_asked_for_when_twelve_or_more(count: int) -> None:
    steps = plan.make_plan(count, seed=1, folder="gastown_demo")
    assert len(steps) == len({step.key for step in steps}) == count


@pytest.mark.parametrize("count", [12, 14, 60])
def test_every_bead_follows_what_it_needs_when_taken_in_order(count: int) -> None:
    seen: set[str] = set()
    for step in plan.make_plan(count, seed=3, folder="gastown_demo"):
        assert set(step.needs) <= seen
        seen.add(step.key)


@pytest.mark.parametrize("count", [12, 14])
def test_dependencies_cross_the_rigs_both_ways_when_the_story_is_told(count: int) -> None:
    steps = {step.key: step for step in plan.make_plan(count, seed=1, folder="gastown_demo")}
    crossing = {
        (step.side, steps[need].side) for step in steps.values() for need in step.needs if steps[need].side != step.side
    }
    assert crossing == {(Side.PROJECT, Side.SAMPLE), (Side.SAMPLE, Side.PROJECT)}


def test_four_agents_have_work_at_once_and_every_fault_is_planned_when_the_story_begins() -> None:
    steps = plan.make_plan(12, seed=1, folder="gastown_demo")
    assert sum(not step.needs for step in steps) >= 4
    assert sum(step.work.dies for step in steps) == 1
    assert any(step.work.mends for step in steps)
    first = [step.work for step in steps if step.work.priority == 0]
    assert [work.edits[0]["file"] for work in first] == ["till/units.py"] * 2


def test_plan_is_the_same_again_when_the_seed_is() -> None:
    one, other = (plan.make_plan(30, seed=7, folder="gastown_demo") for _ in range(2))
    assert one == other
    assert one != plan.make_plan(30, seed=8, folder="gastown_demo")


def test_agent_reads_its_job_back_when_a_bead_is_described() -> None:
    for step in plan.make_plan(16, seed=1, folder="gastown_demo_2"):
        job = agent.read_job(plan.describe(step))
        assert job is not None
        assert job["edits"] == list(step.work.edits)
        assert job["seconds"] == step.seconds
        if step.side is Side.PROJECT:
            assert all(edit["file"].startswith("gastown_demo_2/") for edit in job["edits"])


def test_agent_finds_no_job_when_a_description_has_no_block() -> None:
    assert agent.read_job("Just words.\n```json\n{}\n```") is None
