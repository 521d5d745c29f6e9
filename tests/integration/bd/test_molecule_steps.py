"""Closing a step: what goes on, what completes, and what is in the way."""

from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., str]


@pytest.fixture
def molecule(bd: Any, make: Make) -> tuple[str, list[str]]:
    """A molecule of three steps, one after the other."""
    root = make("release", "-t", "molecule")
    first = make("first", "--parent", root)
    second = make("second", "--parent", root, "--deps", first)
    return root, [first, second, make("third", "--parent", root, "--deps", second)]


def status(bd: Any, name: str) -> str:
    found: str = bd("show", name, "--json").json[0]["status"]
    return found


def test_continue_takes_the_next_step_of_the_same_molecule(bd: Any, make: Make, molecule: Any) -> None:
    root, (first, second, third) = molecule
    make("elsewhere, and more urgent", "-p", "0")
    done = bd("close", first, "--continue", "--json").json
    assert [item["id"] for item in done["closed"]] == [first]
    step = done["continue"]
    assert (step["closed_step"]["id"], step["next_step"]["id"], step["molecule_id"]) == (first, second, root)
    assert (step["auto_advanced"], step["molecule_complete"]) == (True, False)
    assert (step["next_step"]["status"], step["next_step"]["assignee"]) == ("in_progress", "ada")
    shown = bd("close", second, "--continue", "--no-auto", "--json").json["continue"]
    assert (shown["next_step"]["id"], shown["auto_advanced"]) == (third, False)
    assert status(bd, third) == "open"
    last = bd("close", third, "--continue", "--json").json["continue"]
    assert (last["next_step"], last["molecule_complete"]) == (None, True)
    assert bd("show", root, "--json").json[0]["close_reason"] == "all steps complete"


def test_continue_passes_over_what_somebody_else_took(bd: Any, make: Make) -> None:
    root = make("release", "-t", "molecule")
    first, taken, free = (make(title, "--parent", root) for title in ("first", "taken", "free"))
    bd("--actor", "bob", "update", taken, "--claim")
    step = bd("close", first, "--continue", "--json").json["continue"]
    assert (step["next_step"]["id"], step["molecule_complete"]) == (free, False)
    rest = bd("close", free, "--continue", "--json").json["continue"]
    assert (rest["next_step"], rest["molecule_complete"]) == (None, False)


def test_a_bead_without_a_molecule_has_no_next_step(bd: Any, make: Make) -> None:
    assert bd("close", make(), "--continue", "--json").json["continue"] is None
    assert "no step of a molecule" in bd("close", make(), "--continue").out


def test_only_molecules_wisps_and_templates_close_by_themselves(bd: Any, make: Make) -> None:
    epic = make("epic", "-t", "epic")
    template = make("template", "-t", "epic", "-l", "template")
    wisp = make("wisp", "--ephemeral")
    for root in (epic, template, wisp):
        bd("close", make("step", "--parent", root))
    assert [status(bd, root) for root in (epic, template, wisp)] == ["open", "closed", "closed"]


def test_a_molecule_within_a_molecule_completes_both(bd: Any, make: Make) -> None:
    outer = make("outer", "-t", "molecule")
    inner = make("inner", "-t", "molecule", "--parent", outer)
    leaf = make("leaf", "--parent", inner)
    assert f"✓ Closed {outer}: all steps complete" in bd("close", leaf).out
    assert (status(bd, inner), status(bd, outer)) == ("closed", "closed")


def test_what_waits_for_a_molecule_is_set_free_by_its_last_step(bd: Any, make: Make) -> None:
    root = make("release", "-t", "molecule")
    step = make("step", "--parent", root)
    waiting = make("waiting", "--deps", root)
    freed = bd("close", step, "--suggest-next", "--json").json["unblocked"]
    assert [item["id"] for item in freed] == [waiting]


def test_claim_next_takes_the_most_urgent_ready_bead(bd: Any, make: Make) -> None:
    done, other = make("done"), make("other", "-p", "0")
    got = bd("close", done, "--claim-next", "--json").json
    assert (got["closed"][0]["id"], got["claimed"]["id"], got["claimed"]["assignee"]) == (done, other, "ada")
    assert bd("close", other, "--claim-next", "--json").json["claimed"] is None


def test_contradictory_ways_to_go_on_are_refused_and_nothing_is_closed(bd: Any, make: Make) -> None:
    one, two = make("one"), make("two")
    for argv, words in (
        ([one, "--no-auto"], "--no-auto needs --continue"),
        ([one, "--continue", "--claim-next"], "exclude each other"),
        ([one, two, "--continue"], "exactly one id"),
        ([one, two, "--suggest-next"], "exactly one id"),
    ):
        refused = bd("close", *argv)
        assert (refused.code, words in refused.err) == (1, True), refused.err
    assert status(bd, one) == "open"


def test_guards_stand_in_their_order_and_force_passes_them(bd: Any, make: Make) -> None:
    blocker = make("blocker", "-t", "epic")
    epic = make("epic", "-t", "epic", "--deps", blocker)
    child = make("child", "--parent", epic)
    refused = bd("close", epic)
    assert "1 open child issue(s); close children first or use --force to override" in refused.err
    bd("close", child, "--force")
    assert f"blocked by open issues [{blocker}] (use --force to override)" in bd("close", epic).err
    assert bd("close", epic, "--force").code == 0


def test_a_store_can_want_reasons_that_say_something(bd: Any, make: Make) -> None:
    one, two = make("one"), make("two")
    bd("config", "set", "validation.on-close", "warn")
    warned = bd("close", one)
    assert (warned.code, "close reason of" in warned.err) == (0, True)
    bd("config", "set", "validation.on-close", "error")
    assert bd("close", two, "-r", "done").code == 1
    assert bd("close", two, "-r", "The parser takes dots in names now").code == 0


def test_the_session_that_closes_a_bead_is_noted(bd: Any, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, three = make("one"), make("two"), make("three")
    bd("close", one, "--session", "s-1")
    monkeypatch.setenv("CLAUDE_SESSION_ID", "s-2")
    bd("close", two)
    bd("update", three, "-s", "closed", "--session", "s-3")
    said = [bd("show", name, "--json").json[0]["closed_by_session"] for name in (one, two, three)]
    assert said == ["s-1", "s-2", "s-3"]
