import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from gastown import beads, clock
from gastown.db.unit_of_work import unit_of_work
from tests.integration.bd.conftest import Runner
from tests.support.fake_clock import FakeClock

Make = Callable[..., str]


def test_history_says_who_changed_what_newest_first(bd: Runner, make: Make) -> None:
    bead = make("first", "-p", "1")
    bd("update", bead, "--title", "second", "--add-label", "red")
    bd("--actor", "bob", "close", bead, "-r", "done well")
    found = bd("history", bead, "--json").json
    assert [entry["event_type"] for entry in found] == ["closed", "label_added", "updated", "created"]
    closed, labelled, updated, created = found
    assert (closed["old_value"]["status"], closed["new_value"]["status"]) == ("open", "closed")
    assert (updated["old_value"], updated["new_value"]) == ({"title": "first"}, {"title": "second"})
    assert labelled["new_value"] == {"label red": True}
    assert created["old_value"] == {}
    assert (created["new_value"]["title"], created["issue_id"], created["actor"]) == ("first", bead, "ada")


def test_history_in_words_and_limited(bd: Runner, make: Make) -> None:
    bead = make("first")
    bd("comment", bead, "two\nlines")
    shown = bd("history", bead, "--limit", "1").out
    assert "commented  by ada" in shown
    assert "two lines" in shown
    assert "created" not in shown


def test_history_of_a_deleted_bead_is_still_told(bd: Runner, make: Make) -> None:
    bead = make("doomed")
    bd("delete", bead, "--force", "--reason", "no use")
    found = bd("history", bead, "--json").json
    assert found[0]["event_type"] == "deleted"
    assert found[0]["comment"] == "no use"


def test_history_of_nothing_fails(bd: Runner) -> None:
    answer = bd("history", "app-nope", "--json")
    assert answer.code == 1
    assert "no issue found" in json.loads(answer.out)["error"]


def test_an_agent_reads_history_and_restores_nothing(agent_bd: Runner, bd: Runner, make: Make) -> None:
    bead = make("seen")
    assert agent_bd("history", bead, "--json").code == 0
    assert agent_bd("show", bead, "--as-of=-1h").code == 1  # not there yet
    assert agent_bd("restore", bead).code == 1
    assert "not for agents" in agent_bd("restore", bead).err


@pytest.fixture
def aged(bd: Runner, make: Make, fake_clock: FakeClock) -> tuple[str, str, str, str]:
    """A parent with a child that waits for another, all changed a day later; and the moment between."""
    parent = make("the epic", "-t", "epic")
    blocker = make("before")
    child = make("the child", "--parent", parent, "--deps", blocker, "-l", "red")
    bd("comment", child, "early")
    fake_clock.pass_(days=1)
    moment = clock.now().isoformat()
    fake_clock.pass_(days=1)
    bd("close", blocker)
    bd("update", child, "--title", "renamed", "--remove-label", "red")
    bd("dep", "remove", child, blocker)
    bd("comment", child, "late")
    bd("delete", parent, "--force")
    make("too young")
    return parent, blocker, child, moment


def test_show_as_of_has_the_neighbours_of_then(bd: Runner, aged: tuple[str, str, str, str]) -> None:
    parent, blocker, child, moment = aged
    (shown,) = bd("show", child, "--as-of", moment, "--json").json
    assert (shown["title"], shown["labels"], shown["parent"]) == ("the child", ["red"], parent)
    assert {(item["id"], item["status"], item["dependency_type"]) for item in shown["dependencies"]} == {
        (blocker, "open", "blocks"),
        (parent, "open", "parent-child"),
    }
    assert [comment["text"] for comment in shown["comments"]] == ["early"]
    (epic,) = bd("show", parent, "--as-of", moment, "--json").json  # deleted since
    assert [item["id"] for item in epic["dependents"]] == [child]
    assert epic["epic_total_children"] == 1
    (before,) = bd("show", blocker, "--as-of", moment, "--json").json
    assert [item["id"] for item in before["dependents"]] == [child]


def test_list_as_of_answers_every_question_about_the_store_of_then(bd: Runner, aged: tuple[str, str, str, str]) -> None:
    parent, blocker, child, moment = aged
    then = bd("list", "--as-of", moment, "--json").json
    assert {item["id"] for item in then} == {parent, blocker, child}
    assert [item["id"] for item in bd("list", "--as-of", moment, "--label", "red", "--json").json] == [child]
    assert [item["id"] for item in bd("list", "--as-of", moment, "--parent", parent, "--json").json] == [child]
    assert {item["id"] for item in bd("list", "--ready", "--as-of", moment, "--json").json} == {blocker}


def test_as_of_tomorrow_is_refused(bd: Runner, make: Make) -> None:
    answer = bd("show", make(), "--as-of", "+1d")
    assert answer.code == 1
    assert "still to come" in answer.err


def test_a_bead_that_was_not_there_is_not_found(bd: Runner, make: Make) -> None:
    answer = bd("show", make(), "--as-of=-2d", "--json")
    assert answer.code == 1
    assert answer.json["error"] == "no issues found matching the provided IDs"


def test_restore_shows_and_puts_back_the_text_from_before_two_compactions(
    bd: Runner, make: Make, fake_clock: FakeClock
) -> None:
    bead = make("old", "-d", "a long description" * 9, "--notes", "n" * 99)
    bd("close", bead)
    fake_clock.pass_(days=100)
    for tier, summary in ((1, "a summary that is short"), (2, "short")):
        with unit_of_work() as session:
            beads.compact(session, bead, summary, tier=tier, actor="ada")
    shown = bd("restore", bead, "--json").json
    assert (shown["description"], shown["notes"], shown["restored"]) == ("a long description" * 9, "n" * 99, False)
    assert bd("show", bead, "--json").json[0]["description"] == "short"
    assert bd("restore", bead, "--apply").code == 0
    (found,) = bd("show", bead, "--json").json
    assert (found["description"], found["notes"]) == ("a long description" * 9, "n" * 99)
    assert "compaction_level" not in found
    assert "compacted_at" not in found
    assert bd("restore", bead).code == 1  # nothing is compacted any more


def test_restore_of_what_was_never_compacted_fails(bd: Runner, make: Make) -> None:
    answer = bd("restore", make())
    assert answer.code == 1
    assert "no text from before" in answer.err


def test_moments_are_inclusive(bd: Runner, make: Make, fake_clock: FakeClock) -> None:
    bead = make("one")
    fake_clock.pass_(seconds=10)
    bd("update", bead, "--title", "two")
    moment = clock.now()
    fake_clock.pass_(seconds=10)
    assert bd("show", bead, "--as-of", moment.isoformat(), "--json").json[0]["title"] == "two"
    before = (moment - timedelta(microseconds=1)).isoformat()
    assert bd("show", bead, "--as-of", before, "--json").json[0]["title"] == "one"
