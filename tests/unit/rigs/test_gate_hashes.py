"""What a verdict depends on: what is new about gates changes nothing for those that do without it."""

import hashlib
import json
from typing import Any

import pytest

from gastown import rigs
from gastown.rigs import Gate, GatePhase, Rig

RIG = Rig(name="app", prefix="app", remote_url="u", branch="main", setup_command="make", created_at=None)


def _gate(name: str = "test", **values: Any) -> Gate:
    return Gate(rig="app", name=name, command="pytest", timeout_s=60, **values)


def test_gate_without_anything_new_has_the_hash_that_it_always_had() -> None:
    known = hashlib.sha256(json.dumps(["make", ["test", "pytest", 60]]).encode()).hexdigest()
    assert rigs.config_hash(RIG, [_gate()]) == known


@pytest.mark.parametrize("other", [{"is_required": False}, {"phase": GatePhase.POST_LANDING}])
def test_gate_that_keeps_nothing_from_landing_leaves_verdicts_valid(other: dict[str, Any]) -> None:
    assert rigs.config_hash(RIG, [_gate(), _gate("more", **other)]) == rigs.config_hash(RIG, [_gate()])


@pytest.mark.parametrize("other", [{"poll_s": 5}, {"memory_mb": 500}, {"environment": ["A"]}])
def test_what_may_change_the_outcome_makes_another_hash(other: dict[str, Any]) -> None:
    assert rigs.config_hash(RIG, [_gate(**other)]) != rigs.config_hash(RIG, [_gate()])


def test_runs_of_what_has_landed_are_told_by_their_hash() -> None:
    smoke = _gate("smoke", phase=GatePhase.POST_LANDING)
    assert rigs.landed_hash(RIG, [_gate()]) == ""
    found = rigs.landed_hash(RIG, [_gate(), smoke])
    assert found.startswith(rigs.LANDED_MARK)
    assert len(found) == 64
    assert not rigs.config_hash(RIG, [_gate(), smoke]).startswith(rigs.LANDED_MARK)
