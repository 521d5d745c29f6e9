"""Molecules: work that follows a recipe.

A formula (a TOML or JSON file) is cooked to a protomolecule, a plan of steps and edges as values; poured, the plan
becomes beads: a molecule, or a wisp, which is not exported and goes away by itself. A template (proto) is a plan that
is kept as beads with its variables open. A molecule is no attempt at work: its steps are ordinary beads that agents
take.
Invariants:
  - cooking is pure: the same documents and values give the same plan;
  - a plan that could never be finished is refused before it is a bead;
  - a molecule is there with all its beads and edges, or not at all;
  - what a template holds is never ready, never listed and never changed.
"""

from gastown.molecules.binding import bind, named
from gastown.molecules.bonding import Bond, Bonded, Bonding, bond
from gastown.molecules.cooking import cook
from gastown.molecules.distilling import Distilled, as_json, as_toml, convert, distill, json_files, write_new
from gastown.molecules.documents import JSON, TOML, check_name, parse
from gastown.molecules.endings import (
    Burn,
    Squash,
    burn,
    burn_all,
    burns_json,
    collect_wisps,
    collected_json,
    list_wisps,
    squash,
)
from gastown.molecules.errors import (
    FormulaExists,
    FormulaInvalid,
    FormulaNotFound,
    MoleculeRefused,
    NotAMolecule,
    VariableInvalid,
)
from gastown.molecules.formula import Formula, FormulaType
from gastown.molecules.library import Library, list_formulas, read_file
from gastown.molecules.navigation import (
    Lanes,
    Position,
    Progress,
    Stale,
    find_lanes,
    find_molecule,
    last_activity,
    list_stale,
    locate,
    measure,
    parse_span,
)
from gastown.molecules.ordering import Order, fulfil
from gastown.molecules.pouring import Poured, Vessel, cooked_json, persist, pour
from gastown.molecules.protomolecule import Edge, ProtoGate, Protomolecule, ProtoStep
from gastown.molecules.sources import Shelf, cook_word, find_proto, find_source, find_template
from gastown.molecules.trees import read_proto
from gastown.molecules.variables import parse_values
from gastown.molecules.views import (
    check_seeds,
    cooked_lines,
    formula_json,
    formula_lines,
    kept_json,
    listed_json,
    molecule_json,
    position_json,
    stale_json,
    wisps_json,
)

__all__ = [
    "JSON",
    "TOML",
    "Bond",
    "Bonded",
    "Bonding",
    "Burn",
    "Distilled",
    "Edge",
    "Formula",
    "FormulaExists",
    "FormulaInvalid",
    "FormulaNotFound",
    "FormulaType",
    "Lanes",
    "Library",
    "MoleculeRefused",
    "NotAMolecule",
    "Order",
    "Position",
    "Poured",
    "Progress",
    "ProtoGate",
    "ProtoStep",
    "Protomolecule",
    "Shelf",
    "Squash",
    "Stale",
    "VariableInvalid",
    "Vessel",
    "as_json",
    "as_toml",
    "bind",
    "bond",
    "burn",
    "burn_all",
    "burns_json",
    "check_name",
    "check_seeds",
    "collect_wisps",
    "collected_json",
    "convert",
    "cook",
    "cook_word",
    "cooked_json",
    "cooked_lines",
    "distill",
    "find_lanes",
    "find_molecule",
    "find_proto",
    "find_source",
    "find_template",
    "formula_json",
    "formula_lines",
    "fulfil",
    "json_files",
    "kept_json",
    "last_activity",
    "list_formulas",
    "list_stale",
    "list_wisps",
    "listed_json",
    "locate",
    "measure",
    "molecule_json",
    "named",
    "parse",
    "parse_span",
    "parse_values",
    "persist",
    "position_json",
    "pour",
    "read_file",
    "read_proto",
    "squash",
    "stale_json",
    "wisps_json",
    "write_new",
]
