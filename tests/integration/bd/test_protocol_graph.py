"""What the original checks of itself from outside, one invariant a test: readiness, blocking and the close guards."""

from collections.abc import Callable
from typing import Any

Make = Callable[..., str]


def ids(found: Any) -> list[str]:
    return [item["id"] for item in found.json]


def ready(bd: Any) -> list[str]:
    return ids(bd("ready", "--json"))


def test_blocked_status_is_stored_not_computed(bd: Any, make: Make) -> None:
    blocker = make("blocker")
    waiting = make("waiting", "--deps", blocker)
    assert bd("show", waiting, "--json").json[0]["status"] == "open"
    bd("update", blocker, "-s", "blocked")
    assert bd("show", blocker, "--json").json[0]["status"] == "blocked"
    assert bd("list", "-s", "blocked", "--json").json[0]["id"] == blocker


def test_waits_for_appears_in_blocked(bd: Any, make: Make) -> None:
    spawner = make("spawner")
    child = make("child", "--parent", spawner)
    waiting = make("waiting", "--waits-for", spawner)
    assert waiting in ids(bd("blocked", "--json"))
    bd("close", child)
    assert waiting in ready(bd)
    first, _ = make("first", "--parent", spawner), make("second", "--parent", spawner)
    hasty = make("hasty", "--waits-for", spawner, "--waits-for-gate", "any-children")
    bd("close", first)
    assert hasty in ready(bd)


def test_ready_ordering_is_priority_asc(bd: Any, make: Make) -> None:
    made = [make(f"p{level}", "-p", str(level)) for level in (3, 0, 4, 1, 2)]
    assert ready(bd) == [made[index] for index in (1, 3, 4, 0, 2)]


def test_closed_blocker_is_not_shown_as_blocking(bd: Any, make: Make) -> None:
    one, two = make("one"), make("two")
    waiting = make("waiting", "--deps", f"{one},{two}")
    bd("close", one)
    [item] = bd("blocked", "--json").json
    assert (item["id"], item["blocked_by"], item["blocked_by_count"]) == (waiting, [two], 1)


def test_closing_blocker_makes_dependant_ready(bd: Any, make: Make) -> None:
    blocker = make("blocker")
    waiting = make("waiting", "--deps", blocker)
    assert ready(bd) == [blocker]
    bd("close", blocker)
    assert ready(bd) == [waiting]


def test_diamond_blocks_until_both_sides_are_closed(bd: Any, make: Make) -> None:
    top = make("top")
    left, right = make("left", "--deps", top), make("right", "--deps", top)
    bottom = make("bottom", "--deps", f"{left},{right}")
    assert ready(bd) == [top]
    bd("close", top)
    assert sorted(ready(bd)) == sorted([left, right])
    bd("close", left)
    assert bottom not in ready(bd)
    bd("close", right)
    assert ready(bd) == [bottom]


def test_a_chain_frees_one_at_a_time(bd: Any, make: Make) -> None:
    first = make("first")
    second = make("second", "--deps", first)
    third = make("third", "--deps", second)
    for name in (first, second, third):
        assert ready(bd) == [name]
        bd("close", name)


def test_deferred_is_excluded_from_ready(bd: Any, make: Make) -> None:
    make("later", "--defer", "+2d")
    status = make("for good")
    bd("defer", status)
    assert ready(bd) == []


def test_dep_remove_unblocks(bd: Any, make: Make) -> None:
    blocker = make("blocker")
    waiting = make("waiting", "--deps", blocker)
    bd("dep", "remove", waiting, blocker)
    assert sorted(ready(bd)) == sorted([blocker, waiting])


def test_cycles_are_prevented(bd: Any, make: Make) -> None:
    one = make("one")
    two = make("two", "--deps", one)
    three = make("three", "--deps", two)
    refused = bd("dep", "add", one, three)
    assert (refused.code, "would create a cycle" in refused.err) == (1, True)


def test_self_dependency_is_prevented(bd: Any, make: Make) -> None:
    name = make()
    refused = bd("dep", "add", name, name)
    assert (refused.code, "cannot depend on itself" in refused.err) == (1, True)


def test_close_guard_respects_the_type_of_a_dependency(bd: Any, make: Make) -> None:
    other = make("other")
    for kind in ("related", "tracks", "discovered-from"):
        name = make(kind, "--deps", f"{kind}:{other}")
        assert bd("close", name).code == 0


def test_close_guard_blocks_for_blocks_and_exits_non_zero(bd: Any, make: Make) -> None:
    blocker = make("blocker")
    waiting = make("waiting", "--deps", blocker)
    refused = bd("close", waiting)
    assert (refused.code, "blocked by open issues" in refused.err) == (1, True)
    assert bd("show", waiting, "--json").json[0]["status"] == "open"


def test_close_force_overrides_the_guard(bd: Any, make: Make) -> None:
    waiting = make("waiting", "--deps", make("blocker"))
    assert bd("close", waiting, "--force").code == 0


def test_supersede_closes_and_makes_the_edge(bd: Any, make: Make) -> None:
    old, new = make("old"), make("new")
    assert bd("supersede", old, "--with", new).code == 0
    [shown] = bd("show", old, "--json").json
    assert shown["status"] == "closed"
    assert [(edge["id"], edge["dependency_type"]) for edge in shown["dependencies"]] == [(new, "supersedes")]


def test_close_unblocked_exits_zero(bd: Any, make: Make) -> None:
    assert bd("close", make()).code == 0


def test_close_partial_failure_exits_zero(bd: Any, make: Make) -> None:
    blocker = make("blocker")
    waiting, free = make("waiting", "--deps", blocker), make("free")
    assert bd("close", waiting, free).code == 0


def test_close_nonexistent_exits_non_zero(bd: Any) -> None:
    assert bd("close", "app-none").code == 1


def test_delete_cleans_up_dependencies(bd: Any, make: Make) -> None:
    blocker = make("blocker")
    waiting = make("waiting", "--deps", blocker)
    bd("delete", blocker, "--force")
    assert bd("show", waiting, "--json").json[0]["dependencies"] == []
    assert ready(bd) == [waiting]
    assert bd("dep", "cycles", "--json").json == []
