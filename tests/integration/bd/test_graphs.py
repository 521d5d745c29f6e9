import re
from collections.abc import Callable
from typing import Any

Make = Callable[..., str]
HOSTILE = "</script><script>alert(1)</script> \"'&<b>\x1b[31m\u202e"


def test_a_graph_is_drawn_in_every_style(bd: Any, make: Make) -> None:
    first = make("first")
    then = make("then", "--deps", first)
    make("apart")
    shown = bd("graph", then, "--json").json
    assert shown["layers"] == [[first], [then]]
    assert shown["dependencies"] == [{"issue_id": then, "depends_on_id": first, "type": "blocks"}]
    assert {item["id"] for item in shown["issues"]} == {first, then}
    assert len(bd("graph", "--all", "--json").json["issues"]) == 3
    assert "┌─" in bd("graph", then).out
    assert f"{then} P2 task: then ← {first}" in bd("graph", then, "--compact").out
    assert f'"{first}" -> "{then}";' in bd("graph", then, "--dot").out
    assert "n1 --> n0" in bd("graph", then, "--mermaid").out


def test_the_page_needs_nothing_and_escapes_everything(bd: Any, make: Make) -> None:
    name = make(HOSTILE, "-d", HOSTILE, "-t", "epic")
    make(HOSTILE, "--parent", name)
    page = bd("graph", name, "--html").out
    assert page.startswith("<!doctype html>")
    assert page.count("<script>") == 1
    assert page.count("</script>") == 1
    assert "alert(1)" in page
    assert not re.findall(r"(?:src|href)\s*=", page)
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", page)
    assert "default-src 'none'" in page
    assert "\x1b" not in page


def test_other_pictures_escape_their_own_signs(bd: Any, make: Make) -> None:
    name = make(HOSTILE + ' \\" ]; x -> y')
    dot = bd("graph", name, "--dot").out
    [node] = [line for line in dot.splitlines() if "label=" in line]
    assert re.fullmatch(r'  "[^"]+" \[label="(?:[^"\\]|\\.)*"\];', node)
    mermaid = bd("graph", name, "--mermaid").out.splitlines()[1]
    assert re.fullmatch(r'  n0\["[^"<>`\\|]*"\]', mermaid)
    assert "\x1b" not in dot + mermaid


def test_one_thing_is_drawn_in_one_way(bd: Any, make: Make) -> None:
    name = make()
    for argv in ([], [name, "--all"], [name, "--dot", "--html"]):
        assert bd("graph", *argv).code == 1, argv
    assert "no issue found" in bd("graph", "app-none").err


def test_the_check_fails_where_something_can_never_be_ready(bd: Any, make: Make) -> None:
    target = make("may fail")
    waiting = make("plan b")
    bd("dep", "add", waiting, target, "-t", "conditional-blocks")
    sound = bd("graph", "check", "--json")
    assert (sound.code, sound.json["ok"], sound.json["cycles"]) == (0, True, [])
    bd("close", target, "-r", "went well")
    broken = bd("graph", "check", "--json")
    assert (broken.code, broken.json["ok"]) == (1, False)
    assert broken.json["never_ready"] == [{"issue_id": waiting, "depends_on_id": target}]
    assert "never ready" in bd("graph", "check").out
    [item] = bd("ready", "--explain", "--json").json["blocked"]
    assert "closed otherwise" in item["not_needed"]


def test_a_swarm_is_validated_created_and_followed(bd: Any, make: Make) -> None:
    epic = make("launch", "-t", "epic")
    a = make("a", "--parent", epic)
    b = make("b", "--parent", epic, "--deps", a)
    c = make("c", "--parent", epic, "--deps", a)
    found = bd("swarm", "validate", epic, "--json").json
    assert [front["issues"] for front in found["ready_fronts"]] == [[a], [b, c]]
    assert found["ready_fronts"][0] == {"wave": 0, "issues": [a], "titles": ["a"]}
    assert (found["total_issues"], found["closed_issues"], found["max_parallelism"]) == (3, 0, 2)
    assert (found["estimated_sessions"], found["swarmable"], found["errors"]) == (3, True, [])
    assert "issues" not in found
    assert set(bd("swarm", "validate", epic, "--json", "--verbose").json["issues"]) == {a, b, c}
    made = bd("swarm", "create", epic, "--coordinator", "bob", "--json").json
    assert made["epic_id"] == epic
    assert bd("swarm", "create", epic).code == 1
    [listed] = bd("swarm", "list", "--json").json["swarms"]
    assert (listed["id"], listed["epic_id"], listed["coordinator"]) == (made["swarm_id"], epic, "bob")
    bd("close", a)
    bd("update", b, "--claim")
    status = bd("swarm", "status", made["swarm_id"], "--json").json
    assert [item["id"] for item in status["completed"]] == [a]
    assert [item["id"] for item in status["active"]] == [b]
    assert [item["id"] for item in status["ready"]] == [c]
    assert (status["progress_percent"], status["blocked_count"]) == (33.3, 0)
    assert [item["id"] for item in bd("list", "--mol-type", "swarm", "--json").json] == [made["swarm_id"]]


def test_a_single_bead_is_wrapped_for_its_swarm(bd: Any, make: Make) -> None:
    name = make("alone")
    made = bd("swarm", "create", name, "--json").json
    assert bd("show", name, "--json").json[0]["parent"] == made["epic_id"]
    assert "is neither an epic nor a swarm" in bd("swarm", "status", name).err


def test_a_swarm_warns_of_odd_edges(bd: Any, make: Make) -> None:
    epic = make("launch", "-t", "epic")
    outside = make("outside")
    base = make("Foundation", "--parent", epic, "--deps", outside)
    make("disconnected", "--parent", epic)
    last = make("Final integration", "--parent", epic)
    bd("dep", "add", base, last)
    warnings = " ".join(bd("swarm", "validate", epic, "--json").json["warnings"])
    for words in ("is disconnected", "looks like a beginning", "looks like an end", "which is outside"):
        assert words in warnings
