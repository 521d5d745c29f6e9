"""`bd sync`, and what `export.auto` does."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "issues.jsonl"


def lines(file: Path) -> dict[str, dict[str, Any]]:
    return {said["id"]: said for said in map(json.loads, file.read_text().splitlines())}


def put(file: Path, *said: dict[str, Any]) -> None:
    file.write_text("".join(json.dumps(each) + "\n" for each in said))


def shown(bd: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = bd("show", name, "--json").json[0]
    return found


LATER = "2199-01-01T00:00:00Z"


def test_the_file_is_written_where_there_is_none(bd: Any, make: Callable[..., str], file: Path) -> None:
    name = make("one")
    assert bd("sync", "--status", "--json").json["in_sync"] is False
    assert bd("sync").code == 0
    assert list(lines(file)) == [name]
    assert bd("sync", "--status", "--json").json["in_sync"] is True
    before = os.stat(file)
    assert bd("sync", "--json").json["changed"] is False
    assert os.stat(file) == before


def test_changes_of_both_sides_to_one_bead_are_brought_together(bd: Any, make: Callable[..., str], file: Path) -> None:
    name, other = make("one", "-l", "a,b"), make("two")
    bd("dep", "add", name, other)
    bd("sync")
    said = lines(file)
    theirs = {**said[name], "labels": ["b", "c"], "assignee": "bob", "notes": "theirs", "updated_at": LATER}
    del theirs["dependencies"]
    put(file, theirs, said[other])
    bd("update", name, "--notes", "ours", "--priority", "0")
    assert bd("sync", "--status", "--json").json["conflicts"] == [name]
    done = bd("sync", "--json")
    assert (done.code, done.json["merged"]) == (0, [name])
    found = shown(bd, name)
    assert (found["assignee"], found["priority"], found["labels"]) == ("bob", 0, ["b", "c"])
    assert (found["notes"], found["dependencies"]) == ("theirs\n\nours", [])
    assert bd("ready", "--json").code == 0
    assert name in [each["id"] for each in bd("ready", "--json").json]
    assert bd("sync", "--status", "--json").json["in_sync"] is True
    assert lines(file)[name]["notes"] == "theirs\n\nours"


def test_what_the_file_took_away_stays_away_and_what_the_store_changed_is_written(
    bd: Any, make: Callable[..., str], file: Path
) -> None:
    name = make("one", "-l", "a,b")
    bd("sync")
    before = lines(file)[name]
    put(file, {**before, "labels": ["a"]})
    assert bd("sync").code == 0
    assert shown(bd, name)["labels"] == ["a"]
    bd("close", name, "-r", "done")
    bd("sync")
    assert lines(file)[name]["status"] == "closed"
    events = [
        each["event_type"] for each in map(json.loads, bd("export", "--all").out.splitlines()) if "event_type" in each
    ]
    assert "label.removed" in events


def test_a_sync_that_was_cut_short_is_completed_by_the_next(bd: Any, make: Callable[..., str], file: Path) -> None:
    name = make("one")
    bd("sync")
    put(file, {**lines(file)[name], "notes": "theirs", "updated_at": LATER})
    bd("update", name, "--notes", "ours")
    assert bd("sync", "--import-only").code == 0
    assert lines(file)[name]["notes"] == "theirs"
    assert bd("sync").code == 0
    assert lines(file)[name]["notes"] == shown(bd, name)["notes"] == "theirs\n\nours"


def test_flush_only_does_not_lose_what_the_file_has(bd: Any, make: Callable[..., str], file: Path) -> None:
    name = make("one")
    bd("sync")
    foreign = {**lines(file)[name], "id": "app-zzzz", "title": "theirs"}
    put(file, lines(file)[name], foreign)
    refused = bd("sync", "--flush-only")
    assert (refused.code, "app-zzzz" in refused.err, "bd import" in refused.err) == (1, True, True)
    assert "app-zzzz" in lines(file)
    assert bd("sync").code == 0
    assert shown(bd, "app-zzzz")["title"] == "theirs"


def test_conflict_markers_are_named_and_nothing_is_written_over_them(
    bd: Any, make: Callable[..., str], file: Path
) -> None:
    name = make("one")
    bd("sync")
    whole = f"<<<<<<< HEAD\n{file.read_text()}>>>>>>> other\n"
    file.write_text(whole)
    bd("update", name, "--notes", "n")
    refused = bd("sync")
    assert (refused.code, file.read_text()) == (1, whole)
    assert "line 1, 3" in refused.err


def test_a_dry_run_changes_neither_side(bd: Any, make: Callable[..., str], file: Path) -> None:
    name = make("one")
    bd("sync")
    put(file, {**lines(file)[name], "title": "theirs", "updated_at": LATER})
    before = file.read_text()
    assert bd("sync", "--dry-run", "--json").json["imported"]["updated"] == 1
    assert (file.read_text(), shown(bd, name)["title"]) == (before, "one")


def test_contradictory_steps_are_refused(bd: Any) -> None:
    assert bd("sync", "--import-only", "--flush-only").code == 1


def test_a_change_writes_the_file_when_asked_for_and_only_once_in_a_while(
    bd: Any, make: Callable[..., str], file: Path
) -> None:
    make("before")
    assert not file.exists()
    bd("config", "set", "export.auto", "true")
    first = len(lines(file))
    make("one")
    assert (first, len(lines(file))) == (1, 1)
    bd("config", "set", "export.interval", "0s")
    make("two")
    assert len(lines(file)) == 3


def test_an_automatic_export_that_would_lose_beads_only_warns(bd: Any, file: Path) -> None:
    put(file, {"id": "app-only", "title": "t", "created_at": LATER})
    bd("config", "set", "export.auto", "true")
    done = bd("create", "one", "--rig", "app", "--json")
    assert (done.code, "Warning: export.auto" in done.err, done.json["title"]) == (0, True, "one")
    assert list(lines(file)) == ["app-only"]
