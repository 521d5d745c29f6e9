"""Commands that are killed at any moment: the store opens, is sound, and holds all of the command or none of it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from gastown.beads import Bead, readiness
from gastown.db.engine import make_engine
from gastown.events import Event
from tests.support.exchange import edge, line
from tests.support.towns import PROGRAMS, environment

MOMENTS = 2
WITHIN_S = 120
BD = (PROGRAMS["bd"], "--actor", "ada")
# Without a resident, so that a kill hits the process that does the work.
ALONE = (sys.executable, "-c", "from gastown.cli.entry import bd; bd()", "--actor", "ada")


@dataclass(frozen=True)
class Place:
    """A folder with a store of its own."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / ".beads" / "issues.jsonl"

    def start(self, program: Sequence[str], *argv: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [*program, *argv],
            cwd=self.folder,
            env=environment(self.folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *argv: str) -> None:
        process = self.start(BD, *argv)
        said, _ = process.communicate(timeout=WITHIN_S)
        assert process.returncode == 0, said.decode()

    def kill(self, after_s: float, *argv: str) -> None:
        """Start a command and kill it in the middle; one that was quicker has ended."""
        process = self.start(ALONE, *argv)
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=WITHIN_S)

    def copy(self, folder: Path) -> "Place":
        shutil.copytree(self.folder, folder)
        return Place(folder)

    @contextmanager
    def session(self) -> Iterator[Session]:
        engine = make_engine(f"sqlite:///{self.folder / '.beads' / 'beads.db'}")
        with Session(engine) as session:
            yield session
            session.rollback()
        engine.dispose()

    def look(self) -> tuple[frozenset[tuple[str, str, str]], int]:
        """What is in the store, and how many events: after it was found to be sound."""
        with self.session() as session:
            assert session.execute(text("PRAGMA integrity_check")).scalar() == "ok"
            assert session.execute(text("PRAGMA foreign_key_check")).all() == []
            rows = session.exec(select(Bead)).all()
            found = frozenset((row.id, row.title, row.status) for row in rows)
            blocked = {row.id: row.is_blocked for row in rows}
            readiness.recompute_all(session)
            session.expire_all()
            assert blocked == {row.id: row.is_blocked for row in session.exec(select(Bead))}
            return found, len(session.exec(select(Event.id)).all())

    def leftovers(self) -> list[Path]:
        found = [*self.file.parent.glob(".*.new"), *self.file.parent.glob("export-state/.*.new")]
        for path in found:
            os.utime(path, (0, 0))  # time passes
        return found


def put(path: Path, first: int, number: int, **said: object) -> None:
    with path.open("w") as file:
        for each in range(first, first + number):
            name = f"gt-{each}"
            edges = [edge(name, f"gt-{each - 1}")] if each % 3 else []
            file.write(json.dumps(line(name, dependencies=edges, **said)) + "\n")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A store with two hundred beads, its exchange file, and files to take in."""
    folder = tmp_path_factory.mktemp("kill") / "origin"
    folder.mkdir()
    place = Place(folder)
    place.run("init", "--prefix", "gt", "--skip-hooks", "--skip-agents")
    put(folder / "first.jsonl", 0, 200)
    put(folder / "many.jsonl", 1000, 2000)
    (folder / "batch.txt").write_text("".join(f"create task 2 bead-{number}\n" for number in range(150)))
    (folder / "plan.md").write_text("".join(f"## Made {number}\n\ntext\n\n" for number in range(150)))
    place.run("import", "first.jsonl")
    place.run("sync")
    return place


def write_behind(place: Place) -> None:
    """Somebody else's work arrives in the exchange file."""
    known = place.file.read_text()
    put(place.folder / "theirs.jsonl", 5000, 1500)
    place.file.write_text(known + (place.folder / "theirs.jsonl").read_text())


CASES: dict[str, tuple[str, ...]] = {
    "import": ("import", "many.jsonl"),
    "batch": ("batch", "-f", "batch.txt"),
    "markdown": ("create", "-f", "plan.md"),
    "close": ("close", *(f"gt-{number}" for number in range(200)), "--force", "-r", "done"),
    "sync": ("sync",),
    "export": ("export", "-o", ".beads/issues.jsonl", "--all", "--allow-shrink"),
}
PREPARE: dict[str, Callable[[Place], None]] = {"sync": write_behind}


@pytest.mark.parametrize("case", CASES)
def test_a_killed_command_did_all_or_nothing(origin: Place, tmp_path: Path, case: str) -> None:
    argv, prepare = CASES[case], PREPARE.get(case, lambda _place: None)
    whole = origin.copy(tmp_path / "whole")
    prepare(whole)
    before, began = whole.look(), time.monotonic()
    alone = whole.start(ALONE, *argv)
    said, _ = alone.communicate(timeout=WITHIN_S)
    assert alone.returncode == 0, said.decode()
    took_s, after = time.monotonic() - began, whole.look()
    written = whole.file.read_bytes()

    for moment in range(MOMENTS):
        place = origin.copy(tmp_path / str(moment))
        prepare(place)
        old = place.file.read_bytes()
        place.kill(took_s * (0.4 + 0.65 * moment / MOMENTS), *argv)
        found = place.look()
        is_done = len(found[0]) == len(after[0]) and found[1] == after[1]
        assert is_done or found == before, f"{case}: half of it at moment {moment}"
        if case in ("sync", "export"):
            now = place.file.read_bytes()
            assert now == old or len(now.splitlines()) == len(written.splitlines())
        if case in ("sync", "import"):
            place.run(*argv)
            assert place.look()[0] == after[0]
        place.leftovers()
        if case in ("sync", "export"):
            place.run("create", "one more")
            place.run("export", "-o", ".beads/issues.jsonl", "--allow-shrink")
            place.run("sync", "--flush-only")
            assert place.leftovers() == []
        shutil.rmtree(place.folder)


def test_writers_that_are_killed_leave_nothing_that_piles_up(origin: Place, tmp_path: Path) -> None:
    place = origin.copy(tmp_path / "place")
    place.run("import", "many.jsonl")
    for moment in range(4):
        place.kill(0.5 + moment * 0.2, "export", "-o", f"out-{moment % 2}.jsonl")
        for path in place.folder.glob(".out-*"):
            os.utime(path, (0, 0))
    for name in ("out-0.jsonl", "out-1.jsonl"):
        place.run("create", "another")
        place.run("export", "-o", name)
    assert list(place.folder.glob(".out-*")) == []
