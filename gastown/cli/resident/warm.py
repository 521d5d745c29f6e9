"""What the resident does once, so that no command has to: imports, mappers, statements, the tree of commands."""

import contextlib
import importlib
import io
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from gastown import config
from gastown.cli import database
from gastown.cli.app import invoke
from gastown.cli.context import Context
from gastown.config import FolderStore

# What commands import only when they need it, and then wait for.
_MODULES = ("gastown.tables", "sqlalchemy.dialects.sqlite", "rich.console", "rich.table", "difflib", "getpass", "pwd")
# Run twice in text and JSON: the second run must find everything that the first one made.
_COMMANDS = (
    "create one -p 1 -t bug -l red -d text --json",
    "create two",
    "create three --silent",
    "q four",
    "list --json",
    "list",
    "list --status open --label red",
    "ready --json",
    "ready",
    "ready -n 5",
    "blocked --json",
    "count",
    "status",
    "search one",
    "show {0} --json",
    "show {0}",
    "update {0} -p 2 --json",
    "update {0} --claim",
    "dep add {0} {1}",
    "dep list {0}",
    "comment {0} a remark",
    "comments {0}",
    "label add {0} blue",
    "close {1} -r done --json",
    "close {0}",
    "reopen {0}",
)


# What a fork runs before it waits for a command: the pages that these write to are most of those that any writes to.
_REHEARSAL = ("ready --json", "show {0} --json")


def warm(place: str) -> Path:
    """Import all, run the common commands on a store of no worth at `place`, and forget it."""
    for program in ("bd", "gt"):
        root = getattr(importlib.import_module(f"gastown.cli.{program}"), program)
        for entry in root.lazy.values():
            importlib.import_module(entry[0].partition(":")[0])
    for module in _MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    from sqlalchemy.orm import configure_mappers

    configure_mappers()
    scratch = Path(place)
    shutil.rmtree(scratch, ignore_errors=True)  # of one that was killed
    scratch.mkdir(mode=0o700)
    make_store(_store(scratch).database)
    _run_all(scratch, ["create example --silent", "create example --silent"])
    _run_all(scratch, _COMMANDS * 2)
    return scratch


def rehearse(scratch: Path) -> None:
    """In a child: run a few commands, so that its own copies of their pages are made before one is asked for."""
    _run_all(scratch, _REHEARSAL)


def _store(scratch: Path) -> FolderStore:
    return FolderStore(town=scratch, file=scratch / "beads.db")


def _run_all(scratch: Path, commands: Iterable[str]) -> None:
    from gastown.db import engine

    config.use(_store(scratch))
    try:
        ids = [bead["id"] for bead in json.loads(_say("list --all --json") or "[]")]
        for words in commands:
            _say(words.format(*ids))
        engine.keep_warm()
    finally:
        config.use(None)
        database.forget_checks()


def _say(words: str) -> str:
    context = Context(
        program="bd", out=io.StringIO(), err=io.StringIO(), stdin=io.StringIO(), is_terminal=False, actor_given="nobody"
    )
    invoke(context, words.split())
    return context.text_out()


def make_store(url: str) -> None:
    """A database with every table, made without the migrations, which take seconds."""
    from sqlalchemy import text
    from sqlmodel import SQLModel

    from gastown.db.engine import get_engine
    from gastown.db.revision import REVISION

    with get_engine(url).begin() as connection:
        SQLModel.metadata.create_all(connection)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": REVISION})
