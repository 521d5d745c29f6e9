"""Plans become beads: ids, edges, gates, templates, wisps, events; readiness is right; refused plans leave nothing."""

import pytest
from sqlmodel import Session, func, select

from gastown import beads
from gastown.beads import Bead, BeadStatus, Filters
from gastown.beads.history.lineage import list_events
from gastown.beads.history.replay import replay
from gastown.errors import GastownError
from gastown.events import Event, EventKind
from gastown.molecules import MoleculeRefused, NotAMolecule, Vessel, cook, find_template, persist
from tests.integration.molecules.conftest import ADA, Kitchen
from tests.support.recipes import workflow

GATED = workflow("a", "b<a").replace('id = "b"', 'id = "b"\ngate = { type = "timer", timeout = "1h" }')


def ready(session: Session) -> list[str]:
    return [bead.title for bead in beads.list_ready(session, Filters(include_ephemeral=True))]


def test_a_molecule_has_its_root_its_steps_and_its_order(session: Session, kitchen: Kitchen) -> None:
    made = kitchen.pour(workflow("a", "b<a", "c<b"))
    root = beads.get(session, made.root_id)
    assert made.root_id.startswith("app-mol-")
    assert (root.issue_type, root.prefix, root.source_formula) == ("molecule", "app", "w")
    assert made.ids == {name: f"{made.root_id}.{number}" for number, name in enumerate("abc", 1)}
    assert [child.id for child in beads.list_children(session, root.id)] == list(made.ids.values())
    assert beads.blockers_of(session, made.ids["b"]) == [made.ids["a"]]
    assert ready(session) == ["Do a"]
    assert beads.get(session, made.ids["b"]).meta == {"step": "b"}


def test_every_step_can_be_closed_in_its_order_and_the_root_closes_with_the_last(
    session: Session, kitchen: Kitchen
) -> None:
    made = kitchen.pour(workflow("a", "b<a", "c<a", "d<b,c"))
    for _ in range(4):
        step = beads.list_ready(session, Filters())[0]
        assert not beads.close(session, [step.id], actor=ADA).refused
    assert beads.get(session, made.root_id).status == BeadStatus.CLOSED


def test_a_gate_is_a_bead_that_holds_up_its_step(session: Session, kitchen: Kitchen) -> None:
    made = kitchen.pour(GATED)
    gate = beads.get(session, f"{made.root_id}.gate-b")
    assert (gate.issue_type, gate.await_type, gate.timeout) == ("gate", "timer", 3_600_000_000_000)
    beads.close(session, [made.ids["a"]], actor=ADA)
    assert ready(session) == []
    beads.close(session, [gate.id], actor=ADA, force=True)
    assert ready(session) == ["Do b"]


def test_waiting_for_children_blocks_until_they_are_closed(session: Session, kitchen: Kitchen) -> None:
    text = workflow("spawn", "sum<spawn").replace('id = "sum"', 'id = "sum"\nwaits_for = "all-children"')
    made = kitchen.pour(text)
    child = beads.create(session, beads.NewBead(title="arm", prefix="app", parent=made.ids["spawn"]), actor=ADA)
    beads.close(session, [made.ids["spawn"]], actor=ADA)
    assert beads.get(session, made.ids["sum"]).is_blocked
    beads.close(session, [child.id], actor=ADA)
    assert not beads.get(session, made.ids["sum"]).is_blocked


def test_steps_inside_steps_are_children_of_them(session: Session, kitchen: Kitchen) -> None:
    text = workflow("p", "q<p") + '\n[[steps]]\nid = "r"\ntitle = "R"\nneeds = ["q"]\n'
    text += '[[steps.children]]\nid = "r1"\ntitle = "R1"\n[[steps.children]]\nid = "r2"\ntitle = "R2"\nneeds = ["r1"]'
    made = kitchen.pour(text)
    assert made.ids["r2"] == f"{made.root_id}.3.2"
    assert beads.get(session, made.ids["r"]).issue_type == "epic"
    assert beads.get(session, made.ids["r1"]).is_blocked  # with what it is inside


def test_the_log_gives_back_every_bead_of_a_molecule(session: Session, kitchen: Kitchen) -> None:
    made = kitchen.pour(GATED.replace('title = "Do a"', 'title = "Do a"\nlabels = ["x"]'))
    session.flush()
    for name in (made.root_id, *made.ids.values()):
        bead, state = beads.get(session, name), replay(list_events(session, name))
        assert state is not None
        assert {key: getattr(bead, key) for key in state.fields} == state.fields
        relations = beads.load_relations(session, [name])
        assert state.labels == set(relations.labels.get(name, ()))
        assert set(state.edges) == {(edge.depends_on_id, edge.type) for edge in relations.edges.get(name, ())}
    kinds = session.exec(select(Event.kind).where(Event.bead_id == made.ids["b"]).order_by(Event.id)).all()
    assert kinds == [EventKind.BEAD_CREATED, EventKind.DEPENDENCY_ADDED, EventKind.DEPENDENCY_ADDED]


def test_a_template_is_hidden_read_only_and_pours_like_its_formula(session: Session, kitchen: Kitchen) -> None:
    text = (
        workflow("a", "b<a", "c<b")
        .replace("Do a", "Do {{what}}")
        .replace('id = "b"', 'id = "b"\ncondition = "{{deep}}"')
    )
    formula = kitchen.recipes.add(text + '\n[vars.what]\nrequired = true\n[vars.deep]\ndefault = "false"')
    kept = persist(session, cook(formula, kitchen.recipes.load), Vessel("app"), actor=ADA)
    assert kept.ids["a"] == f"{kept.root_id}.a"
    assert ready(session) == []
    assert beads.list_(session, Filters()) == []
    with pytest.raises(GastownError):
        beads.update(session, kept.ids["a"], {"title": "x"}, actor=ADA)
    assert beads.close(session, [kept.ids["a"]], actor=ADA).refused
    found = find_template(session, "w")
    assert found is not None
    assert found.id == kept.root_id
    kitchen.recipes.formulas.clear()
    with pytest.raises(GastownError, match="what"):
        kitchen.pour(name="w")
    made = kitchen.pour(name="w", given={"what": "it"})
    assert [beads.get(session, name).title for name in made.ids.values()] == ["Do it", "Do c"]
    assert beads.blockers_of(session, made.ids["c"]) == [made.ids["a"]]
    made = kitchen.pour(name=kept.root_id, given={"what": "it", "deep": "yes"})
    assert list(made.ids) == ["a", "b", "c"]
    assert not beads.get(session, made.root_id).is_template


def test_a_wisp_is_ephemeral_and_not_offered_unless_asked_for(session: Session, kitchen: Kitchen) -> None:
    made = kitchen.pour(GATED, ephemeral=True, wisp_type="patrol")
    assert made.root_id.startswith("app-wisp-")
    assert made.phase == "vapor"
    found = beads.find_many(session, [made.root_id, *made.ids.values()]).values()
    assert {(bead.ephemeral, bead.wisp_type) for bead in found} == {(True, "patrol")}
    assert beads.list_ready(session) == []


def test_a_formula_that_is_not_poured_is_one_bead_as_a_wisp(session: Session, kitchen: Kitchen) -> None:
    made = kitchen.pour(workflow("a", "b<a", more="pour = false"), ephemeral=True)
    assert made.created == 1
    assert beads.get(session, made.root_id).description == "1. Do a\n2. Do b"


def test_a_vapor_formula_says_so_when_it_is_poured_as_a_molecule(kitchen: Kitchen) -> None:
    assert "bd mol wisp w" in kitchen.pour(workflow("a", more='phase = "vapor"')).warnings[0]


def test_what_is_refused_leaves_nothing(session: Session, kitchen: Kitchen) -> None:
    def count() -> int:
        return session.exec(select(func.count()).select_from(Bead)).one()

    before = count()
    with pytest.raises(MoleculeRefused, match="has no steps"):
        kitchen.pour(workflow("a").replace('id = "a"', 'id = "a"\ncondition = "{{never}}"'), given={"never": ""})
    with pytest.raises(GastownError, match="invalid issue type"), session.begin_nested():
        kitchen.pour(workflow("a", "b").replace('id = "b"', 'id = "b"\ntype = "poem"'))
    assert count() == before
    bead = beads.create(session, beads.NewBead(title="plain", prefix="app"), actor=ADA)
    with pytest.raises(NotAMolecule, match="no template"):
        kitchen.pour(name=bead.id)


def test_a_convoy_knows_its_own_id_in_its_prompts(session: Session, kitchen: Kitchen) -> None:
    text = 'formula = "c"\ntype = "convoy"\n[[legs]]\nid = "x"\ndescription = "Write to {{.review_id}}"\n'
    text += '[synthesis]\ntitle = "S"\ndescription = "Read {{.review_id}}"'
    made = kitchen.pour(text)
    assert beads.get(session, made.ids["synthesis"]).description == f"Read {made.root_id}"


def test_thousands_of_steps_are_one_planting(session: Session, kitchen: Kitchen) -> None:
    text = 'formula = "long"\n[[steps]]\nid = "l"\nloop = { count = 3000, body = [{ id = "x", title = "X" }] }'
    made = kitchen.pour(text)
    assert made.created == 3001
    assert len(beads.list_ready(session, Filters())) == 1
