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
from gastown.molecules.distilling import Distilled, as_json, as_toml, convert, distill, write_new
from gastown.molecules.documents import JSON, TOML, check_name, parse
from gastown.molecules.endings import Burn, Squash, burn, list_wisps, squash
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
    Gated,
    Lanes,
    Position,
    Progress,
    Stale,
    around,
    find_lanes,
    find_molecule,
    last_activity,
    list_gated,
    list_stale,
    locate,
    measure,
    shown_places,
)
from gastown.molecules.ordering import Order, fulfil
from gastown.molecules.pouring import Poured, Vessel, cooked_json, persist, pour
from gastown.molecules.protomolecule import Edge, ProtoGate, Protomolecule, ProtoStep
from gastown.molecules.sources import Shelf, cook_word, find_proto, find_source, find_template
from gastown.molecules.trees import read_proto

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
    "Gated",
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
    "around",
    "as_json",
    "as_toml",
    "bind",
    "bond",
    "burn",
    "check_name",
    "convert",
    "cook",
    "cook_word",
    "cooked_json",
    "distill",
    "find_lanes",
    "find_molecule",
    "find_proto",
    "find_source",
    "find_template",
    "fulfil",
    "last_activity",
    "list_formulas",
    "list_gated",
    "list_stale",
    "list_wisps",
    "locate",
    "measure",
    "named",
    "parse",
    "persist",
    "pour",
    "read_file",
    "read_proto",
    "shown_places",
    "squash",
    "write_new",
]
