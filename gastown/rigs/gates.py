"""One gate as a person describes it, and what a verdict depends on. Pure."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gastown.rigs.models import Gate, GatePhase, LandingStyle, Rig

LANDED_MARK = "post-"
"""Begins the configuration of runs that test what has landed: they say nothing about what may land."""


@dataclass(frozen=True)
class GateSpec:
    """A gate as given on the command line."""

    name: str
    command: str
    timeout_s: int | None = None
    is_required: bool = True
    phase: GatePhase = GatePhase.PRE_MERGE
    poll_s: int | None = None
    memory_mb: int | None = None
    environment: tuple[str, ...] = ()


def spec_of(row: Gate) -> GateSpec:
    """What a gate's row was made from."""
    return GateSpec(
        row.name,
        row.command,
        row.timeout_s,
        is_required=row.is_required,
        phase=row.phase,
        poll_s=row.poll_s,
        memory_mb=row.memory_mb,
        environment=tuple(row.environment),
    )


def more_of(gate: Gate | GateSpec) -> dict[str, Any]:
    """What is said of a gate besides name, command and time-out, by column; nothing of what is as usual."""
    limits: dict[str, Any] = {"poll_s": gate.poll_s, "memory_mb": gate.memory_mb}
    said = {name: value for name, value in limits.items() if value is not None}
    if gate.environment:
        said["environment"] = sorted(gate.environment)
    if not gate.is_required:
        said["is_required"] = False
    if gate.phase is not GatePhase.PRE_MERGE:
        said["phase"] = gate.phase.value
    return said


def deciding(gates: Sequence[Gate]) -> list[Gate]:
    """The gates that a tree must pass before it lands."""
    return [gate for gate in gates if gate.is_required and gate.phase is GatePhase.PRE_MERGE]


def advisory(gates: Sequence[Gate], phase: GatePhase) -> list[Gate]:
    """The gates of a phase that are run and told, and decide nothing."""
    return [gate for gate in gates if not gate.is_required and gate.phase is phase]


def after_landing(gates: Sequence[Gate]) -> list[Gate]:
    """The gates that what has landed must pass, or the queue stops."""
    return [gate for gate in gates if gate.is_required and gate.phase is GatePhase.POST_LANDING]


def config_hash(rig: Rig, gates: Sequence[Gate]) -> str:
    """What a verdict depends on besides the tree: set-up command, and the gates that decide what may land."""
    # Who rebases has every commit on the way tested, in another tree than who merges.
    style = [rig.landing.value] if rig.landing is LandingStyle.REBASE else []
    return _hash(rig, deciding(gates), *style)


def landed_hash(rig: Rig, gates: Sequence[Gate]) -> str:
    """The same of the gates for what has landed; empty where the rig has none at all."""
    if all(gate.phase is GatePhase.PRE_MERGE for gate in gates):
        return ""
    return f"{LANDED_MARK}{_hash(rig, after_landing(gates))}"[:64]


def _hash(rig: Rig, gates: Sequence[Gate], *more: object) -> str:
    # A gate that says nothing new keeps the hash that it has had since there were gates, and so its verdicts.
    parts = [rig.setup_command, *(_part(gate) for gate in gates), *more]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _part(gate: Gate) -> list[object]:
    more = {name: value for name, value in more_of(gate).items() if name not in ("is_required", "phase")}
    return [gate.name, gate.command, gate.timeout_s, *([more] if more else [])]
