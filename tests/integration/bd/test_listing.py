from collections.abc import Callable
from typing import Any

Make = Callable[..., str]


def ids(result: Any) -> list[str]:
    assert result.code == 0, result.err
    return [each["id"] for each in result.json]


def test_empty_listings_are_empty_arrays(bd: Any) -> None:
    for verb in ("list", "ready", "blocked"):
        assert bd(verb, "--json").out == "[]\n"
    assert bd("search", "x", "--json").json == []
    assert bd("list").out == "No issues found.\n"


def test_list_hides_what_is_done_unless_asked(bd: Any, make: Make) -> None:
    opened, closed = make("open"), make("closed")
    make("an agent", "-t", "agent")
    bd("close", closed)
    assert ids(bd("list", "--json")) == [opened]
    assert ids(bd("list", "--status", "closed", "--json")) == [closed]
    assert len(ids(bd("list", "--all", "--json"))) == 3
    assert len(ids(bd("list", "--status", "all", "--json"))) == 3


def test_filters_narrow_a_listing(bd: Any, make: Make) -> None:
    a = make("alpha", "-l", "x,y", "-p", "0", "-a", "bob", "--due", "-1d")
    b = make("beta", "-l", "x", "-t", "bug", "-d", "needle in hay")
    c = bd("create", "gamma", "--rig", "website", "--silent").out.strip()
    for argv, expected in (
        (["-l", "x"], {a, b}),
        (["-l", "x,y"], {a}),
        (["--label-any", "y,z"], {a}),
        (["--exclude-label", "y"], {b, c}),
        (["--no-labels"], {c}),
        (["-t", "bug"], {b}),
        (["--exclude-type", "bug"], {a, c}),
        (["-p", "0"], {a}),
        (["--priority-min", "1"], {b, c}),
        (["-a", "bob"], {a}),
        (["--no-assignee"], {b, c}),
        (["--title-contains", "ALPH"], {a}),
        (["--desc-contains", "needle"], {b}),
        (["--rig", "website"], {c}),
        (["--overdue"], {a}),
        (["--created-after", "-1h"], {a, b, c}),
        (["--created-before", "-1h"], set()),
        (["--id", a, "--id", c], {a, c}),
        (["--title-contains", "%"], set()),
    ):
        assert set(ids(bd("list", "--json", *argv))) == expected, argv


def test_sorting_limiting_and_reversing(bd: Any, make: Make) -> None:
    names = [make(title) for title in ("b", "c", "a")]
    assert ids(bd("list", "--sort", "title", "--json")) == [names[2], names[0], names[1]]
    assert ids(bd("list", "--sort", "title", "--reverse", "--limit", "1", "--json")) == [names[1]]
    assert bd("list", "--sort", "mood").code == 1
    assert bd("list", "--limit", "-1").code == 1


BAD_FILTERS: list[tuple[list[str], str]] = [
    (["--status", "bogus"], "invalid status"),
    (["--type", "bogus"], "invalid issue type"),
    (["--priority", "9"], "invalid priority"),
    (["--priority-min", "3", "--priority-max", "1"], "no priority is between"),
    (["--created-after", "tomorrow", "--created-before", "-1d"], "no time is after"),
    (["--parent", "app-none"], "no issue found"),
    (["--rig", "nowhere"], "nowhere"),
    (["stray"], "unexpected extra argument"),
]


def test_what_no_bead_can_be_is_refused(bd: Any) -> None:
    for argv, words in BAD_FILTERS:
        refused = bd("list", *argv)
        assert (refused.code, words in refused.err) == (1, True), refused.err


def test_ready_shows_full_objects_and_says_when_it_shows_a_part(bd: Any, make: Make) -> None:
    first = make("first", "-p", "0")
    waiting = make("waiting", "--deps", first)
    make("other")
    found = bd("ready", "--limit", "1", "--json")
    assert ids(found) == [first]
    assert found.json[0]["dependent_count"] == 1
    assert found.err == "Showing 1 of 2 ready issues. Use --limit 0 for all\n"
    [item] = bd("blocked", "--json").json
    assert (item["id"], item["blocked_by"], item["blocked_by_count"]) == (waiting, [first], 1)
    assert first in bd("blocked").out


def test_ready_can_claim_the_first_one(bd: Any, make: Make) -> None:
    name = make()
    [item] = bd("ready", "--claim", "--json").json
    assert (item["id"], item["assignee"], item["status"]) == (name, "ada", "in_progress")
    assert bd("ready", "--claim", "--json").json == []
    assert bd("ready", "--claim", "--assignee", "bob").code == 1


def test_search_looks_into_titles_descriptions_and_ids(bd: Any, make: Make) -> None:
    a, b = make("The Login page"), make("x", "-d", "about LOGIN")
    bd("close", b)
    assert set(ids(bd("search", "login", "--json"))) == {a, b}
    assert ids(bd("search", "login", "--status", "open", "--json")) == [a]
    c = make("L'École")
    assert ids(bd("search", "École", "--json")) == [c]
    assert ids(bd("search", a, "--json")) == [a]
    assert "search query is required" in bd("search").err


def test_count_counts_everything_and_by_group(bd: Any, make: Make) -> None:
    make("a", "-l", "x,y")
    bd("close", make("b", "-l", "x"))
    assert bd("count", "--json").json == {"count": 2, "schema_version": 1}
    grouped = bd("count", "--by-label", "--json").json
    assert (grouped["total"], grouped["groups"]) == (2, [{"group": "x", "count": 2}, {"group": "y", "count": 1}])
    assert bd("count", "--by-status", "--json").json["groups"] == [
        {"group": "closed", "count": 1},
        {"group": "open", "count": 1},
    ]


def test_status_sums_up_the_store(bd: Any, make: Make) -> None:
    first = make()
    make("waiting", "--deps", first)
    bd("close", make("done"))
    summary = bd("stats", "--json").json["summary"]
    expected = {"total_issues": 3, "open_issues": 2, "closed_issues": 1, "blocked_issues": 1, "ready_issues": 1}
    assert {name: summary[name] for name in expected} == expected
    text = bd("status").out
    for line in ("Total Issues: 3", "Open: 2", "Closed: 1", "In Progress: 0"):
        assert line in text.splitlines()


def test_the_parent_filter_goes_deep_where_work_is_looked_for(bd: Any, make: Make) -> None:
    top = make("top", "-t", "epic")
    child = make("child", "--parent", top)
    grandchild = make("grandchild", "--parent", child)
    adopted = make("adopted")
    bd("update", adopted, "--parent", grandchild)
    make("apart")
    assert ids(bd("list", "--parent", top, "--json")) == [child]
    assert set(ids(bd("ready", "--parent", top, "--json"))) == {child, grandchild, adopted}
