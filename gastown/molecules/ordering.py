"""`mol pour` and `mol wisp`: a word, values and wishes become a molecule, with what is attached to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlmodel import Session

from gastown import beads
from gastown.molecules.binding import bind, named
from gastown.molecules.bonding import Bond, Bonding, spawn
from gastown.molecules.errors import VariableInvalid
from gastown.molecules.pouring import Poured, Vessel, pour
from gastown.molecules.protomolecule import Protomolecule
from gastown.molecules.sources import Shelf, find_proto


@dataclass(frozen=True)
class Order:
    """What is to be poured."""

    word: str
    vessel: Vessel
    given: Mapping[str, str] = field(default_factory=dict)
    attach: tuple[str, ...] = ()
    attach_kind: Bond = Bond.SEQUENTIAL


def fulfil(session: Session, order: Order, shelf: Shelf, *, actor: str) -> Poured:
    """Pour a formula or a template, and what is to be attached to it; all of it or nothing.

    Each proto takes those of the values that it knows; a value that none of them knows is refused.
    """
    protos = [find_proto(session, word, shelf, order.given) for word in (order.word, *order.attach)]
    shares = _shares(protos, order.given)
    proto, vessel = protos[0], order.vessel
    warnings = [warning for one in protos for warning in one.warnings]
    if proto.phase == "vapor" and not vessel.ephemeral:
        warnings.append(f"{proto.formula} is meant to be a wisp (phase = vapor): `bd mol wisp {order.word}`")
    if vessel.ephemeral and proto.pour is False:
        vessel = replace(vessel, root_only=True)
    done = pour(session, bind(proto, shares[0]), vessel, actor=actor)
    attached = 0
    for other, share in zip(protos[1:], shares[1:], strict=True):
        root = beads.get(session, done.root_id)
        how = Bonding(order.attach_kind, vessel.prefix, given=share)
        attached += spawn(session, root, bind(other, share), how, actor, is_second=True).spawned
    return replace(done, attached=attached, warnings=tuple(dict.fromkeys(warnings)))


def _shares(protos: list[Protomolecule], given: Mapping[str, str]) -> list[dict[str, str]]:
    known = [{variable.name for variable in proto.variables} | set(named(proto)) for proto in protos]
    unknown = [name for name in given if not any(name in names for names in known)]
    if unknown:
        listed = ", ".join(sorted(set().union(*known))) or "there are none"
        raise VariableInvalid(f"no variable {unknown[0][:60]!r}", hint=f"Variables: {listed}.")
    return [{name: value for name, value in given.items() if name in names} for names in known]
