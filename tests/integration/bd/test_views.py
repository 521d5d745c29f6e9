"""`bd list` in every style, its further filters, `query`, and what `ready` and `show` can be asked."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gastown import config
from gastown.cli.app import invoke
from gastown.cli.context import Context

Make = Callable[..., str]
HOSTILE = """50%_'";--\\"""


def ids(result: Any) -> set[str]:
    assert result.code == 0, result.err
    return {each["id"] for each in result.json}


def test_further_filters_narrow_a_listing(bd: Any, make: Make) -> None:
    a = make("a", "-l", "tech-debt,x", "--metadata", '{"team": "core", "n": 5, "on": true, "a.b": null}')
    b = make("b", "-l", f"tech-new,{HOSTILE}", "-d", "text", "--spec-id", "spec/1%2", "--defer", "+2d")
    c = make("c", "-l", "other")
    bd("defer", c)
    for argv, expected in (
        (["--label-pattern", "tech-*"], {a, b}),
        (["--label-pattern", "tech"], set()),
        (["--label-pattern", "TECH-*"], set()),
        (["--label-regex", "^tech-(debt|legacy)$"], {a}),
        (["--label-regex", "e"], {a, b, c}),
        (["-l", HOSTILE], {b}),
        (["--empty-description"], {a, c}),
        (["--spec", "spec/1%"], {b}),
        (["--spec", "spec/_"], set()),
        (["--deferred"], {b, c}),
        (["--defer-after", "+1d"], {b}),
        (["--defer-before", "+1d"], set()),
        (["--metadata-field", "team=core"], {a}),
        (["--metadata-field", "team=Core"], set()),
        (["--metadata-field", "n=5"], {a}),
        (["--metadata-field", "on=true"], {a}),
        (["--metadata-field", "team=core", "--metadata-field", "n=6"], set()),
        (["--has-metadata-key", "a.b"], {a}),
        (["--has-metadata-key", "b"], set()),
        (["--id", a], {a}),
        (["--id", a.removeprefix("app-")], set()),
        (["--pinned"], set()),
    ):
        assert ids(bd("list", "--json", *argv)) == expected, argv
    assert ids(bd("ready", "--json", "--metadata-field", "team=core")) == {a}
    assert ids(bd("ready", "--json", "--has-metadata-key", "nothing")) == set()
    assert ids(bd("ready", "--json", "--unassigned", "--include-deferred")) == {a, b, c}


def test_what_is_hidden_can_be_asked_for(bd: Any, make: Make) -> None:
    agent, plain = make("agent", "-t", "agent"), make("plain")
    pinned = make("pinned")
    bd("update", pinned, "--status", "pinned")
    assert ids(bd("list", "--json")) == {plain}
    assert ids(bd("list", "--json", "--include-infra")) == {agent, plain}
    assert ids(bd("list", "--json", "--pinned")) == {pinned}
    bd("config", "set", "status.custom", "parked:frozen,triage:active,shipped:done")
    for status in ("parked", "triage", "shipped"):
        bd("update", make(status), "--status", status)
    assert {item["title"] for item in bd("list", "--json").json} == {"plain", "triage"}
    assert len(ids(bd("list", "--json", "--status", "parked,shipped"))) == 2


CONTRADICTIONS = [
    ["-a", "bob", "--no-assignee"],
    ["-l", "x", "--no-labels"],
    ["-l", "x", "--exclude-label", "x"],
    ["-t", "bug", "--exclude-type", "bug"],
    ["--overdue", "--status", "closed"],
    ["--deferred", "--status", "closed"],
    ["-p", "0", "--priority-min", "2"],
    ["--ready", "--status", "open"],
    ["--status", "all,open"],
    ["--flat", "--long"],
    ["--flat", "--format", "dot"],
    ["--metadata-field", "team"],
    ["--metadata-field", 'a"b=1'],
    ["--has-metadata-key", "a'b"],
    ["--mol-type", "bogus"],
    ["--wisp-type", "bogus"],
    ["--label-regex", "(a"],
    ["--label-regex", "a" * 300],
    ["--format", "{{.Bogus}}"],
    ["--format", "{{range .}}"],
    ["--format", "xml"],
    ["--sort", "mood"],
    ["--defer-after", "+3d", "--defer-before", "+2d"],
]


def test_contradictions_are_refused(bd: Any) -> None:
    for argv in CONTRADICTIONS:
        refused = bd("list", *argv)
        assert (refused.code, refused.err.startswith("Error: ")) == (1, True), argv


def test_labels_can_be_left_out_but_not_filtered_by(bd: Any, make: Make) -> None:
    name = make("a", "-l", "x")
    found = bd("list", "--skip-labels", "--json").json
    assert found["meta"] == {"skip_labels": True, "count": 1}
    assert (found["issues"][0]["id"], "labels" in found["issues"][0]) == (name, False)
    refused = bd("list", "--skip-labels", "-l", "x", "--json")
    assert (refused.code, "error" in refused.json) == (2, True)
    assert bd("list", "--skip-labels", "--label-regex", "x").code == 2


def test_a_listing_has_many_styles(bd: Any, make: Make) -> None:
    top = make("top", "-t", "epic")
    child = make("child", "--parent", top, "-d", "why")
    assert bd("list", "--pretty", "--sort", "id").out == f"○ {top} P2 epic: top\n└── ○ {child} P2 task: child\n"
    assert bd("list").out.startswith("ID ")
    assert bd("list", "--format", "{{.ID}}\\t{{ .IssueType }} {{.Parent}}", "--sort", "id").out == (
        f"{top}\tepic \n{child}\ttask {top}\n"
    )
    assert bd("list", "--format", "digraph").out == f"{child} {top}\n"
    assert f'"{child}" -> "{top}"' in bd("list", "--format", "dot").out
    assert bd("list", "--format", "json", "--sort", "id").json[0]["id"] == top
    long = bd("list", "--long", "--sort", "id").out
    assert "Description:\nwhy" in long
    assert "Dependents (1):" in long


def test_a_terminal_gets_a_tree_that_cannot_steer_it(bd: Any, make: Make, settings: config.Settings) -> None:
    name = make("red \x1b[31m title\nsecond line")
    out = io.StringIO()
    context = Context("bd", out=out, err=io.StringIO(), stdin=io.StringIO(), is_terminal=True)
    assert invoke(context, ["list"]) == 0
    assert out.getvalue().startswith(f"○ {name} P2 task: red ")
    assert "\x1b" not in out.getvalue()
    assert out.getvalue().count("\n") == 1


def test_agents_get_fewer(bd: Any, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(22):
        make(f"number {number}")
    assert len(bd("list", "--json").json) == 22
    monkeypatch.setenv("BD_AGENT_MODE", "1")
    assert len(bd("list", "--json").json) == 20
    assert len(bd("list", "--json", "--limit", "0").json) == 22
    assert len(bd("list", "--json", "--all").json) == 22


def test_an_agent_does_not_watch(agent_bd: Any) -> None:
    for verb in (["list"], ["show", "--current"]):
        refused = agent_bd(*verb, "--watch")
        assert (refused.code, "not for agents" in refused.err) == (1, True)
    assert agent_bd("show", "--current", "--short").code == 0


def test_queries_are_run_and_refused(bd: Any, make: Make) -> None:
    a, b = make("a", "-p", "0"), make("b", "-l", "urgent")
    bd("close", b)
    assert ids(bd("query", "priority=0 OR label=urgent", "--json")) == {a}
    assert ids(bd("query", "priority=0 OR label=urgent", "--json", "--all")) == {a, b}
    assert ids(bd("query", "status=closed", "--json")) == {b}
    assert bd("query", "status=closed", "--parse-only", "--json").json["status"] == "ok"
    assert "at position 8" in bd("query", "status=").err
    assert "query expression is required" in bd("query").err
    assert bd("query", "status=closed", "--format", "{{.ID}}").out == f"{b}\n"


def test_ready_explains_itself(bd: Any, make: Make) -> None:
    done, first = make("done"), make("first", "-p", "1")
    freed = make("freed", "--deps", done)
    waiting = make("waiting", "--deps", first)
    bd("close", done)
    shown = bd("ready", "--explain", "--json").json
    assert [item["id"] for item in shown["ready"]] == [first, freed]
    assert [item["resolved_blockers"] for item in shown["ready"]] == [[], [done]]
    assert shown["ready"][0]["reason"] == "no blocking dependencies"
    [item] = shown["blocked"]
    assert (item["id"], item["blocked_by_count"]) == (waiting, 1)
    assert item["blocked_by"] == [{"id": first, "title": "first", "status": "open", "priority": 1}]
    assert shown["summary"] == {"total_ready": 2, "total_blocked": 1, "cycle_count": 0}
    assert f"← {first}" in bd("ready", "--explain").out
    for argv in (["--claim", "--explain"], ["--claim", "--gated"], ["--claim", "--mol", first], ["--claim", "-a", "x"]):
        assert bd("ready", *argv).code == 1, argv


def test_ready_knows_steps_and_gates_of_molecules(bd: Any, make: Make) -> None:
    root = make("molecule", "-t", "molecule")
    gate = make("gate", "-t", "gate")
    step = make("step", "--parent", root, "--deps", gate)
    make("elsewhere")
    assert bd("ready", "--gated", "--json").json == {"molecules": [], "count": 0, "schema_version": 1}
    assert ids(bd("ready", "--mol", root, "--json")) == set()
    bd("close", gate, "--force")
    assert ids(bd("ready", "--mol", root, "--json")) == {step}
    assert bd("ready", "--gated", "--json").json["molecules"] == [
        {"molecule_id": root, "molecule_title": "molecule", "closed_gate": gate, "ready_step": step}
    ]


def test_a_folder_has_its_own_label(bd: Any, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, other = make("mine", "-l", "front"), make("other")
    bd("config", "set", "directory.labels", json.dumps({"packages/front": "front"}))
    inside = tmp_path / "packages" / "front" / "src"
    inside.mkdir(parents=True)
    assert ids(bd("ready", "--json")) == {mine, other}
    monkeypatch.chdir(inside)
    assert ids(bd("ready", "--json")) == {mine}
    assert ids(bd("ready", "--json", "--exclude-label", "none")) == {mine, other}


def test_show_has_several_views(bd: Any, make: Make) -> None:
    top = make("top", "-t", "epic")
    child = make("child", "--parent", top)
    reply, answer = make("reply"), make("answer")
    bd("dep", "add", reply, child, "-t", "replies-to")
    bd("dep", "add", answer, reply, "-t", "replies-to")
    assert [item["id"] for item in bd("show", reply, "--thread", "--json").json] == [child, reply, answer]
    assert ids(bd("show", top, "--children", "--json")) == {child}
    [refs] = bd("show", child, "--refs", "--json").json
    assert [item["id"] for item in refs["refs"]["replies-to"]] == [reply]
    assert "replies-to (1)" in bd("show", child, "--refs").out
    bd("update", child, "--claim")
    assert ids(bd("show", "--current", "--json")) == {child}
    assert bd("show", top, "--refs", "--children").code == 1
    assert bd("show", top, "--watch", "--as-of", "-1d").code == 1
    [item] = bd("show", top, "--json", "--include-comments", "--include-dependents", "--long").json
    assert (item["comments"], item["epic_total_children"], item["epic_closeable"]) == ([], 1, False)
    assert "Z\n" not in bd("show", top, "--local-time").out.split("Description")[0].replace("UTC", "")


def test_wide_and_odd_beads_are_listed_and_found(bd: Any, tmp_path: Path) -> None:
    labels = [f"l{number:05}" for number in range(10_000)] + [HOSTILE]
    times = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
    names = ["app-Wide.1.x", "App-CAPITALS_and-more", "hq-cv-abc.def"]
    some = ["l00001", "l09999", HOSTILE]
    file = tmp_path / "wide.jsonl"
    beads = [{"id": name, "title": name, "labels": some, **times} for name in names]
    beads[0]["labels"] = labels
    file.write_text("".join(json.dumps(bead) + "\n" for bead in beads))
    assert bd("import", str(file)).code == 0
    for argv in (
        ["--label-pattern", "l0999?"],
        ["--label-regex", "^l.*9$"],
        ["-l", HOSTILE],
        ["--label-any", "l00001"],
    ):
        assert ids(bd("list", "--json", *argv)) == set(names), argv
    assert ids(bd("query", "label='l09999' AND id='app-cap*_and-*'", "--json")) == {names[1]}
    assert ids(bd("search", "capitals_", "--json")) == {names[1]}
    assert len(bd("list", "--json", "--id", names[0]).json[0]["labels"]) == 10_001
    assert len(bd("count", "--by-label", "--json").json["groups"]) == 10_001
    assert ids(bd("list", "--json", "--title-contains", "CAPITALS")) == {names[1]}
    for name in names:
        assert bd("graph", name, "--html").code == 0
        assert bd("show", name, "--short").out.startswith(name)
