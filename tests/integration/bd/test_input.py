"""Input at its edges: what is huge, odd or impossible is taken whole or refused by name."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., str]


def one(bd: Any, name: str) -> dict[str, Any]:
    item: dict[str, Any] = bd("show", name, "--json").json[0]
    return item


def test_ten_thousand_labels_go_on_and_off_one_bead(bd: Any) -> None:
    words = ",".join(f"label-{number}" for number in range(10_000))
    begun = time.monotonic()
    made = bd("create", "many labels", "-l", words, "--json").json
    assert len(made["labels"]) == 10_000
    other = ",".join(f"other-{number}" for number in range(1_000))
    [changed] = bd("update", made["id"], "--set-labels", other, "--json").json
    assert sorted(changed["labels"]) == sorted(other.split(","))
    assert time.monotonic() - begun < 60  # one lock and one statement a label took minutes
    assert bd("show", made["id"], "--json").json[0]["labels"] == sorted(other.split(","))


def test_long_texts_are_kept_to_the_letter(bd: Any) -> None:
    text = "äöü🦀 \t line\n" * 8_000
    name = bd("create", "long", "--stdin", "--silent", stdin=text).out.strip()
    assert one(bd, name)["description"] == text
    bd("update", name, "--notes", text, "--design", text)
    assert (one(bd, name)["notes"], one(bd, name)["design"]) == (text, text)


@pytest.mark.parametrize("title", ["x" * 500, "🦀" * 500, "שלום עולם", "a\u202eb", "tab\there", "\x1b[31mred"])
def test_titles_of_all_letters_are_kept(bd: Any, title: str) -> None:
    name = bd("create", title, "--silent").out.strip()
    assert one(bd, name)["title"] == title


@pytest.mark.parametrize("title", ["x" * 501, "🦀" * 501, "null\x00", "half \ud800"])
def test_titles_that_cannot_be_are_refused(bd: Any, title: str) -> None:
    refused = bd("create", title)
    assert (refused.code, bd("count").out) == (1, "0\n"), refused


def test_blanks_around_a_title_do_not_count(bd: Any) -> None:
    name = bd("create", f"  {'x' * 500}\n", "--silent").out.strip()
    assert one(bd, name)["title"] == "x" * 500


IMPOSSIBLE = ("2026-02-30", "2026-13-01", "2026-01-01T25:00:00Z", "+99999999d", "0000-00-00", "9999-12-31", "-0x1d")


@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_dates_that_do_not_exist_are_refused(bd: Any, make: Make, text: str) -> None:
    name = make()
    for option in ("due", "defer"):
        assert f"invalid --{option} format" in bd("update", name, f"--{option}={text}").err
        assert f"invalid --{option} format" in bd("create", "x", f"--{option}={text}").err
    assert "invalid --until format" in bd("defer", name, f"--until={text}").err


@pytest.mark.parametrize(
    "text",
    [
        *('{"a": NaN}', '{"a": Infinity}', '{"a": -Infinity}', "[1]", "null", "{", '{"a b": 1}', '{"a": "\\u0000"}'),
        *('{"a": ' * 2_000 + "1" + "}" * 2_000, '{"a": 1e999}', json.dumps({"a": "x" * 70_000})),
    ],
)
def test_metadata_that_no_database_holds_is_refused(bd: Any, make: Make, text: str) -> None:
    name = make()
    assert bd("update", name, "--metadata", text).code == 1
    assert bd("create", "x", "--metadata", text).code == 1
    assert "metadata" not in one(bd, name)


def test_values_of_set_metadata_are_numbers_only_where_json_has_them(bd: Any, make: Make) -> None:
    name = make()
    for key, value in (("a", "NaN"), ("b", "1e999"), ("c", "-Infinity"), ("d", "1e3"), ("e", "007"), ("f", "[1]")):
        assert bd("update", name, "--set-metadata", f"{key}={value}").code == 0
    assert one(bd, name)["metadata"] == {
        "a": "NaN",
        "b": "1e999",
        "c": "-Infinity",
        "d": 1000.0,
        "e": "007",
        "f": "[1]",
    }


def test_ids_with_capitals_are_ids_of_their_own(bd: Any) -> None:
    assert bd("create", "one", "--id", "hq-AbC1", "--silent").out.strip() == "hq-AbC1"
    assert one(bd, "hq-AbC1")["title"] == "one"
    assert "already exists" in bd("create", "two", "--id", "hq-AbC1").err


def test_foreign_prefixes_need_leave(bd: Any) -> None:
    assert "no rig here has the prefix" in bd("create", "x", "--id", "other-a1b2").err
    assert bd("create", "x", "--id", "other-a1b2", "--force").code == 0
    bd("config", "set", "allowed_prefixes", "more,others")
    assert bd("create", "x", "--id", "more-a1b2").code == 0


def test_an_agent_cannot_force_a_foreign_prefix(agent_bd: Any) -> None:
    assert agent_bd("create", "x", "--id", "web-a1b2", "--force").code == 1


CONTRADICTIONS: list[list[str]] = [
    ["create", "x", "--ephemeral", "--no-history"],
    ["create", "x", "--event-actor", "ada"],
    ["create", "x", "--wisp-type", "ping"],
    ["create", "x", "--ephemeral", "--wisp-type", "wish"],
    ["create", "x", "--mol-type", "wish"],
    ["create", "x", "--waits-for-gate", "any-children"],
    ["create", "x", "--id", "hq-a", "--parent", "{one}"],
    ["create", "x", "-d", "a", "--stdin"],
    ["create", "x", "--body-file", "-", "--design-file", "-"],
    ["create", "x", "--graph", "-"],
    ["update", "{one}", "--claim", "-a", "bob"],
    ["update", "{one}", "--claim", "-s", "open"],
    ["update", "{one}", "--add-label", "a", "--remove-label", "a"],
    ["update", "{one}", "--set-labels", "a", "--add-label", "b"],
    ["update", "{one}", "--notes", "a", "--append-notes", "b"],
    ["comment", "{one}", "text", "--stdin"],
    ["note", "{one}", "text", "--stdin"],
    ["note", "{one}", "  "],
    ["close", "{one}", "-r", "a", "-r", "b"],
]


@pytest.mark.parametrize("argv", CONTRADICTIONS, ids=" ".join)
def test_what_contradicts_itself_is_refused(bd: Any, make: Make, argv: list[str]) -> None:
    name = make()
    before = one(bd, name)
    assert bd(*(word.format(one=name) for word in argv), stdin="{}").code == 1
    assert (one(bd, name), bd("count").out) == (before, "1\n")


def test_counted_ids_follow_the_highest(bd: Any) -> None:
    bd("config", "set", "issue_id_mode", "counter")
    assert [bd("create", "x", "--silent").out.strip() for _ in range(2)] == ["hq-1", "hq-2"]
    bd("create", "x", "--id", "hq-41")
    assert bd("create", "x", "--silent").out.strip() == "hq-42"
    assert bd("create", "w", "--ephemeral", "--silent").out.startswith("hq-wisp-")


def test_hash_lengths_are_keys(bd: Any) -> None:
    assert len(bd("create", "x", "--silent").out.strip()) == len("hq-") + 4
    bd("config", "set", "min_hash_length", "6")
    assert len(bd("create", "x", "--silent").out.strip()) == len("hq-") + 6


def test_children_nest_as_deep_as_the_store_says(bd: Any, make: Make) -> None:
    name = make()
    for _ in range(3):
        name = make("child", "--parent", name)
    refused = bd("create", "x", "--parent", name)
    assert f"maximum hierarchy depth (3) exceeded for parent {name}" in refused.err
    bd("config", "set", "hierarchy.max-depth", "4")
    assert make("child", "--parent", name) == f"{name}.1"


def test_a_closed_parent_takes_no_children_without_force(bd: Any, make: Make) -> None:
    top = make("top", "-t", "epic")
    bd("close", top)
    refused = bd("create", "x", "--parent", top)
    assert (refused.code, f"parent issue {top} is closed" in refused.err) == (1, True)
    assert bd("create", "x", "--parent", top, "--force").code == 0


def test_a_store_can_want_descriptions(bd: Any) -> None:
    bd("config", "set", "create.require-description", "true")
    assert "description is required" in bd("create", "x").err
    assert "description is required" in bd("q", "x").err
    assert bd("create", "x", "-d", "because").code == 0


def test_what_is_discovered_belongs_to_the_rig_of_its_source(bd: Any, make: Make) -> None:
    source = make("source")
    found = bd("create", "found", "--deps", f"discovered-from:{source}", "--silent").out.strip()
    assert found.startswith("app-")


def test_skills_and_context_become_sections(bd: Any) -> None:
    made = bd("create", "x", "-d", "Text", "--skills", "SQL", "--context", "Town", "--json").json
    assert made["description"] == "Text\n\n## Required Skills\nSQL\n\n## Context\nTown"


def test_wisps_and_events_say_what_they_are(bd: Any) -> None:
    wisp = bd("create", "w", "--ephemeral", "--wisp-type", "ping", "--json").json
    assert (wisp["ephemeral"], wisp["wisp_type"]) == (True, "ping")
    event = bd("create", "e", "-t", "event", "--event-category", "deploy", "--event-actor", "ada", "--json").json
    assert (event["event_kind"], event["actor"]) == ("deploy", "ada")
    [kept] = bd("update", wisp["id"], "--persistent", "--no-history", "--json").json
    assert ("ephemeral" in kept, kept["no_history"]) == (False, True)
    assert "both a wisp and kept" in bd("update", wisp["id"], "--ephemeral").err
