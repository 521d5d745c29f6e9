"""Bonds: two protos, a proto and a molecule, two molecules; each kind, and what each refuses."""

import pytest
from sqlmodel import Session

from gastown import beads
from gastown.beads import BeadStatus, Filters
from gastown.errors import GastownError
from gastown.molecules import Bond, Bonded, Bonding, MoleculeRefused, bond
from tests.integration.molecules.conftest import ADA, Kitchen
from tests.support.recipes import workflow

ONE = workflow("a", "b<a", name="one")
TWO = workflow("a", "z<a", name="two")


def tie(kitchen: Kitchen, first: str, second: str, kind: Bond = Bond.SEQUENTIAL, **said: object) -> Bonded:
    how = Bonding(kind, "app", **said)  # type: ignore[arg-type]
    return bond(kitchen.session, first, second, how, kitchen.shelf, actor=ADA)


@pytest.fixture
def two(kitchen: Kitchen) -> Kitchen:
    kitchen.recipes.add(ONE)
    kitchen.recipes.add(TWO)
    return kitchen


def test_two_protos_make_a_compound_whose_parts_follow_one_another(session: Session, two: Kitchen) -> None:
    made = tie(two, "one", "two")
    root = beads.get(session, made.result_id)
    assert (made.result_type, root.title, root.is_template) == ("compound_proto", "Compound: one + two", True)
    assert [ref["source_id"] for ref in root.bonded_from] == ["one", "two"]
    poured = two.pour(name=root.id)
    order = []
    while steps := beads.list_ready(session, Filters(types=("task",))):
        order.append(steps[0].meta["step"])
        beads.close(session, [steps[0].id], actor=ADA)
    assert order == ["one.a", "one.b", "two.a", "two.z"]
    assert beads.get(session, poured.root_id).status == BeadStatus.CLOSED


def test_parallel_parts_start_together_and_a_proto_may_be_bonded_with_itself(session: Session, two: Kitchen) -> None:
    made = tie(two, "one", "one", Bond.PARALLEL)
    two.pour(name=made.result_id)
    found = beads.list_ready(session, Filters(types=("task",)))
    assert sorted(bead.meta["step"] for bead in found) == ["one-2.a", "one.a"]


def test_a_proto_hangs_on_a_molecule_and_waits_for_it(session: Session, two: Kitchen) -> None:
    molecule = two.pour(name="one")
    made = tie(two, molecule.root_id, "two")
    spawned = made.ids["two"]
    assert made.spawned == 3
    assert beads.blockers_of(session, spawned) == [molecule.root_id]
    assert beads.get(session, made.ids["a"]).is_blocked
    beads.close(session, [molecule.ids["a"]], actor=ADA)
    beads.close(session, [molecule.ids["b"]], actor=ADA)
    assert not beads.get(session, made.ids["a"]).is_blocked


def test_a_molecule_waits_for_the_proto_that_is_bonded_before_it(session: Session, two: Kitchen) -> None:
    molecule = two.pour(name="one")
    made = tie(two, "two", molecule.root_id)
    assert beads.get(session, molecule.ids["a"]).is_blocked
    assert not beads.get(session, made.ids["a"]).is_blocked


def test_a_parallel_proto_is_part_of_the_molecule_under_a_readable_id(session: Session, two: Kitchen) -> None:
    molecule = two.pour(name="one")
    two.recipes.add(TWO.replace("Do a", "Do {{who}}"))
    made = tie(two, molecule.root_id, "two", Bond.PARALLEL, ref="arm-{{who}}", given={"who": "nux"})
    assert made.ids["two"] == f"{molecule.root_id}.arm-nux"
    assert made.ids["z"] == f"{molecule.root_id}.arm-nux.2"
    assert made.ids["two"] in [child.id for child in beads.list_children(session, molecule.root_id)]
    with pytest.raises(GastownError, match="already exists"), session.begin_nested():
        tie(two, molecule.root_id, "two", Bond.PARALLEL, ref="arm-nux", given={"who": "x"})


def test_what_is_poured_onto_a_wisp_is_a_wisp_unless_told(session: Session, two: Kitchen) -> None:
    wisp = two.pour(name="one", ephemeral=True)
    assert beads.get(session, tie(two, wisp.root_id, "two").ids["two"]).ephemeral
    assert not beads.get(session, tie(two, wisp.root_id, "two", ephemeral=False).ids["two"]).ephemeral


def test_a_conditional_bond_opens_only_when_the_first_fails(session: Session, two: Kitchen) -> None:
    molecule = two.pour(name="one")
    made = tie(two, molecule.root_id, "two", Bond.CONDITIONAL)
    beads.close(session, [molecule.root_id], actor=ADA, reason="Build failed", force=True)
    assert not beads.get(session, made.ids["a"]).is_blocked


def test_two_molecules_are_tied_and_the_first_notes_it(session: Session, two: Kitchen) -> None:
    one, other = two.pour(name="one"), two.pour(name="two")
    made = tie(two, one.root_id, other.root_id)
    assert (made.result_type, made.result_id, made.spawned) == ("compound_molecule", one.root_id, 0)
    assert beads.get(session, other.ids["a"]).is_blocked
    assert beads.get(session, one.root_id).bonded_from == [
        {"source_id": other.root_id, "bond_type": "sequential", "bond_point": ""}
    ]
    with pytest.raises(GastownError, match="cycle"):
        tie(two, other.root_id, one.root_id)


def test_bonds_that_make_no_sense_are_refused(two: Kitchen) -> None:
    one, other = two.pour(name="one"), two.pour(name="two")
    with pytest.raises(MoleculeRefused, match="with itself"):
        tie(two, one.root_id, one.root_id)
    with pytest.raises(MoleculeRefused, match="molecules already"):
        tie(two, one.root_id, other.root_id, ref="x")
    with pytest.raises(MoleculeRefused, match="two protos make a proto"):
        tie(two, "one", "two", given={"x": "y"})
    with pytest.raises(MoleculeRefused, match="no end of an id"):
        tie(two, one.root_id, "two", Bond.PARALLEL, ref="../x")
    with pytest.raises(GastownError, match="no formula, template or molecule 'nope'"):
        tie(two, "one", "nope")
