"""`bd cook`, `formula`, `mol`: shapes, phrases, exit codes, and what an agent may."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gastown import config
from tests.integration.bd.conftest import Runner
from tests.support.recipes import REAL, workflow

SHIP = workflow("build", "test<build", "ship<test", name="mol-ship").replace("Do build", "Build {{what}}") + (
    '\n[vars.what]\nrequired = true\ndescription = "What is shipped"\n'
)


@pytest.fixture
def shelve(settings: config.Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Put a formula where the town has its own."""
    monkeypatch.setenv("HOME", str(settings.town / "home"))
    folder = settings.town / ".beads" / "formulas"
    folder.mkdir(parents=True)

    def put(name: str, text: str) -> Path:
        path = folder / name
        path.write_text(text)
        return path

    put("mol-ship.formula.toml", SHIP)
    return put


def pour(bd: Runner, *more: str) -> str:
    found = bd("mol", "pour", "mol-ship", "--var", "what=it", "--rig", "app", "--json", *more)
    assert found.code == 0, found.err
    return str(found.json["new_epic_id"])


def test_a_formula_is_listed_shown_and_cooked(bd: Runner, shelve: Callable[[str, str], Path]) -> None:
    shelve("broken.formula.toml", "formula = ")
    listed = bd("formula", "list", "--json").json
    assert [one["name"] for one in listed] == ["broken", "mol-ship"]
    assert "not TOML" in listed[0]["error"]
    assert (listed[1]["type"], listed[1]["steps"], listed[1]["vars"]) == ("workflow", 3, 1)
    assert bd("formula", "show", "mol-ship", "--json").json["steps"][1]["needs"] == ["build"]
    assert "Variable what (required)" in bd("formula", "show", "mol-ship").out
    cooked = bd("cook", "mol-ship", "--json").json
    assert cooked["unbound"] == ["what"]
    filled = bd("cook", "mol-ship", "--var", "what=it", "--json").json
    assert filled["steps"][0]["title"] == "Build it"
    assert "test: Do test  after build" in bd("cook", "mol-ship").out


def test_a_name_is_not_a_path(bd: Runner, shelve: Callable[[str, str], Path]) -> None:
    for name in ("../mol-ship", "/etc/passwd", "a/b", ".", "x\n"):
        for verb in (("formula", "show"), ("mol", "pour"), ("mol", "seed")):
            assert bd(*verb, name).code == 1
    assert bd("mol", "seed", "mol-ship", "nope", "--json").json["available"] is False
    assert bd("mol", "seed", "mol-ship").code == 0


def test_pour_and_wisp_have_the_shapes_of_beads(bd: Runner, shelve: Callable[[str, str], Path]) -> None:
    shelve("extra.formula.toml", workflow("x", name="extra"))
    found = bd("mol", "pour", "mol-ship", "--var", "what=it", "--assignee", "bob", "--attach", "extra", "--json").json
    assert found["new_epic_id"].startswith("hq-mol-")
    assert set(found["id_mapping"]) == {"build", "test", "ship"}
    assert (found["created"], found["attached"], found["phase"]) == (4, 2, "liquid")
    assert bd("show", found["new_epic_id"], "--json").json[0]["assignee"] == "bob"
    wisp = bd("mol", "wisp", "mol-ship", "--var", "what=it", "--json").json
    assert wisp["new_epic_id"].startswith("hq-wisp-")
    assert wisp["phase"] == "vapor"
    listed = bd("mol", "wisp", "list", "--json").json
    assert (listed["count"], listed["old_count"], listed["wisps"][0]["id"]) == (1, 0, wisp["new_epic_id"])
    assert "missing required variable: what" in bd("mol", "pour", "mol-ship").err
    assert bd("mol", "pour", "mol-ship", "--var", "what=x", "--var", "whta=x").code == 1
    assert bd("mol", "pour", "nope", "--json").json["error"].startswith("no formula, template or molecule")


def test_a_dry_run_changes_nothing(bd: Runner, shelve: Callable[[str, str], Path]) -> None:
    before = bd("count", "--json").json
    assert bd("mol", "pour", "mol-ship", "--var", "what=it", "--dry-run", "--json").json["dry_run"] is True
    assert bd("cook", "mol-ship", "--persist", "--dry-run", "--json").json["created"] == 4
    assert bd("count", "--json").json == before


def test_a_kept_template_is_poured_by_the_name_of_its_formula(bd: Runner, shelve: Callable[[str, str], Path]) -> None:
    path = shelve("mol-ship.formula.toml", SHIP)
    kept = bd("cook", "mol-ship", "--persist", "--json").json
    assert (kept["formula"], kept["created"], kept["variables"]) == ("mol-ship", 4, ["what"])
    path.unlink()
    assert bd("mol", "pour", "mol-ship", "--var", "what=it").code == 0
    assert bd("list", "--json").json != []
    assert kept["proto_id"] not in [item["id"] for item in bd("list", "--json").json]
    shown = bd("mol", "show", kept["proto_id"], "--json").json
    assert (shown["is_template"], shown["variables"]) == (True, ["what"])


def test_current_progress_and_close_continue_walk_a_molecule(bd: Runner, shelve: Callable[[str, str], Path]) -> None:
    root = pour(bd)
    assert bd("mol", "current", "--json").json == []
    assert bd("update", f"{root}.1", "--claim").code == 0
    (place,) = bd("mol", "current", "--json").json
    assert (place["molecule_id"], place["completed"], place["total"]) == (root, 0, 3)
    assert place["current_step"]["id"] == f"{root}.1"
    assert [step["status"] for step in place["steps"]] == ["current", "blocked", "blocked"]
    assert "← here" in bd("mol", "current").out
    went_on = bd("close", f"{root}.1", "--continue", "--json").json
    assert went_on["continue"]["molecule_id"] == root
    assert bd("mol", "current", root, "--json").json[0]["current_step"]["id"] == f"{root}.2"
    assert bd("mol", "progress", "--json").json["percent"] == 33.3
    assert bd("mol", "show", root, "--parallel", "--json").json["total_steps"] == 3
    assert bd("mol", "last-activity", root, "--json").json["source_step_id"] == f"{root}.2"
    assert bd("mol", "stale", "--json").json["total_count"] == 0
    assert bd("mol", "ready", "--gated", "--json").json == {"molecules": [], "count": 0, "schema_version": 1}
    assert bd("mol", "current", root, "--range", "9-1").code == 1


def test_bond_squash_and_burn(bd: Runner, shelve: Callable[[str, str], Path]) -> None:
    root, other = pour(bd), pour(bd)
    bonded = bd("mol", "bond", root, other, "--json").json
    assert (bonded["result_id"], bonded["result_type"], bonded["bond_type"]) == (
        root,
        "compound_molecule",
        "sequential",
    )
    onto = bd("mol", "bond", root, "mol-ship", "--type", "parallel", "--ref", "arm", "--var", "what=x", "--json").json
    assert onto["id_mapping"]["mol-ship"] == f"{root}.arm"
    assert bd("mol", "fart", "mol-ship", "mol-ship", "--json").json["result_type"] == "compound_proto"
    squashed = bd("mol", "squash", other, "--summary", "Done", "--json").json
    assert (squashed["squashed_count"], squashed["deleted_count"], squashed["wisp_squash"]) == (3, 0, False)
    assert bd("mol", "burn", other, "--json").json["dry_run"] is True
    assert bd("show", other).code == 0
    burnt = bd("mol", "burn", other, "--force", "--json").json
    assert burnt["deleted_count"] == 5
    assert bd("show", other).code == 1
    both = bd("mol", "burn", root, pour(bd), "--force", "--json").json
    assert (len(both["results"]), both["failed_count"]) == (2, 0)


def test_wisps_are_collected(bd: Runner, shelve: Callable[[str, str], Path]) -> None:
    wisp = bd("mol", "wisp", "create", "mol-ship", "--var", "what=it", "--json").json["new_epic_id"]
    assert bd("mol", "wisp", "gc", "--json").json["candidates"] == 0
    seen = bd("mol", "wisp", "gc", "--age", "0", "--dry-run", "--json").json
    assert (seen["candidates"], seen["cleaned_count"], seen["dry_run"]) == (4, 0, True)
    assert wisp in bd("mol", "wisp", "gc", "--age", "0", "--json").json["cleaned_ids"]
    assert bd("mol", "wisp", "list", "--json").json["wisps"] == []


def test_distill_writes_a_formula_that_pours(
    bd: Runner, shelve: Callable[[str, str], Path], settings: config.Settings
) -> None:
    root = pour(bd)
    made = bd("mol", "distill", root, "mol-again", "--var", "it=thing", "--json").json
    assert made["formula_path"] == str(settings.town / ".beads" / "formulas" / "mol-again.formula.json")
    assert (made["steps"], made["variables"]) == (3, ["thing"])
    assert "is there already" in bd("mol", "distill", root, "mol-again").err
    assert bd("mol", "pour", "mol-again", "--var", "thing=that").code == 0
    assert bd("formula", "convert", "mol-again", "--json").json[0]["target"].endswith("mol-again.formula.toml")
    assert json.loads(bd("mol", "distill", root, "x", "--dry-run").out)["formula"] == "x"


def test_an_agent_pours_for_its_own_rig_and_reads_no_files(
    bd: Runner, agent_bd: Runner, shelve: Callable[[str, str], Path]
) -> None:
    made = agent_bd("mol", "pour", "mol-ship", "--var", "what=it", "--json")
    assert made.code == 0, made.err
    root = made.json["new_epic_id"]
    assert root.startswith("app-mol-")
    foreign = bd("mol", "pour", "mol-ship", "--var", "what=it", "--rig", "website", "--json").json["new_epic_id"]
    assert "belongs to another rig" in agent_bd("mol", "burn", foreign, "--force").err
    assert "belongs to another rig" in agent_bd("mol", "bond", root, foreign).err
    assert "belongs to another rig" in agent_bd("mol", "squash", foreign).err
    assert agent_bd("mol", "pour", "mol-ship", "--var", "what=it", "--rig", "website").code == 1
    assert "not read from files" in agent_bd("cook", "./mol-ship.formula.toml").err
    assert "is not for agents" in agent_bd("mol", "distill", root, "x").err
    assert "is not for agents" in agent_bd("mol", "wisp", "gc").err
    assert agent_bd("mol", "current", root, "--json").json[0]["total"] == 3
    assert agent_bd("formula", "list", "--json").json[0]["name"] == "mol-ship"


@pytest.mark.skipif(not REAL.is_dir(), reason="no real formulas here")
def test_every_real_formula_cooks_and_pours(bd: Runner, shelve: Callable[[str, str], Path]) -> None:
    given = {"code-review": "pr=12", **dict.fromkeys(("shiny", "shiny-enterprise", "shiny-secure"), "feature=login")}
    for path in REAL.glob("*.formula.toml"):
        shelve(path.name, path.read_text())
    for path in sorted(REAL.glob("*.formula.toml")):
        name = path.name.removesuffix(".formula.toml")
        more = ("--var", given[name]) if name in given else ()
        cooked, poured = bd("cook", name, *more, "--json"), bd("mol", "pour", name, *more, "--json")
        assert (cooked.code, poured.code) == (0, 0), poured.err
        assert poured.json["created"] == len(cooked.json["steps"]) + 1
        assert bd("cook", name, "--persist", "--json").json["created"] == len(cooked.json["steps"]) + 1
