"""Keys of the store, small values, memories."""

from collections.abc import Callable

import pytest

from tests.integration.bd.conftest import Runner


def test_a_key_is_set_read_listed_and_forgotten(bd: Runner) -> None:
    assert bd("config", "set", "types.custom", "incident, runbook").code == 0
    assert bd("config", "get", "types.custom").out.strip() == "incident,runbook"
    assert bd("config", "list", "--json").json == {"types.custom": "incident,runbook"}
    assert bd("types", "--json").json["custom_types"] == ["incident", "runbook"]

    assert bd("config", "unset", "types.custom").code == 0
    assert bd("config", "get", "types.custom").out.strip() == "types.custom (not set)"
    assert bd("config", "unset", "types.custom", "--json").json["unset"] is False


def test_custom_words_are_accepted_once_they_are_set(bd: Runner, make: Callable[..., str]) -> None:
    assert "invalid issue type" in bd("create", "x", "-t", "incident").err
    bd("config", "set-many", "types.custom=incident", "status.custom=review:wip,parked:frozen")

    bead = make("a fire", "-t", "incident")
    assert bd("update", bead, "--status", "review").code == 0
    shown = bd("statuses", "--json").json
    assert [item["name"] for item in shown["custom_statuses"]] == ["review", "parked"]
    assert {item["name"] for item in shown["built_in_statuses"]} >= {"open", "closed", "submitted", "escalated"}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("typs.custom", "x", "Did you mean types.custom?"),
        ("whatever", "x", "unknown key"),
        ("status.custom", "open:wip", "built-in"),
        ("status.custom", "a:b", "name:category"),
        ("status.custom", "a,a", "twice"),
        ("max_collision_prob", "nan", "between 0 and 1"),
        ("min_hash_length", "2", "3 to 8"),
        ("export.auto", "yes", "true, false"),
        ("external_projects", "[]", "JSON object"),
        ("export.interval", "soon", "60s"),
    ],
)
def test_a_wrong_key_or_value_is_refused_with_what_to_do(bd: Runner, key: str, value: str, said: str) -> None:
    refused = bd("config", "set", key, value)
    assert refused.code == 1
    assert said in refused.err


def test_set_many_is_all_or_nothing(bd: Runner) -> None:
    assert bd("config", "set-many", "export.auto=true", "min_hash_length=99").code == 1
    assert bd("config", "get", "export.auto").out.strip() == "false"
    assert bd("config", "set-many", "export.auto").code == 1


def test_the_environment_counts_for_more_than_the_store(bd: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BD_VALIDATION_ON_CREATE", "warn")
    found = {item["key"]: item for item in bd("config", "show", "--json").json}
    assert found["validation.on-create"] == {"key": "validation.on-create", "value": "warn", "source": "environment"}
    monkeypatch.setenv("BD_VALIDATION_ON_CREATE", "sometimes")
    assert "none, warn, error" in bd("config", "get", "validation.on-create").err


def test_validate_names_words_that_no_key_explains(bd: Runner, make: Callable[..., str]) -> None:
    assert bd("config", "validate").code == 0
    bd("config", "set", "types.custom", "incident")
    make("x", "-t", "incident")
    bd("config", "unset", "types.custom")

    found = bd("config", "validate", "--json")
    assert (found.code, found.json["valid"]) == (1, False)
    assert "'incident'" in found.json["problems"][0]


def test_small_values_are_kept(bd: Runner) -> None:
    assert bd("kv", "set", "deploy.last", "monday", "--json").json["found"] is True
    assert bd("kv", "get", "deploy.last").out == "monday\n"
    assert bd("kv", "list", "--json").json == {"deploy.last": "monday"}
    bd("kv", "clear", "deploy.last")
    gone = bd("kv", "get", "deploy.last", "--json")
    assert (gone.code, gone.json["found"]) == (1, False)


def test_memories_are_kept_found_and_forgotten(bd: Runner) -> None:
    first = bd("remember", "The tests need the German locale, or they fail in March", "--json").json
    assert first["action"] == "remembered"
    assert first["key"] == "the-tests-need-the-german-locale-or-they"
    assert bd("remember", "Ask ada about the database", "--key", "db", "--json").json["key"] == "db"
    assert bd("remember", "Ask bob about the database", "--key", "db", "--json").json["action"] == "updated"

    assert bd("recall", "db").out == "Ask bob about the database\n"
    assert bd("memories", "german", "--json").json == {first["key"]: first["value"]}
    assert bd("forget", "db").code == 0
    missing = bd("recall", "db", "--json")
    assert (missing.code, missing.json["found"]) == (1, False)
    assert bd("forget", "db").code == 1
    for text, key in (("  ", ""), ("...", ""), ("x", "a b")):
        assert bd("remember", text, *(["--key", key] if key else [])).code == 1


def test_an_agents_memories_stay_in_its_rig(bd: Runner, agent_bd: Runner) -> None:
    assert agent_bd("remember", "the parser is generated", "--key", "parser").code == 0
    assert agent_bd("recall", "parser").out == "the parser is generated\n"
    assert bd("memories", "--json").json == {"app/parser": "the parser is generated"}
    bd("remember", "never push on fridays", "--key", "fridays")
    bd("remember", "for the other rig", "--key", "web/secret")
    assert set(agent_bd("memories", "--json").json) == {"parser", "fridays"}
    assert agent_bd("recall", "web/secret").code == 1
    assert agent_bd("kv", "set", "a", "b").code == 1
    assert agent_bd("config", "set", "export.auto", "true").code == 1
