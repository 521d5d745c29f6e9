"""A rig: one git repository that the town works on, with its target branch, its gates and its agents' preset.

Not here: git itself (`gastown.git`) and the merge queue (`gastown.refinery`). Invariants: a rig's name and its beads'
prefix are unique for ever; a rig without gates says so explicitly; rows are never deleted, a removed rig keeps its
history.
"""

from gastown.rigs.halts import find_freeze, find_pause
from gastown.rigs.lifecycle import GateSpec, NewRig, add, park, remove, set_gates, set_target_state, unpark, update
from gastown.rigs.models import Gate, Rig, TargetState
from gastown.rigs.paths import gates_dir, land_git, polecats_dir, rig_dir, work_git
from gastown.rigs.queries import (
    NoGates,
    RigExists,
    RigNotFound,
    check_free,
    config_hash,
    find_by_prefix,
    get,
    list_all,
    list_gates,
    taken_prefixes,
)

__all__ = [
    "Gate",
    "GateSpec",
    "NewRig",
    "NoGates",
    "Rig",
    "RigExists",
    "RigNotFound",
    "TargetState",
    "add",
    "check_free",
    "config_hash",
    "find_by_prefix",
    "find_freeze",
    "find_pause",
    "gates_dir",
    "get",
    "land_git",
    "list_all",
    "list_gates",
    "park",
    "polecats_dir",
    "remove",
    "rig_dir",
    "set_gates",
    "set_target_state",
    "taken_prefixes",
    "unpark",
    "update",
    "work_git",
]
