"""Squash, burn, wisps that grow old, and formulas distilled from what was done."""

import json
from pathlib import Path

import pytest
from sqlmodel import Session, select

from gastown import beads
from gastown.beads import BeadStatus
from gastown.errors import GastownError
from gastown.events import Event, EventKind
from gastown.molecules import (
    FormulaExists,
    MoleculeRefused,
    NotAMolecule,
    Vessel,
    as_json,
    as_toml,
    bind,
    burn,
    burn_all,
    collect_wisps,
    convert,
    cook,
    distill,
    list_wisps,
    parse,
    persist,
    squash,
    write_new,
)
from tests.integration.molecules.conftest import ADA, Kitchen
from tests.support.factories import make_offered, make_rig
from tests.support.factories_beads import make_bead
from tests.support.fake_clock import FakeClock
from tests.support.recipes import workflow

TEXT = workflow("a", "b<a").replace('id = "b"', 'id = "b"\ngate = { type = "human" }')


def test_a_squashed_wisp_leaves_its_root_and_a_digest(session: Session, kitchen: Kitchen) -> None:
    made = kitchen.pour(TEXT, ephemeral=True)
    beads.close(session, [made.ids["a"]], actor=ADA, reason="Went well")
    done = squash(session, made.root_id, actor=ADA)
    assert (done.squashed, done.deleted, done.wisp_squash) == ([made.ids["a"], made.ids["b"]], 3, True)
    root, digest = beads.get(session, made.root_id), beads.get(session, done.digest_id)
    assert (root.status, root.ephemeral) == (BeadStatus.CLOSED, False)
    assert (digest.title, digest.status, digest.ephemeral) == ("Digest: w", BeadStatus.CLOSED, False)
    assert "1 of 2 steps closed" in digest.description
    assert f"[closed] {made.ids['a']} Do a: Went well" in digest.description
    assert beads.find_many(session, list(made.ids.values())) == {}
    with pytest.raises(NotAMolecule, match="no steps to squash"):
        squash(session, made.root_id, actor=ADA)


def test_a_squashed_molecule_keeps_its_steps_and_a_summary_is_taken_as_said(session: Session, kitchen: Kitchen) -> None:
    made = kitchen.pour(TEXT)
    done = squash(session, made.root_id, actor=ADA, summary="All quiet")
    assert (done.deleted, done.wisp_squash) == (0, False)
    assert beads.get(session, done.digest_id).description == "All quiet"
    assert beads.get(session, made.root_id).status == BeadStatus.OPEN
    kept = kitchen.pour(name="w", ephemeral=True)
    assert squash(session, kept.root_id, actor=ADA, keep=True).deleted == 0
    assert beads.get(session, kept.ids["a"]).ephemeral


def test_what_is_burnt_is_gone_and_the_log_says_so(session: Session, kitchen: Kitchen) -> None:
    made = kitchen.pour(TEXT)
    waiting = make_bead(session, "waits", deps=(made.root_id,))
    assert waiting.is_blocked
    done = burn(session, made.root_id, actor=ADA)
    assert sorted(done.ids) == sorted([made.root_id, *made.ids.values()])
    assert beads.find_many(session, done.ids) == {}
    session.refresh(waiting)
    assert not waiting.is_blocked
    rows = session.exec(select(Event.bead_id).where(Event.kind == EventKind.BEAD_PURGED)).all()
    assert set(done.ids) <= set(rows)


def test_templates_burn_and_ordinary_work_does_not(session: Session, kitchen: Kitchen) -> None:
    formula = kitchen.recipes.add(TEXT)
    kept = persist(session, cook(formula, kitchen.recipes.load), Vessel("app"), actor=ADA)
    with pytest.raises(MoleculeRefused, match="is a template"):
        squash(session, kept.root_id, actor=ADA)
    assert len(burn_all(session, [kept.root_id, kept.root_id], actor=ADA)) == 1
    with pytest.raises(NotAMolecule, match="no molecule, wisp or template"):
        burn(session, make_bead(session, "work").id, actor=ADA)


def test_a_molecule_that_the_town_worked_on_is_not_burnt(session: Session, kitchen: Kitchen) -> None:
    make_rig(session)
    made = kitchen.pour(TEXT)
    make_offered(session, beads.get(session, made.ids["a"]))
    with pytest.raises(GastownError, match="cannot burn"):
        burn(session, made.root_id, actor=ADA)


def test_old_wisps_are_collected_by_their_type_and_what_is_under_way_stays(
    session: Session, kitchen: Kitchen, fake_clock: FakeClock
) -> None:
    kitchen.recipes.add(workflow("a", "b<a"))
    plain = kitchen.pour(name="w", ephemeral=True)
    ping = kitchen.pour(name="w", ephemeral=True, wisp_type="ping")
    patrol = kitchen.pour(name="w", ephemeral=True, wisp_type="patrol")
    working = kitchen.pour(name="w", ephemeral=True)
    beads.claim(session, working.ids["a"], actor=ADA)
    stays = kitchen.pour(name="w")
    assert [bead.id for bead in list_wisps(session)] != []
    fake_clock.pass_(hours=2)
    gone = collect_wisps(session, age="1h", closed=False, actor=ADA)
    assert set(gone) == {plain.root_id, *plain.ids.values()}
    fake_clock.pass_(hours=5)
    assert ping.root_id in collect_wisps(session, age="1h", closed=False, actor=ADA)
    assert {bead.id for bead in list_wisps(session)} == {patrol.root_id, working.root_id}
    assert beads.get(session, stays.root_id)


def test_a_distilled_formula_pours_what_it_was_made_from(session: Session, kitchen: Kitchen) -> None:
    text = (
        workflow("a", "b<a", "c")
        .replace("Do a", "Build the login page")
        .replace('id = "b"', 'id = "b"\ngate = { type = "timer", timeout = "2h" }\nwaits_for = "children-of(c)"')
    )
    made = kitchen.pour(text)
    done = distill(session, made.root_id, "again", ["login=feature"])
    assert (done.steps, done.variables) == (3, ["feature"])
    found = parse(as_json(done.document).encode(), "again.formula.json")
    assert found.unknown == ()
    plan = bind(cook(found, kitchen.recipes.load), {"feature": "search"})
    assert plan.steps[0].title == "Build the search page"
    assert [(edge.step, edge.target, edge.gate) for edge in plan.edges] == [("b", "a", ""), ("b", "c", "all-children")]
    assert [(gate.step, gate.timeout) for gate in plan.gates] == [("b", 7_200_000_000_000)]


def test_an_ordinary_epic_is_distilled_under_a_name_of_its_title(session: Session) -> None:
    epic = make_bead(session, "Ship: the Thing!", issue_type="epic")
    first = make_bead(session, "first", parent=epic.id)
    make_bead(session, "second", parent=epic.id, deps=(first.id,))
    done = distill(session, epic.id, "", [])
    assert done.name == "ship-the-thing"
    assert [step["title"] for step in done.document["steps"]] == ["first", "second"]  # type: ignore[attr-defined]
    with pytest.raises(GastownError, match="neither text"):
        distill(session, epic.id, "", ["nothing=like_it"])
    with pytest.raises(NotAMolecule):
        distill(session, first.id, "", [])


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.formula.json"
    write_new(path, "one")
    with pytest.raises(FormulaExists):
        write_new(path, "two")
    assert path.read_text() == "one"
    assert [file.name for file in path.parent.iterdir()] == ["x.formula.json"]


def test_json_is_converted_to_toml_that_says_the_same(tmp_path: Path) -> None:
    document = {
        "formula": "x",
        "vars": {"v": {"required": True}},
        "steps": [{"id": "a", "title": "A {{v}}", "gate": {"type": "human"}, "children": [{"id": "b", "title": "B"}]}],
        "phase": "vapor",
        "version": 2,
    }
    path = tmp_path / "x.formula.json"
    path.write_text(json.dumps(document))
    target, text = convert(path)
    assert target == tmp_path / "x.formula.toml"
    assert parse(text.encode(), "x.formula.toml").steps == parse(path.read_bytes(), "x.formula.json").steps
    assert "phase" in as_toml(document)
    with pytest.raises(GastownError, match="not a"):
        convert(target)
