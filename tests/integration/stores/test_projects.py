"""Beads that wait for what another project's store provides."""

import json
from pathlib import Path

import pytest

from .conftest import Runner


@pytest.fixture
def other(bd: Runner, project: Path) -> str:
    """Another project's folder, beside this one."""
    folder = project.parent / "other"
    folder.mkdir()
    assert bd("-C", str(folder), "init", "--prefix", "oth", "--quiet").code == 0
    return str(folder)


def waiting(bd: Runner, path: str) -> str:
    name: str = bd("create", "uses it", "--silent").out.strip()
    assert bd("config", "set", "external_projects", json.dumps({"other": path})).code == 0
    assert bd("dep", "add", name, "external:other:api").code == 0
    return name


def ready(bd: Runner) -> list[str]:
    found = bd("ready", "--json")
    assert found.code == 0, found.err
    return [item["id"] for item in found.json]


@pytest.mark.parametrize("form", ["absolute", "relative", "beads"])
def test_a_capability_blocks_until_the_other_project_ships_it(bd: Runner, store: Path, other: str, form: str) -> None:
    path = {"absolute": other, "relative": "../other", "beads": f"{other}/.beads"}[form]
    name = waiting(bd, path)
    assert ready(bd) == []
    assert bd("blocked", "--json").json[0]["blocked_by"] == ["external:other:api"]
    made = bd("-C", other, "create", "the API", "-l", "export:api", "--silent").out.strip()
    bd("-C", other, "close", made)
    assert ready(bd) == []
    assert bd("-C", other, "ship", "api").code == 0
    assert ready(bd) == [name]
    assert bd("blocked", "--json").json == []
    bd("-C", other, "reopen", made)
    assert ready(bd) == []


def test_what_is_missing_or_broken_blocks_and_breaks_nothing(bd: Runner, store: Path, project: Path) -> None:
    waiting(bd, "../nowhere")
    assert ready(bd) == []
    broken = project.parent / "nowhere" / ".beads"
    broken.mkdir(parents=True)
    (broken / "beads.db").write_bytes(b"no database" * 1000)
    assert ready(bd) == []
    (broken / "beads.db").unlink()
    (broken / "redirect").write_text("\x00")
    assert ready(bd) == []


def test_the_other_store_is_not_written(bd: Runner, store: Path, other: str) -> None:
    waiting(bd, other)
    file = Path(other) / ".beads" / "beads.db"
    before = file.read_bytes()
    ready(bd)
    assert file.read_bytes() == before


def test_readonly_shows_what_was_known(bd: Runner, store: Path, other: str) -> None:
    name = waiting(bd, other)
    made = bd("-C", other, "create", "the API", "-l", "provides:api", "--silent").out.strip()
    bd("-C", other, "close", made)
    assert bd("--readonly", "ready", "--json").json == []
    assert ready(bd) == [name]


@pytest.mark.parametrize(
    "target", ["external:other", "external::api", "external:a:b:c", "external:a:", "external:a:\nb"]
)
def test_targets_with_other_than_three_parts_are_refused(bd: Runner, store: Path, target: str) -> None:
    name = bd("create", "x", "--silent").out.strip()
    refused = bd("dep", "add", name, target)
    assert (refused.code, "external" in refused.err) == (1, True)
