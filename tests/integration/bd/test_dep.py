import json
from collections.abc import Callable
from typing import Any

import pytest

from gastown.beads import Dependency
from gastown.db.unit_of_work import unit_of_work

Make = Callable[..., str]


def test_dep_add_says_what_it_did(bd: Any, make: Make) -> None:
    a, b, c = make("a"), make("b"), make("c")
    assert bd("dep", "add", a, b, "--json").json == {
        "status": "added",
        "issue_id": a,
        "depends_on_id": b,
        "type": "blocks",
        "schema_version": 1,
    }
    assert (
        f"Added dependency: {a} depends on {c} (tracks)" in bd("dep", "add", a, "--depends-on", c, "-t", "tracks").out
    )
    assert bd("dep", "add", a, b).code == 0, "again is no error"
    refused = bd("dep", "add", a, b, "-t", "related")
    assert (refused.code, "already exists with type blocks; remove it first" in refused.err) == (1, True)
    assert bd("dep", "add", a).code == 1


def test_the_short_form_names_the_blocker_first(bd: Any, make: Make) -> None:
    a, b = make("a"), make("b")
    assert bd("dep", a, "--blocks", b, "--json").json == {
        "status": "added",
        "blocker_id": a,
        "blocked_id": b,
        "type": "blocks",
        "schema_version": 1,
    }
    assert bd("blocked", "--json").json[0]["blocked_by"] == [a]
    assert bd("dep", a).code != 0
    assert "cannot depend on itself" in bd("dep", a, "--blocks", a).err


def test_skipping_the_search_for_circles_does_not_skip_it(bd: Any, make: Make) -> None:
    a, b = make("a"), make("b")
    bd("dep", "add", a, b, "--no-cycle-check")
    assert "would create a cycle" in bd("dep", "add", b, a, "--no-cycle-check").err


def test_edges_of_a_file_are_all_added_or_none(bd: Any, make: Make) -> None:
    a, b, c = make("a"), make("b"), make("c")
    lines = [{"issue_id": a, "depends_on_id": b}, {"from": b, "to": c, "type": "blocks"}]
    text = "\n".join(json.dumps(line) for line in lines)
    bad = bd("dep", "add", "--file", "-", stdin=text + f'\n{{"issue_id": "{c}", "depends_on_id": "{a}"}}\n')
    assert (bad.code, "would create a cycle" in bad.err) == (1, True)
    assert bd("blocked", "--json").json == []
    added = bd("dep", "add", "--file", "-", "--json", stdin=text).json
    assert (added["status"], added["count"], len(added["dependencies"])) == ("added", 2, 2)
    for wrong, words in (("[]", "line 1 is not"), ("\n{", "line 2 is not"), ('{"issue_id": "x"}', "no depends_on_id")):
        assert words in bd("dep", "add", "--file", "-", stdin=wrong).err


def test_relations_go_both_ways(bd: Any, make: Make) -> None:
    a, b = make("a"), make("b")
    assert bd("dep", "relate", a, b, "--json").json["status"] == "related"
    for one, two in ((a, b), (b, a)):
        [item] = bd("dep", "list", one, "--json").json
        assert (item["id"], item["dependency_type"]) == (two, "relates-to")
    assert len(bd("ready", "--json").json) == 2
    assert bd("dep", "unrelate", b, a, "--json").json["status"] == "unrelated"
    assert bd("dep", "list", a, "--json").json == []
    assert bd("dep", "unrelate", b, a, "--json").json["status"] == "absent"


def test_a_bead_of_another_store_is_kept_with_a_warning(bd: Any, make: Make) -> None:
    a = make("a")
    added = bd("dep", "add", a, "elsewhere-x1y2")
    assert (added.code, "is in no store here" in added.err) == (0, True)
    assert bd("dep", "list", a, "--json").json[0]["status"] == "missing"
    assert "no issue found" in bd("dep", "add", a, "app-none").err
    assert bd("dep", "remove", a, "elsewhere-x1y2", "--json").json["status"] == "removed"


def test_the_tree_goes_down_up_or_both_ways(bd: Any, make: Make) -> None:
    base, middle = make('base "quoted" <b>'), make("middle")
    top = make("top")
    bd("dep", "add", middle, base)
    bd("dep", "add", top, middle)
    assert [(node["id"], node["depth"], node["parent_id"]) for node in bd("dep", "tree", top, "--json").json] == [
        (top, 0, ""),
        (middle, 1, top),
        (base, 2, middle),
    ]
    both = bd("dep", "tree", middle, "--direction", "both", "--json").json
    assert [node["id"] for node in both] == [middle, base, top]
    assert "It is needed by:" in bd("dep", "tree", middle, "--direction", "both").out
    bd("close", base)
    kept = bd("dep", "tree", top, "--status", "closed", "--json").json
    assert [node["id"] for node in kept] == [top, middle, base]
    assert "invalid status" in bd("dep", "tree", top, "--status", "bogus").err
    picture = bd("dep", "tree", top, "--format", "mermaid").out
    assert picture.startswith("flowchart TD\n")
    assert "base #quot;quoted#quot; #lt;b#gt;" in picture
    assert bd("dep", "tree", middle, "--format", "mermaid", "--direction", "both").out.count("-->") == 2


def test_deep_trees_are_shown(bd: Any, tmp_path: Any) -> None:
    lines = [
        json.dumps(
            {
                "id": f"app-c{n}",
                "title": f"number {n}",
                "created_at": "2026-01-01T00:00:00Z",
                "updated_at": "2026-01-01T00:00:00Z",
                "dependencies": [{"issue_id": f"app-c{n}", "depends_on_id": f"app-c{n + 1}", "type": "blocks"}],
            }
        )
        for n in range(1100)
    ]
    file = tmp_path / "deep.jsonl"
    file.write_text("\n".join(lines) + "\n")
    assert bd("import", str(file)).code == 0
    assert len(bd("dep", "tree", "app-c0", "--max-depth", "1000", "--json").json) == 1001
    assert bd("graph", "app-c0", "--compact").code == 0
    assert bd("list", "--pretty", "--limit", "0").out.count("\n") == 1100


@pytest.mark.parametrize(
    "verb", [["dep", "tree"], ["graph"], ["graph", "--html"], ["graph", "--dot"], ["show"], ["dep", "list"]]
)
def test_circles_that_came_from_elsewhere_stop_nothing(bd: Any, make: Make, verb: list[str]) -> None:
    names = [make(f"number {n}") for n in range(5)]
    edges = [(0, 1, "parent-child"), (1, 2, "parent-child"), (2, 0, "parent-child"), (2, 2, "blocks")]
    edges += [(3, 4, "related"), (4, 3, "related"), (3, 0, "waits-for"), (4, 4, "duplicates")]
    with unit_of_work() as session:
        for one, two, kind in edges:
            session.add(Dependency(issue_id=names[one], depends_on_id=names[two], type=kind, meta=""))
    for name in names:
        assert bd(*verb, name).code == 0
    assert bd("list", "--pretty").out.count(" task: ") == 5
    assert bd("ready", "--explain").code == 0
    assert bd("graph", "check").code == 1
    found = bd("dep", "cycles", "--json").json
    assert {item["id"] for way in found for item in way} == {*names[:3], names[4]}
    assert bd("swarm", "validate", names[0]).code == 1
