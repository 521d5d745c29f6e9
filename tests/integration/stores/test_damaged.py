"""Files in the place of a store that are none, and stores of other versions: the right words, and nothing lost."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gastown.db import open_raw

from .conftest import Runner

EVERYDAY = (
    ("list",),
    ("ready", "--json"),
    ("create", "x"),
    ("doctor",),
    ("doctor", "--fix", "-y"),
    ("migrate",),
    ("backup", "sync"),
    ("where",),
    ("init",),
)


# Another process, since two libraries in one do not see each other's locks.
_HOLD = """
import sys
from gastown.db.engine import sqlite_module
held = sqlite_module().connect(sys.argv[1])
held.execute("SELECT count(*) FROM beads").fetchone()
print("open", flush=True)
sys.stdin.read()
"""


def _foreign(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()


def _classic(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        for name in ("issues", "dependencies", "labels", "config"):
            connection.execute(f"CREATE TABLE {name} (id TEXT)")
    connection.close()


def _text(file: Path) -> None:
    file.write_text("this is no database\n" * 100)


def _cut(file: Path) -> None:
    file.write_bytes(file.with_name("whole").read_bytes()[:150_000])


def _scribbled(file: Path) -> None:
    data = bytearray(file.with_name("whole").read_bytes())
    data[100:60_000] = b"\xa5" * 59_900
    file.write_bytes(data)


def _directory(file: Path) -> None:
    file.mkdir()
    (file / "something").write_text("dear")


DAMAGED: dict[str, tuple[Callable[[Path], None], str]] = {
    "of another program": (_foreign, "another program"),
    "of classic beads": (_classic, "another program for beads"),
    "no database": (_text, "cannot be read"),
    "cut short": (_cut, ""),
    "scribbled over": (_scribbled, ""),
    "a folder": (_directory, "no beads database"),
}


@pytest.fixture(params=[*DAMAGED])
def damaged(request: pytest.FixtureRequest, bd: Runner, store: Path) -> tuple[Path, str]:
    """A store with something else in its place, and what must be said."""
    bd("q", "one")
    file = store / "beads.db"
    file.rename(store / "whole")
    damage, words = DAMAGED[request.param]
    damage(file)
    return file, words


def _content(file: Path) -> dict[str, bytes]:
    paths = [file] if file.is_file() else [path for path in file.rglob("*") if path.is_file()]
    return {path.name: path.read_bytes() for path in paths}


@pytest.mark.parametrize("words", EVERYDAY, ids=" ".join)
def test_commands_say_what_it_is_and_leave_it_as_it_is(
    bd: Runner, damaged: tuple[Path, str], words: tuple[str, ...]
) -> None:
    file, wanted = damaged
    before = _content(file)

    done = bd(*words)

    if words[0] == "init":
        assert done.code == 10
    else:
        assert done.code == 1, done.out
        assert wanted in done.err + done.out
    assert "Traceback" not in done.err
    for bad in ("delete", "remove", " rm ", "re-init"):
        assert bad not in (done.err + done.out).lower().replace("bd dep remove", "")
    assert _content(file) == before


def test_a_damaged_store_is_replaced_by_its_copy_and_kept(bd: Runner, damaged: tuple[Path, str], store: Path) -> None:
    file, _ = damaged
    before = _content(file)

    done = bd("backup", "restore", str(store / "whole"), "--json")

    assert done.code == 0, done.err
    kept = Path(done.json["kept"])
    assert [*_content(kept).values()] == [*before.values()]
    assert [bead["title"] for bead in bd("list", "--json").json] == ["one"]
    assert bd("doctor").code == 0


def test_an_empty_file_gets_its_tables_when_that_is_asked_for(bd: Runner, store: Path) -> None:
    (store / "beads.db").write_bytes(b"")

    assert "bd migrate" in bd("list").err
    assert bd("migrate").code == 0
    assert bd("q", "one").out.startswith("my-project-")


def test_an_older_store_is_moved_only_when_asked_and_back_again(bd: Runner, store: Path) -> None:
    bead = bd("q", "one").out.strip()
    assert bd("migrate", "--json").json["changed"] is False

    down = bd("migrate", "--to", "0001", "--json")

    assert (down.code, down.json["after"]) == (0, "0001")
    assert Path(down.json["backup"]).is_file()
    for words in (("list",), ("q", "two")):
        refused = bd(*words)
        assert refused.code == 1
        assert "older version" in refused.err
        assert "bd migrate" in refused.err
    up = bd("migrate", "--json")
    assert (up.json["before"], up.json["changed"]) == ("0001", True)
    assert bead in bd("list").out
    assert bd("doctor").code == 0
    restored = bd("backup", "restore", Path(down.json["backup"]).name)
    assert restored.code == 0, restored.err
    assert bd("q", "three").out.startswith("app-")


@pytest.mark.parametrize("words", [("list",), ("q", "x"), ("doctor",), ("migrate",), ("migrate", "--to", "0001")])
def test_a_newer_store_is_refused(bd: Runner, store: Path, words: tuple[str, ...]) -> None:
    assert bd("sql", "--write", "UPDATE alembic_version SET version_num = '9999'").code == 0
    before = (store / "beads.db").read_bytes()

    done = bd(*words)

    assert done.code == 1
    assert "newer version" in done.err + done.out
    assert (store / "beads.db").read_bytes() == before


def test_a_schema_that_does_not_exist_is_refused(bd: Runner, store: Path) -> None:
    done = bd("migrate", "--to", "0815")

    assert done.code == 1
    assert "0001" in done.err


def test_a_store_that_somebody_has_open_is_not_replaced(bd: Runner, store: Path) -> None:
    bd("q", "one")
    bd("backup", "sync")
    held = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(store / "beads.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert held.stdin is not None
    assert held.stdout is not None
    held.stdout.readline()
    try:
        for words in (("init", "--force"), ("backup", "restore")):
            done = bd(*words)
            assert done.code == 1
            assert "at work" in done.err
    finally:
        held.stdin.close()
        held.wait(timeout=30)
        held.stdout.close()
    assert "one" in bd("list").out


def test_copies_are_made_while_others_write_and_go_where_they_are_told(bd: Runner, store: Path, tmp_path: Path) -> None:
    bd("q", "one")
    # Through our own library: two in one process do not see each other's locks.
    with open_raw(store / "beads.db", read_only=False) as other:
        other.execute("BEGIN IMMEDIATE")
        made = bd("backup", "sync", "--json").json
    assert (made["beads"], Path(made["path"]).parent) == (1, store / "backups")

    assert bd("backup", "init", str(tmp_path / "copies")).code == 0
    assert bd("backup", "sync").code == 0
    assert len(bd("backup", "status", "--json").json["backups"]) == 2
    assert len([*(tmp_path / "copies").glob("*.db")]) == 2
    assert bd("backup", "remove").code == 0
    assert bd("backup", "status", "--json").json["destination"] == str(store / "backups")


def test_a_lost_store_comes_back_from_its_newest_copy(bd: Runner, store: Path) -> None:
    bd("q", "one")
    bd("backup", "sync")
    for path in store.glob("beads.db*"):
        path.unlink()

    assert bd("list").code == 1
    assert bd("backup", "restore").code == 0

    assert "one" in bd("list").out


@pytest.mark.parametrize("name", ["nothing.db", "../../x", ""])
def test_a_copy_that_is_not_there_is_named(bd: Runner, store: Path, name: str) -> None:
    done = bd("backup", "restore", name)

    assert done.code == 1
    assert "copy" in done.err
    assert bd("list").code == 0


def test_what_is_no_copy_of_a_store_is_refused(bd: Runner, store: Path, tmp_path: Path) -> None:
    bd("q", "one")
    _foreign(tmp_path / "songs.db")

    assert bd("backup", "restore", str(tmp_path / "songs.db")).code == 1
    assert "one" in bd("list").out


def test_sql_reads_and_writes_only_when_told(bd: Runner, store: Path) -> None:
    bd("q", "one, two")

    assert bd("sql", "--csv", "SELECT title, priority FROM beads").out == 'title,priority\n"one, two",2\n'
    assert bd("sql", "--json", "-", stdin="SELECT count(*) AS n FROM beads").json == [{"n": 1}]
    for statement in ("DELETE FROM beads", "DROP TABLE beads", "not sql", "SELECT 1; SELECT 2", ""):
        done = bd("sql", statement)
        assert done.code == 1, statement
        assert "Traceback" not in done.err
    assert bd("list", "--json").json
    assert "1 rows changed" in bd("sql", "--write", "UPDATE beads SET priority = 0").out
    assert bd("list", "--json").json[0]["priority"] == 0
