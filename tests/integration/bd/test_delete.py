from collections.abc import Callable
from pathlib import Path
from typing import Any

Make = Callable[..., str]


def status(bd: Any) -> set[str]:
    return {item["id"] for item in bd("list", "--all", "--json").json}


def test_a_preview_changes_nothing_and_says_who_would_be_left(bd: Any, make: Make) -> None:
    blocker = make("blocker")
    waiting = make("waiting", "--deps", blocker)
    shown = bd("delete", blocker)
    assert (shown.code, "DELETE PREVIEW" in shown.out, f"Left without them: {waiting}" in shown.out) == (0, True, True)
    assert bd("delete", blocker, "--force", "--dry-run", "--json").json["preview"] == blocker
    assert status(bd) == {blocker, waiting}


def test_deletion_of_one_takes_its_edges_and_rewrites_what_names_it(bd: Any, make: Make) -> None:
    gone = make("gone", "-l", "backend")
    near = make("near", "--deps", f"related:{gone}", "-d", f"See {gone}, not {gone}x", "--notes", f"({gone})")
    assert bd("delete", gone, "--force", "--json").json == {
        "deleted": gone,
        "dependencies_removed": 1,
        "references_updated": 1,
        "schema_version": 1,
    }
    [shown] = bd("show", near, "--json").json
    assert (shown["description"], shown["notes"]) == (
        f"See [deleted:{gone}], not {gone}x",
        f"([deleted:{gone}])",
    )
    assert "no issue found" in bd("show", gone).err
    assert bd("label", "list-all", "--json").json == []


def test_cascade_takes_all_that_waits_and_all_below(bd: Any, make: Make) -> None:
    top = make("top", "-t", "epic")
    child = make("child", "--parent", top)
    waiting = make("waiting", "--deps", child)
    other = make("other")
    done = bd("delete", top, "--cascade", "--force", "--json").json
    assert (sorted(done["deleted"]), done["deleted_count"]) == (sorted([top, child, waiting]), 3)
    assert (done["dependencies_removed"], done["orphaned_issues"]) == (2, [])
    assert status(bd) == {other}


def test_ids_come_from_a_file_too(bd: Any, make: Make, tmp_path: Path) -> None:
    one, two, three = make("one", "-l", "a,b"), make("two"), make("three")
    file = tmp_path / "ids.txt"
    file.write_text(f"# old ones\n{one}\n\n  {two}\n")
    done = bd("delete", "--from-file", str(file), "--force", "--json").json
    assert (sorted(done["deleted"]), done["labels_removed"]) == (sorted([one, two]), 2)
    assert status(bd) == {three}
    assert bd("delete", "--from-file", "-", stdin="# none\n").code == 1


def test_an_unknown_id_stops_everything(bd: Any, make: Make) -> None:
    one = make("one")
    assert bd("delete", one, "app-none", "--force").code == 1
    assert status(bd) == {one}


SECTIONS = "## Steps to Reproduce\n1\n## Acceptance Criteria\n2\n"


def test_a_text_without_its_sections_is_warned_about_or_refused(bd: Any) -> None:
    refused = bd("create", "x", "-t", "bug", "--validate")
    assert (refused.code, "missing sections for a bug: Steps to Reproduce" in refused.err) == (1, True)
    bd("config", "set", "validation.on-create", "warn")
    warned = bd("create", "x", "-t", "bug")
    assert (warned.code, "missing sections: Steps to Reproduce" in warned.err) == (0, True)
    bd("config", "set", "validation.on-create", "error")
    assert bd("create", "y", "-t", "bug").code == 1
    assert bd("create", "y", "-t", "bug", "-d", SECTIONS).code == 0
    assert bd("count").out == "2\n"
