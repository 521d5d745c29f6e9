"""`bd init`: a store of a folder's own, which never takes anything's place."""

import json
import subprocess
from pathlib import Path

import pytest

from gastown.stores import layout

from .conftest import Runner

LINE = '{"id":"web-a1b2","title":"Came with git","status":"open","priority":1,"issue_type":"task",' + (
    '"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}'
)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def bring(project: Path, text: str) -> Path:
    (project / ".beads").mkdir()
    file = project / ".beads" / "issues.jsonl"
    file.write_text(text)
    return file


def test_a_store_is_made_with_what_people_expect_in_it(bd: Runner, project: Path) -> None:
    done = bd("init")

    assert done.code == 0, done.err
    assert "initialized successfully" in done.out
    assert names(project / ".beads") == {"beads.db", "metadata.json", "README.md", ".gitignore"}
    about = json.loads((project / ".beads" / "metadata.json").read_text())
    assert (about["database"], about["backend"]) == ("beads.db", "sqlite")
    ignored = (project / ".beads" / ".gitignore").read_text().splitlines()
    assert {"*.db", "*.db-wal", "*.db-shm", "*.db-journal", "daemon.log", "bd.sock", "!*.jsonl"} <= {*ignored}


def test_ids_begin_with_the_folders_name(bd: Runner) -> None:
    bd("init")

    assert bd("q", "one").out.startswith("my-project-")


@pytest.mark.parametrize(("given", "begins"), [("web", "web-"), ("web-", "web-"), ("my_app-x", "my_app-x-")])
def test_ids_begin_with_the_prefix_that_was_asked_for(bd: Runner, given: str, begins: str) -> None:
    assert bd("init", "--prefix", given).code == 0

    assert bd("q", "one").out.startswith(begins)


@pytest.mark.parametrize("given", ["1a", "-x", "a b", "a--b", "x" * 41, "ü", "a.b", "../x"])
def test_what_cannot_begin_an_id_is_refused(bd: Runner, project: Path, given: str) -> None:
    done = bd("init", f"--prefix={given}")

    assert done.code == 1
    assert "prefix" in done.err
    assert names(project) == set()


def test_a_second_init_refuses_and_changes_nothing(bd: Runner, store: Path) -> None:
    bd("q", "precious")
    before = (store / "beads.db").read_bytes()

    done = bd("init", "--json")

    assert done.code == 10
    assert "there is a store already" in done.json["error"]
    assert (store / "beads.db").read_bytes() == before


def test_forced_init_keeps_the_earlier_store(bd: Runner, store: Path) -> None:
    bd("q", "precious")

    done = bd("init", "--force", "--json")

    assert done.code == 0, done.err
    kept = Path(done.json["kept"])
    assert kept.parent == store / "backups"
    assert bd("list", "--json").json == []
    restored = bd("backup", "restore", kept.name)
    assert restored.code == 0, restored.err
    assert [bead["title"] for bead in bd("list", "--json").json] == ["precious"]


def test_forced_init_keeps_a_file_that_is_no_database(bd: Runner, project: Path) -> None:
    (project / ".beads").mkdir()
    (project / ".beads" / "beads.db").write_bytes(b"not a database, and dear to somebody")
    (project / ".beads" / "beads.db-wal").write_bytes(b"its log")

    done = bd("init", "--reinit-local", "--json")

    assert done.code == 0, done.err
    kept = Path(done.json["kept"])
    assert kept.read_bytes() == b"not a database, and dear to somebody"
    assert Path(f"{kept}-wal").read_bytes() == b"its log"
    assert bd("doctor").code == 0


def test_the_exchange_file_is_taken_in_with_its_prefix(bd: Runner, project: Path) -> None:
    file = bring(project, LINE + "\n")

    done = bd("init")

    assert done.code == 0, done.err
    assert "1 beads" in done.out
    assert file.read_text() == LINE + "\n"
    assert bd("show", "web-a1b2").code == 0
    assert bd("q", "next").out.startswith("web-")


def test_the_prefix_of_a_config_file_comes_first(bd: Runner, project: Path) -> None:
    bring(project, LINE + "\n")
    (project / ".beads" / "config.yaml").write_text('# ours\nissue-prefix: "core"  # of ids\n')

    bd("init")

    assert bd("q", "next").out.startswith("core-")


def test_no_store_is_made_of_a_file_that_cannot_all_be_taken_in(bd: Runner, project: Path) -> None:
    file = bring(project, f"{LINE}\n<<<<<<< HEAD\nnot json\n")

    done = bd("init")

    assert done.code == 1
    assert "line 2" in done.err
    assert names(project / ".beads") == {"issues.jsonl"}
    assert "not json" in file.read_text()


def test_the_rest_of_a_bad_file_is_taken_in_when_that_is_asked_for(bd: Runner, project: Path) -> None:
    file = bring(project, f"{LINE}\nnot json\n")

    done = bd("init", "--from-jsonl")

    assert done.code == 1
    assert "Line 2 refused" in done.err
    assert bd("show", "web-a1b2").code == 0
    assert file.with_name("issues.jsonl.as-found").read_text() == file.read_text()


def test_a_dolt_store_is_not_passed_over(bd: Runner, project: Path) -> None:
    (project / ".beads" / "embeddeddolt").mkdir(parents=True)

    done = bd("init")

    assert done.code == 10
    assert "Dolt" in done.err
    assert names(project / ".beads") == {"embeddeddolt"}


def test_a_town_gets_no_second_store(bd: Runner, project: Path) -> None:
    (project / "town.toml").touch()

    done = bd("init")

    assert done.code == 10
    assert "town" in done.err
    assert names(project) == {"town.toml"}


def test_what_an_init_that_was_cut_short_left_is_no_store(bd: Runner, project: Path) -> None:
    (project / ".beads").mkdir()
    (project / ".beads" / layout.NEW_DATABASE).write_bytes(b"half a store")

    assert bd("init").code == 0
    assert bd("doctor").code == 0
    assert layout.NEW_DATABASE not in names(project / ".beads")


def test_only_one_makes_the_store(bd: Runner, project: Path) -> None:
    (project / ".beads").mkdir()

    with layout.alone(project / ".beads"):
        assert bd("init").code == 10

    assert bd("init").code == 0


def test_files_that_are_there_stay_as_they_are(bd: Runner, project: Path) -> None:
    (project / ".beads").mkdir()
    (project / ".beads" / "README.md").write_text("ours\n")
    (project / "AGENTS.md").write_text("# House rules\n")

    bd("init")

    assert (project / ".beads" / "README.md").read_text() == "ours\n"
    text = (project / "AGENTS.md").read_text()
    assert text.startswith("# House rules\n")
    assert text.count("BEGIN BEADS INTEGRATION") == 1


@pytest.mark.parametrize("flag", ["--skip-agents", "--stealth"])
def test_agents_md_is_left_alone_when_that_is_asked_for(bd: Runner, project: Path, flag: str) -> None:
    assert bd("init", flag).code == 0

    assert names(project) == {".beads"}


def test_a_stealthy_store_is_overlooked_by_git(bd: Runner, project: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "."], cwd=project, check=True)

    bd("init", "--stealth")

    seen = subprocess.run(["git", "status", "--porcelain"], cwd=project, check=True, capture_output=True, text=True)
    assert seen.stdout == ""
    assert not (project / ".git" / "hooks" / "pre-commit").exists()


def test_git_overlooks_the_database_and_shares_the_rest(bd: Runner, project: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "."], cwd=project, check=True)
    bd("init")
    bd("q", "one")
    bd("export", "-o", ".beads/issues.jsonl")

    seen = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], cwd=project, check=True, capture_output=True, text=True
    )

    shown = {line[3:] for line in seen.stdout.splitlines()}
    assert {".beads/issues.jsonl", ".beads/metadata.json", "AGENTS.md"} <= shown
    assert not [name for name in shown if ".db" in name or "touched" in name]


def test_hooks_are_installed_unless_they_are_to_be_skipped(bd: Runner, project: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "."], cwd=project, check=True)
    hook = project / ".git" / "hooks" / "pre-commit"

    bd("init", "--skip-hooks")
    assert not hook.exists()

    bd("init", "--force")
    assert "bd hooks run" in hook.read_text()


def test_a_file_in_the_place_of_the_folder_is_named(bd: Runner, project: Path) -> None:
    (project / ".beads").write_text("a file")

    done = bd("init")

    assert done.code == 1
    assert "is not a folder" in done.err
    assert (project / ".beads").read_text() == "a file"


@pytest.mark.parametrize("name", ["a?b", "a#b", "50%20off", "a;b&c", "ünï", "a'b\"c"])
def test_a_store_may_lie_in_a_folder_of_any_name(
    bd: Runner, project: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = project / name
    folder.mkdir()
    monkeypatch.chdir(folder)

    assert bd("init").code == 0
    assert bd("q", "one").code == 0
    assert bd("backup", "sync").code == 0
    assert bd("doctor").code == 0
    assert (folder / ".beads" / "beads.db").is_file()
    assert names(project) == {name}


def test_nothing_is_made_when_nothing_may_be_written(bd: Runner, project: Path) -> None:
    assert bd("init", "--readonly").code == 1

    assert names(project) == set()
