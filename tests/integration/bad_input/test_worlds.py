"""Towns, databases, disks and repositories that are not as they should be: one line that says what to do."""

import os
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import text

from gastown import config, rigs
from gastown.cli import database
from gastown.db import get_engine

from .conftest import Said, Town

EVERYDAY = [
    "bd create title --rig app",
    "bd list",
    "bd ready --json",
    "bd show {bead}",
    "bd export",
    "gt rig list",
    "gt rig park app",
    "gt sling {bead} app",
    "gt status",
    "gt feed",
    "gt log {bead}",
    "gt config set cap.reworks 7",
    "gt convoy list",
    "gt mq list",
    "gt up",
]
ONLY_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def everyday(town: Town) -> list[tuple[str, Said]]:
    """What the everyday commands say, each as a process of its own would."""
    said = []
    for command in EVERYDAY:
        config.use(None)
        database._checked.clear()
        program, *argv = command.replace("{bead}", town.bead).split()
        said.append((command, town.run(program, *argv)))
    config.use(town.settings)
    return said


def assert_refused(said: Said, command: str, code: int, words: str) -> None:
    """One line that holds `words`, at most one with a hint, and the exit status (1 of every `bd`)."""
    assert said.code == (1 if command.startswith("bd") else code), f"{command}: {said.err}"
    lines = said.err.splitlines()
    assert lines[0].startswith("Error: "), command
    assert words in said.err, command
    assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("Hint: ")), f"{command}: {said.err}"


@pytest.fixture
def inside(town: Town, monkeypatch: pytest.MonkeyPatch) -> Town:
    """The town, whose folder is the working folder, with its settings read anew."""
    monkeypatch.chdir(town.folder)
    config.use(None)
    return town


def test_every_command_refuses_a_database_of_a_newer_version(inside: Town) -> None:
    with get_engine(inside.settings.database).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = inside.contents()
    for command, said in everyday(inside):
        assert_refused(said, command, 3, "newer version")
        assert "Install" in said.err
    assert inside.contents() == before


def test_every_command_says_so_when_the_database_is_empty(inside: Town) -> None:
    with get_engine(inside.settings.database).begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    for command, said in everyday(inside):
        assert_refused(said, command, 6, "gt db upgrade")


@ONLY_SQLITE
def test_no_empty_database_is_made_when_the_file_is_gone(inside: Town) -> None:
    path = Path(inside.settings.database.removeprefix("sqlite:///"))
    path.rename(path.with_name("kept.db"))
    for command, said in everyday(inside):
        assert_refused(said, command, 6, str(path))
    assert not path.exists()


@ONLY_SQLITE
@pytest.mark.parametrize("content", [b"this is no database\n" * 1000, b"\0" * 8192], ids=["text", "zeros"])
def test_every_command_says_so_when_the_file_is_no_database(inside: Town, content: bytes) -> None:
    path = Path(inside.settings.database.removeprefix("sqlite:///"))
    config.use(None)
    for beside in path.parent.glob(f"{path.name}-*"):
        beside.unlink()
    path.write_bytes(content)
    for command, said in everyday(inside):
        assert_refused(said, command, 6, "database")
    assert path.read_bytes()[:4] == content[:4]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_every_command_says_so_when_the_role_may_not_use_the_tables(inside: Town) -> None:
    engine = get_engine(inside.settings.database)
    role = f"reader_{os.getpid()}"
    with engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN"))
    try:
        (inside.folder / config.TOWN_FILE).write_text(
            f"database_url = '{engine.url.set(username=role).render_as_string(hide_password=False)}'\n"
        )
        for command, said in everyday(inside):
            assert_refused(said, command, 6, "permission denied")
    finally:
        with get_engine(inside.settings.database).begin() as connection:
            connection.execute(text(f"DROP ROLE {role}"))


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("slot = 3\n", 2, "slots"),
        ("slots = 'many'\n", 2, "slots"),
        ("slots = 0\n", 2, "1 to 1000"),
        ("slots =\n", 2, "TOML"),
        ("database_url = 'postgresql+psycopg://nobody@127.0.0.1:1/none'\n", 6, "database"),
        ("database_url = 'mysql://pat:secret@127.0.0.1/none'\n", 2, "postgresql://"),
        ("database_url = 'nonsense secret'\n", 2, "postgresql://"),
    ],
)
@ONLY_SQLITE
def test_every_command_names_the_fault_when_the_settings_are_wrong(
    inside: Town, content: str, code: int, words: str
) -> None:
    (inside.folder / config.TOWN_FILE).write_text(content)
    for command, said in everyday(inside):
        assert_refused(said, command, code, words)
        assert "secret" not in said.err


@ONLY_SQLITE
def test_every_command_says_so_when_the_working_folder_is_gone(inside: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = inside.folder.parent / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for command, said in everyday(inside):
        assert_refused(said, command, 4, "working folder is gone")


@ONLY_SQLITE
def test_every_command_says_how_to_make_a_town_when_there_is_none(inside: Town, tmp_path: Path) -> None:
    (inside.folder / config.TOWN_FILE).unlink()
    for command, said in everyday(inside):
        assert_refused(said, command, 4, "gt install")


@ONLY_SQLITE
@pytest.mark.parametrize(
    ("source", "more", "code", "words"),
    [
        ("{tmp}/nothing", "", 4, "nothing at"),
        ("{tmp}/empty-folder", "", 4, "git init"),
        ("{tmp}/no-commit.git", "", 4, "first commit"),
        ("{tmp}/remote.git", "--branch none", 4, "--branch main"),
        ("{tmp}/clone/inside", "", 4, "inside a repository"),
        ("{remote}", "--gate t=no-such-program", 4, "no-such-program"),
        ("{remote}", "--gate t=./no-such-file", 4, "no-such-file"),
        ("{remote}", "--setup no-such-program", 4, "no-such-program"),
        ("{remote}", "--agent nobody", 4, "claude"),
        ("{remote}", "--prefix app", 5, "--prefix"),
        ("ext::true", "", 2, "ext::"),
        ("fd::7", "", 2, "fd::"),
        ("ssh://-oProxyCommand=touch/x", "", 2, "host"),
        ("ftp://example.com/x", "", 2, "https"),
        ("file:///{tmp}/nothing", "", 4, "no git repository"),
    ],
)
def test_nothing_is_made_when_a_repository_cannot_be_a_rig(
    town: Town, remote: Path, tmp_path: Path, source: str, more: str, code: int, words: str
) -> None:
    (tmp_path / "empty-folder").mkdir()
    (tmp_path / "clone" / "inside").mkdir()
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "no-commit.git")], check=True)
    before = town.contents()
    named = source.replace("{tmp}", str(tmp_path)).replace("{remote}", str(remote))
    gates = () if "--gate" in more else ("--no-gates",)
    said = town.run("gt", "rig", "add", "new", *gates, *more.split(), "--", named)
    assert_refused(said, "gt", code, words)
    after = town.contents()
    assert after[0] == before[0]
    assert [path for path in after[1] if path not in before[1]] in ([], ["rigs"], ["rigs", "rigs/.new.flock"])


@ONLY_SQLITE
def test_work_is_slung_with_a_warning_when_redis_is_stopped(town: Town) -> None:
    said = town.ok("gt", "sling", town.bead, "app", "--agent", "command")
    assert "Redis is away" in said.err
    assert town.ok("bd", "show", town.bead, "--json").json[0]["status"] == "hooked"


def test_rig_that_was_added_stays_as_it_was_when_a_second_add_fails(town: Town, remote: Path) -> None:
    town.ok("gt", "rig", "add", "first", str(remote), "--no-gates")
    before = town.contents()
    said = town.run("gt", "rig", "add", "first", str(remote), "--no-gates")
    assert_refused(said, "gt", 5, "another name")
    assert town.contents() == before
    assert (rigs.land_git(town.folder, "first") / "HEAD").exists()
