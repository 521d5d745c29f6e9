from collections.abc import Callable
from typing import Any

from gastown import assignments, beads
from gastown.beads import BeadStatus
from gastown.cli.context import SessionPass
from gastown.db.unit_of_work import unit_of_work
from tests.support.factories_beads import make_slung

Make = Callable[..., str]


def one(bd: Any, name: str) -> dict[str, Any]:
    item: dict[str, Any] = bd("show", name, "--json").json[0]
    return item


def test_update_changes_fields_and_prints_the_whole_bead(bd: Any, make: Make) -> None:
    name, top = make(), make("top")
    done = bd(
        *("update", name, "-p", "0", "--title", "New", "-a", "bob", "--append-notes", "seen", "--add-label", "x"),
        *("--set-metadata", "n=1.5", "--set-metadata", "s=text", "--parent", top, "-e", "30", "--due", "+1d", "--json"),
    )
    [item] = done.json
    assert (item["title"], item["priority"], item["assignee"], item["notes"]) == ("New", 0, "bob", "seen")
    assert (item["labels"], item["metadata"], item["parent"]) == (["x"], {"n": 1.5, "s": "text"}, top)
    assert bd("update", name, "-s", "in_progress").out.startswith("✓ Updated issue: ")
    cleared = bd("update", name, "--due", "", "--parent", "", "--assignee", "", "--unset-metadata", "n", "--json").json[
        0
    ]
    assert "due_at" not in cleared
    assert "parent" not in cleared
    assert cleared["metadata"] == {"s": "text"}


def test_update_without_anything_to_do_says_so(bd: Any, make: Make) -> None:
    done = bd("update", make())
    assert (done.code, done.out) == (0, "No updates specified\n")


BAD_UPDATES: list[tuple[list[str], str]] = [
    (["--title", "  "], "title cannot be empty"),
    (["--status", "bogus"], "invalid status"),
    (["-p", "9"], "invalid priority"),
    (["-t", "wish"], "invalid issue type"),
    (["--defer", "someday"], "invalid --defer format"),
    (["--notes", "a", "--append-notes", "b"], "exclude each other"),
    (["--claim", "--status", "open"], "exclude each other"),
    (["--set-metadata", "novalue"], "KEY=VALUE"),
    (["--set-metadata", 'a"b=1'], "invalid metadata key"),
    (["--add-label", ""], "label cannot be empty"),
    (["--parent", "app-none"], "no issue found"),
]


def test_update_refuses_and_changes_nothing(bd: Any, make: Make) -> None:
    name = make()
    before = one(bd, name)
    for argv, words in BAD_UPDATES:
        refused = bd("update", name, "-d", "changed", *argv, "--json")
        assert (refused.code, words in refused.err) == (1, True), refused.err
        assert words in refused.json["error"]
        assert one(bd, name) == before


def test_update_of_several_fails_only_when_all_fail(bd: Any, make: Make) -> None:
    name = make()
    some = bd("update", "app-none", name, "-p", "1", "--json")
    assert (some.code, [each["id"] for each in some.json]) == (0, [name])
    assert "no issue found" in some.err
    assert bd("update", "app-none", "-p", "1").code == 1


def test_a_claim_is_refused_to_the_second(bd: Any, make: Make) -> None:
    name = make()
    assert bd("update", name, "--claim", "--json").json[0]["status"] == "in_progress"
    assert bd("update", name, "--claim").code == 0
    late = bd("--actor", "bob", "update", name, "--claim")
    assert (late.code, "already claimed by ada" in late.err) == (1, True)


def test_close_prints_its_phrases_and_shapes(bd: Any, make: Make) -> None:
    blocker = make("blocker")
    waiting = make("waiting", "--deps", blocker)
    refused = bd("close", waiting)
    assert (refused.code, f"blocked by open issues [{blocker}]" in refused.err) == (1, True)
    done = bd("close", blocker, "-r", "fixed", "--suggest-next", "--json").json
    assert ([each["id"] for each in done["closed"]], [each["id"] for each in done["unblocked"]]) == (
        [blocker],
        [waiting],
    )
    closed = bd("close", waiting, "--json").json
    assert (closed[0]["status"], closed[0]["close_reason"]) == ("closed", "Closed")
    assert f"Closed {waiting}" in bd("close", waiting).out


def test_close_of_some_is_a_success_and_of_unknown_ids_is_none(bd: Any, make: Make) -> None:
    blocker = make("blocker")
    waiting = make("waiting", "--deps", blocker)
    other = make("other")
    some = bd("close", waiting, other, "--json")
    assert (some.code, [each["id"] for each in some.json]) == (0, [other])
    unknown = bd("close", "app-none", blocker)
    assert (unknown.code, "no issue found" in unknown.err) == (1, True)
    assert one(bd, blocker)["status"] == "open"


def test_done_takes_its_last_word_as_the_reason(bd: Any, make: Make) -> None:
    name = make()
    bd("done", name, "all good")
    assert one(bd, name)["close_reason"] == "all good"


def test_reopen_tells_when_there_is_nothing_to_do(bd: Any, make: Make) -> None:
    name = make()
    bd("close", name)
    assert "Reopened" in bd("reopen", name).out
    again = bd("reopen", name)
    assert (again.code, "already open" in again.out) == (0, True)


def test_defer_and_undefer(bd: Any, make: Make) -> None:
    name = make()
    assert bd("defer", name, "--until", "+1d", "--json").json[0]["status"] == "deferred"
    assert bd("ready", "--json").json == []
    assert "Undeferred" in bd("undefer", name).out
    assert "not deferred" in bd("undefer", name).out
    assert "Warning" in bd("defer", name, "--until", "-1d").err


def test_delete_shows_first_and_does_it_when_forced(bd: Any, make: Make) -> None:
    name = make()
    waiting = make("waiting", "--deps", name)
    assert bd("delete", name).out.startswith("DELETE PREVIEW")
    assert one(bd, name)["id"] == name
    assert bd("delete", name, "--force", "--json").json["deleted"] == name
    assert "no issue found" in bd("show", name).err
    assert [each["id"] for each in bd("ready", "--json").json] == [waiting]


def test_labels_add_remove_list(bd: Any, make: Make) -> None:
    name = make()
    assert "Added label" in bd("label", "add", name, "ui").out
    assert bd("tag", name, "ui", "--json").json == [{"status": "present", "issue_id": name, "label": "ui"}]
    assert bd("label", "list", name, "--json").json == ["ui"]
    assert bd("label", "list-all", "--json").json == [{"label": "ui", "count": 1}]
    assert bd("label", "remove", name, "ui", "--json").json[0]["status"] == "removed"
    assert "label cannot be empty" in bd("label", "add", name, "").err
    assert "issue ID is required" in bd("label", "add").err


def test_comments_add_and_list(bd: Any, make: Make) -> None:
    name = make()
    assert "Comment added" in bd("comment", name, "two words").out
    assert "Comment added" in bd("comments", "add", name, "--stdin", stdin="piped").out
    found = bd("comments", name, "--json").json
    assert [(each["author"], each["text"]) for each in found] == [("ada", "two words"), ("ada", "piped")]
    assert bd("comment", name, " ").code == 1
    assert bd("comments", "app-none").code == 1


def test_dependencies_add_list_remove(bd: Any, make: Make) -> None:
    a, b = make("a"), make("b")
    added = bd("dep", "add", a, b, "--json").json
    assert added == {"status": "added", "issue_id": a, "depends_on_id": b, "type": "blocks", "schema_version": 1}
    assert "Dependencies (1)" in bd("dep", "list", a).out
    assert bd("dep", "list", b, "--direction", "up", "--json").json[0]["dependency_type"] == "blocks"
    assert bd("dep", "list", a, b, "--json").json[0]["depends_on_id"] == b
    assert [node["depth"] for node in bd("dep", "tree", a, "--json").json] == [0, 1]
    assert "would create a cycle" in bd("dep", "add", b, a).err
    assert "cannot depend on itself" in bd("link", a, a).err
    assert bd("dep", "cycles").out == "No dependency cycles.\n"
    assert "Removed dependency" in bd("dep", "rm", a, b).out
    assert bd("dep", "remove", a, b, "--json").json["status"] == "absent"
    assert "Added dependency" in bd("link", a, b, "--type", "related").out
    assert bd("dep", "tree", "app-none").code == 1


def test_an_agent_is_told_to_use_gt_done(bd: Any, agent_bd: Any, held: SessionPass) -> None:
    refused = agent_bd("close", held.bead_id, "-r", "finished", "--no-code", "--json")
    assert (refused.code, "use gt done" in refused.json["error"]) == (1, True)
    assert one(bd, held.bead_id)["status"] == "in_progress"
    assert "--no-code --reason" in bd("close", held.bead_id).err
    assert bd("close", held.bead_id, "--no-code", "-r", "not needed").code == 0


def test_an_agent_whose_attempt_is_over_changes_nothing(bd: Any, agent_bd: Any, held: SessionPass) -> None:
    with unit_of_work() as session:
        assignments.submit(session, held.assignment_id, held.fence, head_oid="a" * 40, actor="tester")
    refused = agent_bd("create", "late")
    assert (refused.code, "is over" in refused.err) == (1, True)
    assert bd("count").out == "1\n"


def test_an_agent_works_in_its_own_rig_only(bd: Any, agent_bd: Any, held: SessionPass) -> None:
    foreign = bd("create", "x", "--rig", "website", "--silent").out.strip()
    assert agent_bd("show", foreign).code == 0
    for argv in (["update", foreign, "-p", "0"], ["close", foreign], ["comment", foreign, "hi"], ["tag", foreign, "x"]):
        refused = agent_bd(*argv)
        assert (refused.code, "another rig" in refused.err) == (1, True), argv
    assert agent_bd("create", "found", "--silent").out.startswith("app-")
    assert agent_bd("create", "found", "--rig", "website").code == 1
    mine = agent_bd("create", "waits", "--deps", foreign, "--json").json
    assert [each["id"] for each in mine["dependencies"]] == [foreign]
    assert mine["created_by"] == held.agent


def test_an_agent_names_no_files_and_neither_imports_nor_deletes(agent_bd: Any) -> None:
    for argv in (
        ["import", "/etc/passwd"],
        ["delete", "app-x", "--force"],
        ["create", "x", "--body-file", "/etc/passwd"],
        ["create", "x", "--metadata", "@/etc/passwd"],
        ["export", "-o", "/tmp/x"],
    ):
        assert agent_bd(*argv).code == 1, argv
    assert agent_bd("create", "x", "--body-file", "-", "--json", stdin="piped").json["description"] == "piped"
    assert "database_path" in agent_bd("where", "--json").json
    assert agent_bd("where", "--json").json["database_path"] == ""


def test_an_agent_neither_closes_nor_opens_what_is_not_its_own(bd: Any, agent_bd: Any, make: Make) -> None:
    with unit_of_work() as session:
        other = make_slung(session, is_code=False).id
        landed = make_slung(session, BeadStatus.SUBMITTED).id
        beads.close_landed(
            session, landed, actor="refinery", sha="a" * 40, target="main", fence=1, assignment_id=9, rig="app"
        )
    assert "another agent's hook" in agent_bd("close", other).err
    assert "its work has landed" in agent_bd("reopen", landed).err
    assert "its work has landed" in agent_bd("update", landed, "--status", "open").err
    foreign = bd("create", "x", "--rig", "website", "--silent").out.strip()
    assert "another rig" in agent_bd("create", "x", "--deps", f"blocks:{foreign}").err
    assert "no rig here has the prefix" in agent_bd("create", "x", "--id", "web-mine").err
    assert "no rig here has the prefix" in bd("create", "x", "--id", "zzz-mine").err
    assert bd("create", "x", "--id", "web-mine").code == 0


def test_words_that_no_database_takes_are_refused(bd: Any, make: Make) -> None:
    name = make()
    for argv in (["comment", name, "a\x00b"], ["search", "\udcff"], ["show", "\x00"], ["search", "x" * 60_000]):
        refused = bd(*argv)
        assert (refused.code, refused.err.startswith("Error")) == (1, True), argv
