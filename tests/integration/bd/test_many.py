"""Many beads at once: pages, plans and batches, all of each or nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Make = Callable[..., str]

PAGE = """\
# Plan

What this page is about.

## Fix the login

It fails for names with a dot.

```sh
## not a title
```

### Priority
P1
### Type
bug
### Labels
backend, urgent
### Acceptance Criteria
- Names with dots work

## Write its test

### Dependencies
- {dep}
### Description
Said here.
"""


def test_a_page_files_a_bead_for_each_title(bd: Any, make: Make, tmp_path: Path) -> None:
    dep = make("dep")
    file = tmp_path / "plan.md"
    file.write_text(PAGE.format(dep=dep))
    first, second = bd("create", "-f", str(file), "--rig", "app", "--json").json
    assert (first["title"], first["priority"], first["issue_type"], first["labels"]) == (
        "Fix the login",
        1,
        "bug",
        ["backend", "urgent"],
    )
    assert first["description"].endswith("```sh\n## not a title\n```")
    assert first["acceptance_criteria"] == "- Names with dots work"
    assert (second["description"], second["dependencies"][0]["id"]) == ("Said here.", dep)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no issues found"),
        ("## One\n### Colour\nred\n", "no field is called 'Colour'"),
        ("### Type\nbug\n## One\n", "before the first title"),
        ("## One\n## Two\n### Priority\n9\n", "invalid priority"),
        ("## One\n## Two\n### Dependencies\napp-none\n", "nothing was filed"),
        ("## One\n##   \n", "title"),
    ],
)
def test_a_page_with_a_mistake_files_nothing(bd: Any, tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "plan.md"
    file.write_text(text)
    refused = bd("create", "--file", str(file))
    assert (refused.code, words in refused.err) == (1, True), refused.err
    assert bd("count").out == "0\n"


def test_a_plan_files_a_whole_graph(bd: Any, make: Make) -> None:
    outside = make("outside")
    plan = {
        "commit_message": "Plan the release",
        "nodes": [
            {"key": "step", "title": "Step", "parent_key": "top", "assignee": "ada", "assign_after_create": True},
            {"key": "top", "title": "Top", "type": "epic", "priority": 0, "labels": ["release"]},
            {"key": "late", "title": "Late", "metadata": {"a": "b"}, "metadata_refs": {"after": "step"}},
        ],
        "edges": [
            {"from_key": "late", "to_key": "step"},
            {"from_key": "late", "to_id": outside, "type": "related"},
        ],
    }
    made = bd("create", "--graph", "-", "--rig", "app", "--json", stdin=json.dumps(plan)).json["ids"]
    assert set(made) == {"step", "top", "late"}
    assert made["step"] == f"{made['top']}.1"
    shown = {item["id"]: item for item in bd("show", *made.values(), "--json").json}
    assert shown[made["step"]]["assignee"] == "ada"
    assert shown[made["late"]]["metadata"] == {"a": "b", "after": made["step"]}
    edges = {(edge["id"], edge["dependency_type"]) for edge in shown[made["late"]]["dependencies"]}
    assert edges == {(made["step"], "blocks"), (outside, "related")}


NODE = {"key": "a", "title": "A"}


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ("{", "not JSON"),
        ("[]", "not an object with a list of nodes"),
        ({"nodes": []}, "1 to 10000 nodes"),
        ({"nodes": [{"key": "a"}]}, "needs a key and a title"),
        ({"nodes": [NODE, NODE]}, "is taken"),
        ({"nodes": [{**NODE, "colour": "red"}]}, "unknown key 'colour'"),
        ({"nodes": [{**NODE, "priority": True}]}, "priority is not int"),
        ({"nodes": [{**NODE, "priority": 9}]}, "invalid priority"),
        ({"nodes": [{**NODE, "parent_key": "b"}]}, "no node has the key 'b'"),
        ({"nodes": [{**NODE, "parent_key": "b"}, {"key": "b", "title": "B", "parent_key": "a"}]}, "go in a circle"),
        ({"nodes": [NODE], "edges": [{"from_key": "a"}]}, "needs to_key or to_id"),
        ({"nodes": [NODE], "edges": [{"from_key": "a", "to_id": "app-none"}]}, "no issue found"),
        ({"nodes": [NODE], "edges": [{"from_key": "a", "to_key": "a"}]}, "cannot depend on itself"),
        ({"nodes": [NODE], "edges": [{"from_key": "a", "to_key": "a", "type": "wish"}]}, "invalid dependency type"),
        ({"nodes": [{**NODE, "metadata": {'"': "x"}}]}, "invalid metadata key"),
        ({"nodes": [{**NODE, "labels": [1]}]}, "labels and references are texts"),
    ],
)
def test_a_plan_with_a_mistake_files_nothing(bd: Any, plan: Any, words: str) -> None:
    refused = bd("create", "--graph", "-", stdin=plan if isinstance(plan, str) else json.dumps(plan))
    assert (refused.code, words in refused.err) == (1, True), refused.err
    assert bd("count").out == "0\n"


def test_a_batch_does_every_line(bd: Any, make: Make) -> None:
    one, two, three = make("one"), make("two"), make("three", "--deps", "")
    bd("dep", "add", three, two)
    lines = f"""
# a comment
update {one} priority=0 title="New \\"title\\"" assignee=ada
dep add {one} {two} related
dep remove {three} {two}
create bug 1 "A new one" with words
close {two} "Fixed in" the parser
"""
    done = bd("batch", "--json", stdin=lines).json
    assert (done["operations"], done["status"]) == (5, "ok")
    assert [(item["line"], item["op"]) for item in done["results"]] == [
        (3, "update"),
        (4, "dep add"),
        (5, "dep remove"),
        (6, "create"),
        (7, "close"),
    ]
    new = done["results"][3]["target"]
    shown = {item["id"]: item for item in bd("show", one, two, three, new, "--json").json}
    assert (shown[one]["priority"], shown[one]["title"], shown[one]["assignee"]) == (0, 'New "title"', "ada")
    assert (shown[two]["status"], shown[two]["close_reason"]) == ("closed", "Fixed in the parser")
    assert shown[three]["dependencies"] == []
    assert (shown[new]["title"], shown[new]["issue_type"]) == ("A new one with words", "bug")


def test_a_dry_batch_changes_nothing(bd: Any, make: Make) -> None:
    one = make("one")
    assert bd("batch", "--dry-run", "--json", stdin=f"close {one}\n").json["operations"] == 1
    assert bd("show", one, "--json").json[0]["status"] == "open"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("close app-none", "line 2: close: no issue found"),
        ("open x", "line 2: unknown operation 'open'"),
        ("dep", "line 2: unknown operation 'dep'"),
        ("close", "line 2: close takes other words"),
        ('close "x', "line 2: a quote is not closed"),
        ("update {one} colour=red", "line 2: update: not a change"),
        ("update {one} priority=9", "invalid priority"),
        ("update {one} status=nope", "invalid status"),
        ("create wish 1 x", "invalid issue type"),
        ("dep add {one} {one}", "cannot depend on itself"),
        ("dep remove {one} external:a:b", "does not depend on"),
    ],
)
def test_a_batch_with_a_mistake_does_nothing_and_names_the_line(bd: Any, make: Make, line: str, words: str) -> None:
    one, other = make("one"), make("other")
    refused = bd("batch", "--json", stdin=f"close {other}\n{line.format(one=one)}\n")
    assert (refused.code, words in refused.json["error"]) == (1, True), refused.err
    assert bd("show", other, "--json").json[0]["status"] == "open"


def test_a_guard_stops_a_batch(bd: Any, make: Make) -> None:
    blocker = make("blocker")
    waiting = make("waiting", "--deps", blocker)
    refused = bd("batch", stdin=f"update {blocker} priority=0\nclose {waiting}\n")
    assert "line 2: close: cannot close" in refused.err
    assert bd("show", blocker, "--json").json[0]["priority"] == 2
    assert bd("batch", stdin=f"close {blocker}\nclose {waiting}\n").code == 0


def test_an_agents_batch_reaches_its_own_rig_only(agent_bd: Any, bd: Any) -> None:
    theirs = bd("create", "theirs", "--rig", "website", "--silent").out.strip()
    refused = agent_bd("batch", stdin=f"update {theirs} priority=0\n")
    assert "line 1: update: " in refused.err
    assert "another rig" in refused.err
