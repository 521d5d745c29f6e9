"""Changing one gate of a rig: what it is, when it runs, what it may use."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlmodel import Session

from gastown import refinery, rigs
from gastown.errors import Conflict
from gastown.rigs import Gate, GateSpec
from gastown.town import gate_words
from gastown.town.change_rig import GateNotFound, NothingToChange


class GateExists(Conflict):
    """The rig has a gate of this name."""


def add(session: Session, rig: str, gate: GateSpec, *, actor: str) -> Gate:
    """Give a rig one more gate, the last to run; refuses a name that one of its gates has."""
    specs = _specs(session, rig)
    if gate.name in specs:
        raise GateExists(f"rig {rig} has a gate called {gate.name!r}", hint=f"Change it: gt gate set {rig} {gate.name}")
    return _write(session, rig, [*specs.values(), gate], gate.name, actor=actor)


def change(session: Session, rig: str, name: str, changes: Mapping[str, Any], *, actor: str) -> Gate:
    """Change what is said of one gate, by the names of `GateSpec`; refuses a gate that the rig does not have."""
    specs = _specs(session, rig)
    _check_known(rig, name, specs)
    if not changes:
        raise NothingToChange("nothing to change was named", hint="See: gt gate set --help")
    specs[name] = replace(specs[name], **changes)
    return _write(session, rig, list(specs.values()), name, actor=actor)


def remove(session: Session, rig: str, name: str, *, actor: str) -> None:
    """Take one gate away; refuses the last one that keeps anything from landing."""
    specs = _specs(session, rig)
    _check_known(rig, name, specs)
    del specs[name]
    if not specs:
        raise rigs.NoGates(
            f"{name} is the only gate of rig {rig}",
            hint=f"Add another first, or have nothing tested: gt rig set {rig} --no-gates",
        )
    _write(session, rig, list(specs.values()), "", actor=actor)


def find(session: Session, rig: str, names: Sequence[str]) -> list[Gate]:
    """The gates of these names, in the order in which they run; all of them where none is named."""
    rigs.get(session, rig)
    rows = rigs.list_gates(session, rig)
    for name in names:
        _check_known(rig, name, {row.name: row for row in rows})
    return [row for row in rows if not names or row.name in names]


def _specs(session: Session, rig: str) -> dict[str, GateSpec]:
    rigs.get(session, rig, lock=True)
    return {row.name: rigs.spec_of(row) for row in rigs.list_gates(session, rig)}


def _check_known(rig: str, name: str, known: Mapping[str, object]) -> None:
    if name not in known:
        there = ", ".join(known) or "none"
        raise GateNotFound(f"rig {rig} has no gate called {name[:60]!r}", hint=f"Its gates: {there}.")


def _write(session: Session, rig: str, gates: Sequence[GateSpec], name: str, *, actor: str) -> Gate:
    """Write them all; where that changes what a verdict is of, the queue looks anew."""
    changed = [gate for gate in gates if gate.name == name]
    gate_words.check_gates(gates, no_gates=False)
    gate_words.check_programs(changed, "")
    before = _hashes(session, rig)
    rigs.set_gates(session, rig, gates, no_gates=False, actor=actor)
    session.flush()
    if _hashes(session, rig) != before:
        refinery.retry(session, rig, actor=actor, keep_target=True)
    rows = rigs.list_gates(session, rig)
    return next((row for row in rows if row.name == name), rows[0])


def _hashes(session: Session, rig: str) -> tuple[str, str]:
    row, gates = rigs.get(session, rig), rigs.list_gates(session, rig)
    return rigs.config_hash(row, gates), rigs.landed_hash(row, gates)
