"""Outsiders use a noun through its face; statuses and kinds of events are written down once."""

import ast
import importlib

from gastown.agents import WorktreeState
from gastown.assignments import AssignmentState
from gastown.beads import BeadStatus
from gastown.events import EventKind
from gastown.refinery import RequestState
from tests.support.source_tree import ROOT, Source, imports, program

# Packages with a face: what their `__init__` lists in `__all__` is all there is, seen from outside.
NOUNS = tuple(
    sorted(
        path.parent.name
        for path in (ROOT / "gastown").glob("*/__init__.py")
        # `town` is a shelf of acts on top of the nouns, each imported by the one command for it.
        if path.parent.name not in {"cli", "config", "db", "migrations", "town"}
    )
)
# Who may look inside, and why.
EXEMPT = {
    "gastown/tables.py": "gathers every table",
    "gastown/cli/reference.py": "writes the transition tables down",
}


def _face(noun: str) -> set[str]:
    return set(importlib.import_module(f"gastown.{noun}").__all__)


def _intrusions(source: Source) -> list[str]:
    own = source.module.split(".")[1] if source.module.startswith("gastown.") else ""
    found = []
    for line, module, name in imports(source):
        parts = module.split(".")
        if parts[0] != "gastown" or len(parts) < 2 or parts[1] not in NOUNS or parts[1] == own:
            continue
        if len(parts) > 2 or name not in _face(parts[1]):
            found.append(f"{source.name}:{line} imports {module} {name}")
    return found


def test_outsiders_import_a_noun_and_not_its_insides() -> None:
    found = [use for source in program() if source.name not in EXEMPT for use in _intrusions(source)]
    assert not found, "\n".join(found)


def test_faces_keep_what_they_promise() -> None:
    broken = [
        f"gastown.{noun} has no {name}"
        for noun in NOUNS
        for name in _face(noun)
        if not hasattr(importlib.import_module(f"gastown.{noun}"), name)
    ]
    assert not broken, "\n".join(broken)


def test_kinds_of_events_are_named_by_their_enum() -> None:
    kinds = {kind.value for kind in EventKind}
    found = [
        f"{source.name}:{node.lineno} {node.value!r}"
        for source in program()
        if source.name != "gastown/events/kinds.py"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant) and node.value in kinds
    ]
    assert not found, "\n".join(found)


def test_statuses_are_compared_with_their_enum() -> None:
    enums = (AssignmentState, BeadStatus, RequestState, WorktreeState)
    statuses = {member.value for enum in enums for member in enum}
    found = [
        f"{source.name}:{node.lineno} {constant.value!r}"
        for source in program()
        if not source.name.startswith("gastown/runtimes/")  # which knows no noun's statuses
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Compare)
        for side in (node.left, *node.comparators)
        for constant in ast.walk(side)
        if isinstance(constant, ast.Constant) and constant.value in statuses
    ]
    assert not found, "\n".join(found)
