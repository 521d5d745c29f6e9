"""A rig: one git repository that the town works on, with its target branch, its gates and its agents' preset.

Not here: git itself (`gastown.git`) and the merge queue (`gastown.refinery`). Invariants: a rig's name and its beads'
prefix are unique for ever; a rig without gates says so explicitly; rows are never deleted, a removed rig keeps its
history.
"""

from gastown.rigs import replay
from gastown.rigs.halts import (
    Halt,
    HaltKind,
    find_freeze,
    find_pause,
    find_queue_pause,
    find_town_pause,
    list_halts,
    list_queue_pauses,
    takes_work,
)
from gastown.rigs.lifecycle import (
    GateSpec,
    NewRig,
    add,
    dock,
    freeze,
    park,
    pause_queue,
    remove,
    resume_queue,
    set_gates,
    set_target_state,
    thaw,
    undock,
    unpark,
    update,
)
from gastown.rigs.models import Gate, GatePhase, LandingStyle, Rig, TargetState
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
    "GatePhase",
    "GateSpec",
    "Halt",
    "HaltKind",
    "LandingStyle",
    "NewRig",
    "NoGates",
    "Rig",
    "RigExists",
    "RigNotFound",
    "TargetState",
    "add",
    "check_free",
    "config_hash",
    "dock",
    "find_by_prefix",
    "find_freeze",
    "find_pause",
    "find_queue_pause",
    "find_town_pause",
    "freeze",
    "gates_dir",
    "get",
    "land_git",
    "list_all",
    "list_gates",
    "list_halts",
    "list_queue_pauses",
    "park",
    "pause_queue",
    "polecats_dir",
    "remove",
    "replay",
    "resume_queue",
    "rig_dir",
    "set_gates",
    "set_target_state",
    "taken_prefixes",
    "takes_work",
    "thaw",
    "undock",
    "unpark",
    "update",
    "work_git",
]
