"""`bd import` and `bd export --all` of real beads and of a hostile file, where such files lie beside the project."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gastown import config
from gastown.cli.app import invoke
from gastown.cli.context import Context

DATA = Path(__file__).parents[4] / "shared" / "data"
REAL, HOSTILE = DATA / "gastown-issues.jsonl", DATA / "hostile-issues.jsonl"
TIMES = ("created_at", "updated_at", "closed_at", "deleted_at", "due_at", "defer_until", "started_at")


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def town(database_url: str, tmp_path: Path) -> Iterator[None]:
    for file in (REAL, HOSTILE):
        if not file.exists():
            pytest.skip(f"there is no {file}")
    config.use(config.Settings(town=tmp_path, database_url=database_url))
    yield
    config.use(None)


def bd(*argv: str) -> Said:
    out, err = io.StringIO(), io.StringIO()
    context = Context("bd", out=out, err=err, stdin=io.StringIO(), is_terminal=False, actor_given="pat")
    code = invoke(context, list(argv))
    return Said(code, out.getvalue(), err.getvalue())


def beads_of(text: str) -> dict[str, dict[str, Any]]:
    """The beads' lines by id, with times as instants."""
    lines = [json.loads(line) for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if "_type" not in line]
    for line in lines:
        for place in (line, *(line.get("dependencies") or []), *(line.get("comments") or [])):
            for name in TIMES:
                if place.get(name):
                    place[name] = datetime.fromisoformat(place[name]).astimezone(UTC)
    return {line["id"]: line for line in lines}


def test_every_real_line_comes_back_and_a_second_import_changes_nothing(tmp_path: Path) -> None:
    before = beads_of(REAL.read_text("utf-8"))
    first = json.loads(bd("import", str(REAL), "--json").out)
    assert (first["created"], first["refused"]) == (len(before), [])

    assert bd("export", "--all", "-o", str(tmp_path / "out.jsonl")).code == 0
    exported = (tmp_path / "out.jsonl").read_text("utf-8")
    after = beads_of(exported)
    assert list(after) == sorted(before)
    wrong = {
        (bead, name)
        for bead, line in before.items()
        for name, value in line.items()
        if value and _plain(after[bead].get(name)) != _plain(value)
    }
    assert not wrong
    edges = [len(line.get("dependencies") or []) for line in after.values()]
    assert sum(edges) == sum(len(line.get("dependencies") or []) for line in before.values())

    again = json.loads(bd("import", str(REAL), "--json").out)
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, len(before))
    assert bd("export", "--all").out == exported


def _plain(value: Any) -> Any:
    """Lists of things without an order of their own are compared without one."""
    return sorted(map(repr, value)) if isinstance(value, list) else value


def test_hostile_file_is_taken_as_far_as_it_holds_beads_and_never_twice() -> None:
    first = bd("import", str(HOSTILE))
    assert first.code == 1, "some of its lines are no beads"
    assert len(first.err.splitlines()) < 40
    counts = json.loads(bd("import", str(HOSTILE), "--json").out)
    assert (counts["created"], counts["updated"]) == (0, 0)
    assert len(counts["refused"]) + counts["unchanged"] == len(
        [line for line in HOSTILE.read_bytes().splitlines() if line.strip()]
    )
    exported = bd("export", "--all")
    assert exported.code == 0
    assert len(beads_of(exported.out)) == counts["unchanged"]
    for command in ("list --all", "ready", "blocked", "count", "status", "search e", "list --all --json"):
        assert bd(*command.split()).code == 0, command
