"""What a command imports is most of what it costs: the everyday ones do without what only services need."""

import os
import subprocess
import sys

import pytest

from .conftest import Town

# Which database it is makes no difference here.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

HEAVY = ("alembic", "celery", "git", "kombu", "redis", "rich", "supervisor", "tenacity", "gastown.refinery")
_SHOW = """
import sys
from gastown.cli.entry import {program}
sys.argv = {argv!r}
try:
    {program}()
except SystemExit as end:
    code = end.code
print("\\n".join(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


def modules_of(town: Town, *argv: str) -> set[str]:
    """What a process has imported when it has run a command line."""
    script = _SHOW.format(program=argv[0], argv=list(argv))
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=town.folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "argv",
    [
        ("bd", "ready", "--json"),
        ("bd", "list", "--json"),
        ("bd", "create", "a bead", "--rig", "app", "--json"),
        ("gt", "rig", "list", "--json"),
        ("gt", "feed", "--json"),
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_imported_when_an_everyday_command_runs(town: Town, argv: tuple[str, ...]) -> None:
    loaded = modules_of(town, *argv)
    assert "sqlmodel" in loaded
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.parametrize("argv", [("gt", "--version"), ("gt", "--help"), ("bd", "--help")], ids=" ".join)
def test_no_database_is_imported_when_only_words_are_printed(town: Town, argv: tuple[str, ...]) -> None:
    assert modules_of(town, *argv).isdisjoint({"sqlalchemy", "sqlmodel", *HEAVY})


# `agents` has a key to `rigs`, its sibling; whoever writes it imports both.
@pytest.mark.parametrize("noun", ["assignments", "beads", "convoys", "events", "policy", "refinery", "rigs"])
def test_every_key_finds_its_table_when_one_noun_alone_is_imported(town: Town, noun: str) -> None:
    script = (
        f"import gastown.{noun}; from sqlmodel import SQLModel; "
        "print([key.column.table.name for table in SQLModel.metadata.tables.values() for key in table.foreign_keys])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_clock_loads_no_database(town: Town) -> None:
    """Beat is started with every town, beside workers that are in a hurry."""
    script = "import sys, beat.app, celery.beat; print('\\n'.join(sys.modules))"
    words, env = [sys.executable, "-c", script], {**os.environ, "GASTOWN_TOWN": str(town.folder)}
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env=env, cwd="/")
    assert done.returncode == 0, done.stderr
    assert {"sqlalchemy", "gastown.town"}.isdisjoint(done.stdout.split())
