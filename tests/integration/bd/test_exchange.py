import json
import os
from pathlib import Path
from typing import Any

import pytest

LINE = '{"id":"gt-a1b2","title":"t","status":"open","issue_type":"task","priority":2,%s}'
TIMES = '"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00.123456789-08:00"'
GOOD = LINE % TIMES


def test_a_file_comes_back_as_it_was(bd: Any, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text(GOOD + "\n")
    done = bd("import", str(file))
    assert (done.code, done.out.startswith("Imported 1 issue(s)")) == (0, True)
    bead, event = bd("export", "--all").out.splitlines()
    assert (json.loads(bead), json.loads(event)["event_type"]) == (json.loads(GOOD), "bead.imported")
    again = bd("import", str(file), "--json").json
    assert (again["created"], again["updated"], again["unchanged"], again["source"]) == (0, 0, 1, str(file))


def test_refused_lines_are_named_and_the_others_taken(bd: Any) -> None:
    done = bd("import", "-", "--json", stdin=f"<<<<<<< HEAD\n{GOOD}\n=======\n{GOOD}\n>>>>>>> other\n")
    assert done.code == 1
    assert [each["line"] for each in done.json["refused"]] == [1, 3, 4, 5]
    assert "Line 1 refused: a git conflict marker" in done.err
    assert bd("count").out == "1\n"


def test_a_dry_run_imports_nothing(bd: Any) -> None:
    done = bd("import", "--dry-run", "--json", stdin=GOOD)
    assert (done.code, done.json["created"], done.json["dry_run"]) == (0, 1, True)
    assert bd("count").out == "0\n"


def test_an_export_replaces_its_file_at_once(bd: Any, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text(GOOD.replace('"t"', '"old"') + "\n")
    target.chmod(0o640)
    bd("import", stdin=GOOD)
    done = bd("export", "-o", str(target), "--json").json
    assert (done["exported"], json.loads(target.read_text())["id"]) == (1, "gt-a1b2")
    assert target.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path).count("out.jsonl") == 1
    assert [name for name in os.listdir(tmp_path) if name.startswith(".out")] == []


@pytest.mark.parametrize("argv", [["import", "/nowhere/x.jsonl"], ["export", "-o", "/nowhere/x.jsonl"]])
def test_a_path_that_is_none_is_one_line_and_exit_status_one(bd: Any, argv: list[str]) -> None:
    refused = bd(*argv)
    assert refused.code == 1
    assert "/nowhere/x.jsonl" in refused.err
    assert "Traceback" not in refused.err


def test_an_import_of_one_bead_names_it(bd: Any) -> None:
    assert "Imported issue: gt-a1b2" in bd("import", stdin=GOOD).out


def test_the_file_may_be_named_by_an_option_and_only_once(bd: Any, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text(GOOD)
    assert bd("import", "-i", str(file)).code == 0
    assert bd("import", str(file), "-i", str(file)).code == 1


def test_orphans_are_handled_as_the_stores_key_says(bd: Any) -> None:
    orphan = GOOD.replace("gt-a1b2", "gt-a1b2.1")
    bd("config", "set", "import.orphan_handling", "strict")
    refused = bd("import", stdin=orphan)
    assert (refused.code, "--orphan-handling" in refused.err) == (1, True)
    assert bd("import", "--orphan-handling", "allow", stdin=orphan).code == 0


def test_an_export_goes_into_a_pipe_and_through_a_link(bd: Any, tmp_path: Path) -> None:
    bd("import", stdin=GOOD)
    real, link = tmp_path / "real.jsonl", tmp_path / "link.jsonl"
    real.write_text("")
    link.symlink_to(real)
    assert bd("export", "-o", str(link)).code == 0
    assert (link.is_symlink(), json.loads(real.read_text())["id"]) == (True, "gt-a1b2")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert bd("export", "-o", str(pipe)).code == 0
    assert json.loads(os.read(reader, 10_000))["id"] == "gt-a1b2"
    os.close(reader)


def test_a_folder_is_no_file(bd: Any, tmp_path: Path) -> None:
    bd("import", stdin=GOOD)
    for argv in (["import", str(tmp_path)], ["export", "-o", str(tmp_path)]):
        refused = bd(*argv)
        assert (refused.code, "Traceback" in refused.err) == (1, False)


def test_what_an_export_would_lose_is_named_with_the_way_out(bd: Any, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    file.write_text(GOOD)
    bd("create", "one", "--rig", "app")
    refused = bd("export", "-o", str(file), "--json")
    assert (refused.code, "gt-a1b2" in refused.json["error"], "bd import" in refused.json["hint"]) == (1, True, True)
    assert file.read_text() == GOOD
    assert bd("export", "-o", str(file), "--allow-shrink").code == 0
