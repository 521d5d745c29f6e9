"""Bonds: two protos become one, a proto is poured onto a molecule, two molecules are tied together."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sqlmodel import Session

from gastown import beads
from gastown.beads import Bead, DependencyType
from gastown.molecules.binding import bind
from gastown.molecules.errors import MoleculeRefused
from gastown.molecules.pouring import TEMPLATE, Poured, Vessel, persist, pour
from gastown.molecules.protomolecule import Edge, ProtoGate, Protomolecule, ProtoStep
from gastown.molecules.sources import Shelf, find_source
from gastown.molecules.variables import substitute

_REF = re.compile(r"(?=.{1,60}$)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")


class Bond(StrEnum):
    """How the second hangs on the first."""

    SEQUENTIAL = "sequential"  # it starts when the first is done
    PARALLEL = "parallel"  # it is part of the first
    CONDITIONAL = "conditional"  # it starts only if the first fails


_EDGES = {
    Bond.SEQUENTIAL: DependencyType.BLOCKS,
    Bond.CONDITIONAL: DependencyType.CONDITIONAL,
    Bond.PARALLEL: DependencyType.PARENT_CHILD,
}


@dataclass(frozen=True)
class Bonding:
    """How to bond."""

    kind: Bond = Bond.SEQUENTIAL
    prefix: str = ""
    title: str = ""
    """Of a compound."""
    ref: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    ephemeral: bool | None = None
    """What is poured is a wisp; None: as the molecule is that it is poured onto."""


@dataclass(frozen=True)
class Bonded:
    """What a bond made."""

    result_id: str
    result_type: str
    kind: Bond
    spawned: int = 0
    ids: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """What `--json` shows of it."""
        return {
            "result_id": self.result_id,
            "result_type": self.result_type,
            "bond_type": self.kind.value,
            "spawned": self.spawned,
            "id_mapping": dict(self.ids),
        }


def bond(session: Session, first: str, second: str, how: Bonding, shelf: Shelf, *, actor: str) -> Bonded:
    """Bond two protos, a proto and a molecule, or two molecules; the second hangs on the first.

    Refuses a bond with which something would wait for itself.
    """
    one = find_source(session, first, shelf, {})
    two = find_source(session, second, shelf, {})
    if isinstance(one, Bead) and isinstance(two, Bead):
        return _tie(session, one, two, how, actor)
    if isinstance(one, Protomolecule) and isinstance(two, Protomolecule):
        if how.ref or how.given or how.ephemeral is not None:
            raise MoleculeRefused(
                "two protos make a proto: --ref, --var, --pour and --ephemeral wait until it is poured",
                hint="Bond first, then `bd mol pour` the result.",
            )
        compound = join(one, two, how.kind, how.title)
        made = persist(session, compound, _compound_vessel(one, two, how), actor=actor)
        return Bonded(made.root_id, "compound_proto", how.kind, made.created, made.ids, _warnings(one, two))
    if isinstance(one, Bead):
        assert isinstance(two, Protomolecule)
        return spawn(session, one, _shaped(session, second, how, shelf), how, actor, is_second=True)
    assert isinstance(two, Bead)
    return spawn(session, two, _shaped(session, first, how, shelf), how, actor, is_second=False)


def _shaped(session: Session, word: str, how: Bonding, shelf: Shelf) -> Protomolecule:
    """The proto again, with the values that shape its loops, and bound."""
    found = find_source(session, word, shelf, how.given)
    assert isinstance(found, Protomolecule)
    return bind(found, how.given)


def _compound_vessel(one: Protomolecule, two: Protomolecule, how: Bonding) -> Vessel:
    bonds = tuple({"source_id": proto.formula, "bond_type": how.kind.value, "bond_point": ""} for proto in (one, two))
    return Vessel(prefix=how.prefix, bonded_from=bonds)


def _warnings(*protos: Protomolecule) -> tuple[str, ...]:
    return tuple(warning for proto in protos for warning in proto.warnings)


def join(one: Protomolecule, two: Protomolecule, kind: Bond, title: str = "") -> Protomolecule:
    """One plan of two: each is a part of its own, whose steps keep their names behind the part's."""
    names = [_part(one.formula), _part(two.formula)]
    if names[0] == names[1]:
        names[1] += "-2"
    parts = [_inside(proto, name) for proto, name in zip((one, two), names, strict=True)]
    tie = () if kind is Bond.PARALLEL else (Edge(names[1], names[0], type=_EDGES[kind].value),)
    known = {variable.name: variable for proto in (two, one) for variable in proto.variables}
    return Protomolecule(
        formula=f"{names[0]}-{names[1]}",
        title=title or f"Compound: {one.title or one.formula} + {two.title or two.formula}",
        description="\n\n".join(filter(None, (one.description, two.description))),
        phase=one.phase if one.phase == two.phase else "",
        pour=True,
        steps=(*parts[0][0], *parts[1][0]),
        edges=(*parts[0][1], *parts[1][1], *tie),
        gates=(*parts[0][2], *parts[1][2]),
        variables=tuple(known.values()),
        warnings=_warnings(one, two),
    )


def _part(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:40] or "part"


def _inside(proto: Protomolecule, part: str) -> tuple[tuple[ProtoStep, ...], tuple[Edge, ...], tuple[ProtoGate, ...]]:
    # An epic with this label closes by itself with its last step, so that what waits for the part goes on.
    top = ProtoStep(
        id=part,
        title=proto.title or proto.formula,
        description=proto.description,
        type="epic",
        labels=(TEMPLATE,),
    )
    steps = tuple(
        replace(step, id=f"{part}.{step.id}", parent=f"{part}.{step.parent}" if step.parent else part)
        for step in proto.steps
    )
    edges = tuple(replace(edge, step=f"{part}.{edge.step}", target=f"{part}.{edge.target}") for edge in proto.edges)
    gates = tuple(
        replace(gate, id=gate.id.replace("gate-", f"gate-{part}.", 1), step=f"{part}.{gate.step}")
        for gate in proto.gates
    )
    return (top, *steps), edges, gates


def spawn(
    session: Session, molecule: Bead, proto: Protomolecule, how: Bonding, actor: str, *, is_second: bool
) -> Bonded:
    """Pour a proto and hang it on a molecule, or the molecule on it."""
    ephemeral = molecule.ephemeral if how.ephemeral is None else how.ephemeral
    ref = _check_ref(substitute(how.ref, how.given))
    is_part = how.kind is Bond.PARALLEL
    vessel = Vessel(
        prefix=molecule.prefix,
        ephemeral=ephemeral,
        below=molecule.id if is_part or ref else "",
        ref=ref,
        is_child=is_part,
        bonded_from=({"source_id": proto.formula, "bond_type": how.kind.value, "bond_point": ""},),
    )
    made: Poured = pour(session, proto, vessel, actor=actor)
    if not is_part:
        waiting, awaited = (made.root_id, molecule.id) if is_second else (molecule.id, made.root_id)
        beads.add_dependency(session, waiting, awaited, actor=actor, type=_EDGES[how.kind])
    ids = {proto.formula: made.root_id, **made.ids}
    return Bonded(molecule.id, "compound_molecule", how.kind, made.created, ids, made.warnings)


def _check_ref(ref: str) -> str:
    if ref and _REF.fullmatch(ref) is None:
        raise MoleculeRefused(f"--ref {ref[:60]!r} is no end of an id", hint="Use letters, digits and - _ .")
    return ref


def _tie(session: Session, one: Bead, two: Bead, how: Bonding, actor: str) -> Bonded:
    if how.ref or how.given or how.ephemeral is not None or how.title:
        raise MoleculeRefused(
            "both are molecules already: --ref, --var, --as, --pour and --ephemeral are for protos",
            hint="Leave them out, or name a formula.",
        )
    if one.id == two.id:
        raise MoleculeRefused(f"{one.id} cannot be bonded with itself")
    beads.add_dependency(session, two.id, one.id, actor=actor, type=_EDGES[how.kind])
    note = {"source_id": two.id, "bond_type": how.kind.value, "bond_point": ""}
    beads.note_bond(session, one.id, note, actor=actor)
    return Bonded(one.id, "compound_molecule", how.kind)
