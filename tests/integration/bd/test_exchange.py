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
