"""Beads: the work items of the town, and the graph of what waits for what.

A bead is one thing to do, with a short id that people and agents type. It is not an attempt at it (that is an
assignment) and not a change in git (that is a merge request). Invariants:
  - `closed_at` is set exactly while the status is `closed`;
  - `is_blocked` is what readiness.py says it is, in every committed state;
  - a bead that was slung for code closes only with its landing, or when a person says that no code is needed;
  - every write records one event with the new values, in the same transaction.
The statuses and the steps that an attempt may take are in models.py.
"""

from gastown.beads import history, soundness, upkeep
from gastown.beads.bulk.batch import BatchFailed, Means, read_batch, run_batch
from gastown.beads.bulk.edge_files import read_edges
from gastown.beads.bulk.markdown import Draft, read_page
from gastown.beads.bulk.plans import Plan, create_plan, read_plan
from gastown.beads.bulk.planting import Seed, SeedEdge, note_bond, plant, uproot
from gastown.beads.capabilities import Shipment, ship
from gastown.beads.claims import claim, claim_ready
from gastown.beads.closing import Closing, close, close_landed, is_agent, reopen
from gastown.beads.conditions import GATE_TYPES, Outcome
from gastown.beads.conditions import judge as judge_gate
from gastown.beads.creation import create
from gastown.beads.deletion import Deletion, delete
from gastown.beads.edges import (
    NewEdge,
    add_by_text,
    add_dependencies,
    add_dependency,
    is_foreign,
    relate,
    remove_dependency,
    set_parent,
    unrelate,
)
from gastown.beads.epics import EpicStatus, close_eligible, list_epics
from gastown.beads.errors import (
    AlreadyClaimed,
    AmbiguousBead,
    BadField,
    BeadExists,
    BeadMoved,
    BeadNotFound,
    CloseRefused,
    CodeBead,
    DeleteRefused,
    DependencyRefused,
    ParentClosed,
    ParentNotFound,
)
from gastown.beads.exchange.automatic import export_if_due, export_path
from gastown.beads.exchange.content import content_hash
from gastown.beads.exchange.exporter import ExportOptions, export_lines
from gastown.beads.exchange.files import Exported, Target, WouldShrink, export_file
from gastown.beads.exchange.importer import import_lines
from gastown.beads.exchange.merging import Resolve
from gastown.beads.exchange.plan import Imported, ImportOptions, Orphans
from gastown.beads.exchange.repeats import import_file
from gastown.beads.exchange.reports import (
    exported_json,
    exported_text,
    import_json,
    import_text,
    import_warnings,
    status_json,
    status_text,
    sync_json,
    sync_text,
)
from gastown.beads.exchange.syncing import SyncJob, find_status, sync
from gastown.beads.figures import Figures, count, count_by_status, count_labels, measure
from gastown.beads.filters import Between, Filters, Sort
from gastown.beads.gates.durations import format_duration, parse_duration
from gastown.beads.gates.gates import (
    NEEDS_PERSON,
    Checked,
    GithubAway,
    Look,
    NewGate,
    NoGate,
    add_waiter,
    check_gates,
    create_gate,
    discover_runs,
    get_gate,
    list_gates,
    resolve_gate,
)
from gastown.beads.graphs.deadlocks import find_circles, find_living_circles
from gastown.beads.graphs.graph import cycles, waves
from gastown.beads.graphs.graph_checks import check_graph
from gastown.beads.history import *  # noqa: F403 - see there
from gastown.beads.labels import add_label, change_labels, propagate_label, remove_label, set_labels
from gastown.beads.lifecycle import add_comment, defer, mark_slung, set_status, undefer
from gastown.beads.lifecycle import update_bead as update
from gastown.beads.models import (
    BLOCKING_TYPES,
    CATEGORIES,
    ISSUE_TYPES,
    UNDER_WAY,
    Bead,
    BeadStatus,
    Category,
    Comment,
    Dependency,
    DependencyType,
    NewBead,
)
from gastown.beads.patches import Patch
from gastown.beads.queries import (
    Relations,
    blockers_of,
    find,
    find_many,
    get,
    is_ready,
    list_,
    list_blocked,
    list_children,
    load_relations,
)
from gastown.beads.readiness import catch_up, has_external_news
from gastown.beads.rendering import bead_json, comment_json, edge_json
from gastown.beads.replacing import mark_duplicate, supersede
from gastown.beads.shapes import absent_json, ends_json, list_json, own_json, refs_json, show_json, summary_json
from gastown.beads.slots import Slot, acquire_slot, create_slot, find_slot, release_slot
from gastown.beads.startable import count_ready, list_ready
from gastown.beads.states import StateChange, check_dimension, list_states, set_state
from gastown.beads.steps import Continuation, continuation_json, continue_after, molecule_of, next_steps
from gastown.beads.upkeep import *  # noqa: F403 - see there
from gastown.beads.upkeep.sections import check_sections
from gastown.beads.views.asking import check_filters, find_labels
from gastown.beads.views.drawings import PICTURES, Drawing, draw_boxes, draw_compact, draw_forest, one_line
from gastown.beads.views.explanations import explain, explain_lines, label_of_folder, list_gated
from gastown.beads.views.neighbourhood import draw_all, draw_around, draw_beads, drawing_json, list_current, list_thread
from gastown.beads.views.page import draw_page
from gastown.beads.views.query_language import Expression, compile_query
from gastown.beads.views.swarms import create_swarm, list_swarms, listed_json, swarm_json, swarm_status, validate_swarm
from gastown.beads.views.templates import check_template, fill_template
from gastown.beads.views.tree import Node, Walk, draw_nodes, drawing_of, node_json, walk
from gastown.beads.when import local, parse_when
from gastown.beads.words.configuration import (
    PREFIX,
    find_config,
    get_config,
    is_on,
    list_config,
    set_config,
    unset_config,
)
from gastown.beads.words.descriptions import check_config, describe_statuses, describe_types, explain_config
from gastown.beads.words.keys import KEYS
from gastown.beads.words.keys import canonical as canonical_key
from gastown.beads.words.memory import forget, memories, recall, remember
from gastown.beads.words.vocabulary import custom_statuses, custom_types, known_statuses, known_types

__all__ = [
    "BLOCKING_TYPES",
    "CATEGORIES",
    "GATE_TYPES",
    "ISSUE_TYPES",
    "KEYS",
    "NEEDS_PERSON",
    "PICTURES",
    "PREFIX",
    "UNDER_WAY",
    "AlreadyClaimed",
    "AmbiguousBead",
    "BadField",
    "BatchFailed",
    "Bead",
    "BeadExists",
    "BeadMoved",
    "BeadNotFound",
    "BeadStatus",
    "Between",
    "Category",
    "Checked",
    "CloseRefused",
    "Closing",
    "CodeBead",
    "Comment",
    "Continuation",
    "DeleteRefused",
    "Deletion",
    "Dependency",
    "DependencyRefused",
    "DependencyType",
    "Draft",
    "Drawing",
    "EpicStatus",
    "ExportOptions",
    "Exported",
    "Expression",
    "Figures",
    "Filters",
    "GithubAway",
    "ImportOptions",
    "Imported",
    "Look",
    "Means",
    "NewBead",
    "NewEdge",
    "NewGate",
    "NoGate",
    "Node",
    "Orphans",
    "Outcome",
    "ParentClosed",
    "ParentNotFound",
    "Patch",
    "Plan",
    "Relations",
    "Resolve",
    "Seed",
    "SeedEdge",
    "Shipment",
    "Slot",
    "Sort",
    "StateChange",
    "SyncJob",
    "Target",
    "Walk",
    "WouldShrink",
    "absent_json",
    "acquire_slot",
    "add_by_text",
    "add_comment",
    "add_dependencies",
    "add_dependency",
    "add_label",
    "add_waiter",
    "bead_json",
    "blockers_of",
    "canonical_key",
    "catch_up",
    "change_labels",
    "check_config",
    "check_dimension",
    "check_filters",
    "check_gates",
    "check_graph",
    "check_sections",
    "check_template",
    "claim",
    "claim_ready",
    "close",
    "close_eligible",
    "close_landed",
    "comment_json",
    "compile_query",
    "content_hash",
    "continuation_json",
    "continue_after",
    "count",
    "count_by_status",
    "count_labels",
    "count_ready",
    "create",
    "create_gate",
    "create_plan",
    "create_slot",
    "create_swarm",
    "custom_statuses",
    "custom_types",
    "cycles",
    "defer",
    "delete",
    "describe_statuses",
    "describe_types",
    "discover_runs",
    "draw_all",
    "draw_around",
    "draw_beads",
    "draw_boxes",
    "draw_compact",
    "draw_forest",
    "draw_nodes",
    "draw_page",
    "drawing_json",
    "drawing_of",
    "edge_json",
    "ends_json",
    "explain",
    "explain_config",
    "explain_lines",
    "export_file",
    "export_if_due",
    "export_lines",
    "export_path",
    "exported_json",
    "exported_text",
    "fill_template",
    "find",
    "find_circles",
    "find_config",
    "find_labels",
    "find_living_circles",
    "find_many",
    "find_slot",
    "find_status",
    "forget",
    "format_duration",
    "get",
    "get_config",
    "get_gate",
    "has_external_news",
    "history",
    "import_file",
    "import_json",
    "import_lines",
    "import_text",
    "import_warnings",
    "is_agent",
    "is_foreign",
    "is_on",
    "is_ready",
    "judge_gate",
    "known_statuses",
    "known_types",
    "label_of_folder",
    "list_",
    "list_blocked",
    "list_children",
    "list_config",
    "list_current",
    "list_epics",
    "list_gated",
    "list_gates",
    "list_json",
    "list_ready",
    "list_states",
    "list_swarms",
    "list_thread",
    "listed_json",
    "load_relations",
    "local",
    "mark_duplicate",
    "mark_slung",
    "measure",
    "memories",
    "molecule_of",
    "next_steps",
    "node_json",
    "note_bond",
    "one_line",
    "own_json",
    "parse_duration",
    "parse_when",
    "plant",
    "propagate_label",
    "read_batch",
    "read_edges",
    "read_page",
    "read_plan",
    "recall",
    "refs_json",
    "relate",
    "release_slot",
    "remember",
    "remove_dependency",
    "remove_label",
    "reopen",
    "resolve_gate",
    "run_batch",
    "set_config",
    "set_labels",
    "set_parent",
    "set_state",
    "set_status",
    "ship",
    "show_json",
    "soundness",
    "status_json",
    "status_text",
    "summary_json",
    "supersede",
    "swarm_json",
    "swarm_status",
    "sync",
    "sync_json",
    "sync_text",
    "undefer",
    "unrelate",
    "unset_config",
    "update",
    "uproot",
    "validate_swarm",
    "walk",
    "waves",
]
__all__ += history.__all__
__all__ += upkeep.__all__
