from collections.abc import Callable
from typing import Any

Make = Callable[..., str]


def test_a_state_replaces_the_one_of_its_dimension_and_is_logged(bd: Any, make: Make) -> None:
    name = make("patrol")
    first = bd("set-state", name, "patrol=active", "--json").json
    assert (first["old_value"], first["new_value"], first["changed"]) == (None, "active", True)
    second = bd("set-state", name, "patrol=muted", "--reason", "Too loud", "--json").json
    assert (second["issue_id"], second["dimension"], second["old_value"]) == (name, "patrol", "active")
    assert second["event_id"] == f"{name}.2"
    [event] = bd("show", second["event_id"], "--json").json
    assert (event["issue_type"], event["status"], event["priority"], event["description"]) == (
        "event",
        "closed",
        4,
        "Too loud",
    )
    assert bd("label", "list", name, "--json").json == ["patrol:muted"]
    again = bd("set-state", name, "patrol=muted", "--json").json
    assert (again["changed"], again["event_id"]) == (False, None)
    assert bd("state", name, "patrol").out == "muted\n"
    assert bd("state", name, "health", "--json").json["value"] is None
    bd("label", "add", name, "provides:x")
    assert bd("state", "list", name, "--json").json["states"] == {"patrol": "muted"}


def test_states_that_are_none_are_refused(bd: Any, make: Make) -> None:
    name = make()
    for pair, words in (
        ("patrol", "not a state"),
        ("patrol=", "is empty"),
        ("=x", "invalid dimension"),
        ("provides=x", "invalid dimension"),
        ("a b=x", "invalid dimension"),
    ):
        refused = bd("set-state", name, pair)
        assert (refused.code, words in refused.err) == (1, True), refused.err
    assert bd("label", "list", name, "--json").json == []


def test_a_state_can_be_set_on_a_closed_bead_and_below_the_deepest_level(bd: Any, make: Make) -> None:
    name = make()
    for _ in range(3):
        name = make("child", "--parent", name)
    bd("close", name)
    assert bd("set-state", name, "health=ok", "--json").json["changed"] is True


def test_one_at_a_time_has_the_merge_slot_and_the_others_stand_in_line(bd: Any) -> None:
    slot = ("merge-slot",)
    assert "no merge slot" in bd(*slot, "check", "--rig", "app").err
    made = bd(*slot, "create", "--rig", "app", "--json").json
    assert (made["id"], made["available"], made["created"]) == ("app-merge-slot", True, True)
    assert bd(*slot, "create", "--rig", "app", "--json").json["created"] is False
    [bead] = bd("show", "app-merge-slot", "--json").json
    assert (bead["labels"], bead["priority"], bead["issue_type"]) == (["gt:slot"], 0, "task")
    assert bd("ready", "--json").json == []

    def acquire(who: str, *more: str) -> Any:
        return bd(*slot, "acquire", "--rig", "app", "--holder", who, *more, "--json")

    assert acquire("ada").json["acquired"] is True
    assert acquire("ada").code == 0
    refused = acquire("bob")
    assert (refused.code, refused.json["acquired"], refused.json["waiting"]) == (1, False, False)
    waiting = acquire("bob", "--wait")
    assert (waiting.code, waiting.json["holder"], waiting.json["position"]) == (1, "ada", 1)
    assert acquire("cyd", "--wait").json["position"] == 2
    assert bd(*slot, "release", "--rig", "app", "--holder", "bob2").code == 1
    assert bd(*slot, "release", "--rig", "app", "--holder", "ada", "--json").json["available"] is True
    assert acquire("cyd").code == 1
    assert acquire("bob").json["acquired"] is True
    assert bd(*slot, "check", "--rig", "app", "--json").json["waiters"] == ["cyd"]
    bd(*slot, "release", "--rig", "app", "--holder", "cyd")
    bd(*slot, "release", "--rig", "app", "--holder", "bob")
    assert bd(*slot, "check", "--rig", "app", "--json").json == {
        "id": "app-merge-slot",
        "available": True,
        "holder": None,
        "waiters": [],
        "schema_version": 1,
    }


def test_an_agent_takes_the_slot_of_its_rig_for_itself_only(agent_bd: Any, held: Any) -> None:
    agent_bd("merge-slot", "create")
    got = agent_bd("merge-slot", "acquire", "--holder", "somebody", "--json").json
    assert (got["id"], got["holder"]) == ("app-merge-slot", held.agent)


def test_duplicates_and_superseded_beads_close_with_an_edge_that_reopening_takes_away(bd: Any, make: Make) -> None:
    one, two, new = make("one"), make("two"), make("new")
    assert bd("duplicate", two, "--of", one, "--json").json == {
        "duplicate": two,
        "canonical": one,
        "status": "closed",
        "schema_version": 1,
    }
    assert bd("supersede", one, "--with", new, "--json").json["replacement"] == new
    [shown] = bd("show", two, "--json").json
    assert (shown["status"], shown["dependencies"][0]["dependency_type"]) == ("closed", "duplicates")
    assert "would create a cycle" in bd("duplicate", new, "--of", two).err
    assert "its own place" in bd("duplicate", new, "--of", new).err
    bd("reopen", two)
    assert bd("show", two, "--json").json[0]["dependencies"] == []
    bd("update", one, "-s", "open")
    assert bd("show", one, "--json").json[0]["dependencies"] == []


def test_a_bead_with_open_children_is_not_closed_as_a_duplicate(bd: Any, make: Make) -> None:
    one, top = make("one"), make("top", "-t", "epic")
    make("child", "--parent", top)
    other = make("other", "-t", "epic")
    assert "1 open child" in bd("duplicate", top, "--of", other).err
    assert bd("show", one, "--json").json[0]["status"] == "open"


def test_shipping_a_capability_sets_free_who_waits_for_it(bd: Any, make: Make) -> None:
    provider, consumer = make("provider", "-l", "export:login"), make("consumer", "--deps", "external:app:login")
    assert "is open" in bd("ship", "login").err
    bd("close", provider)
    assert consumer not in [item["id"] for item in bd("ready", "--json").json]
    assert bd("ship", "login", "--dry-run", "--json").json["status"] == "dry_run"
    assert bd("ship", "login", "--json").json == {
        "status": "shipped",
        "capability": "login",
        "issue_id": provider,
        "label": "provides:login",
        "schema_version": 1,
    }
    assert bd("ship", "login", "--json").json["status"] == "already_shipped"
    assert consumer in [item["id"] for item in bd("ready", "--json").json]
    assert "no issue is labelled" in bd("ship", "other").err
    make("again", "-l", "export:login")
    assert "2 issues are labelled" in bd("ship", "login").err


def test_epics_say_how_far_they_are_and_close_when_nothing_is_left(bd: Any, make: Make) -> None:
    top = make("top", "-t", "epic")
    inner = make("inner", "-t", "epic", "--parent", top)
    leaf = make("leaf", "--parent", inner)
    found = {item["epic"]["id"]: item for item in bd("epic", "status", "--json").json}
    assert (found[inner]["total_children"], found[inner]["eligible_for_close"]) == (1, False)
    bd("close", leaf)
    assert bd("epic", "close-eligible", "--dry-run", "--json").json["count"] == 2
    assert [item["epic"]["id"] for item in bd("epic", "status", "--eligible-only", "--json").json] == [inner]
    assert bd("epic", "close-eligible", "--json").json["closed"] == [inner, top]
    assert bd("epic", "status", "--json").json == []
