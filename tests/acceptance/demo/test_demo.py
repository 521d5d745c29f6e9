"""`gt demo` for real, and what it says compared with what git and the machine show."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.source_tree import ROOT

pytestmark = pytest.mark.timeout(300)

_GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
# Of an unlucky and busy machine; the demo's own deadline is shorter.
_PATIENCE_S = 240
# Somebody's own town, which the demo must leave alone.
_FOREIGN = {
    "GASTOWN_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "GASTOWN_REDIS_URL": "redis://127.0.0.1:1",
}


def _git(folder: Path, *words: str) -> str:
    return subprocess.run([*_GIT, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def _gt(*words: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(Path(sys.executable).with_name("gt")), *words],
        cwd=cwd,
        env={**os.environ, **_FOREIGN},
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
    )


def _processes_of(folder: Path) -> list[str]:
    """The command lines of processes that were started for the town in `folder`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            said = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in said and int(entry.name) != os.getpid():
            found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def _check(shown: dict[str, Any], *, beads: int, project: str) -> None:
    """The object that was printed, every key of it."""
    items = shown.pop("items")
    assert shown.pop("beads") == {"total": beads, "landed": beads, "escalated": 0, "lost": 0}
    town = Path(shown.pop("town"))
    assert 0 < shown.pop("duration_s") < _PATIENCE_S
    for key in ("worker_kills", "agent_deaths", "reworks", "conflicts"):
        assert shown.pop(key) >= 1, key
    assert shown == {"double_landed": 0, "red_commits": 0}
    assert {item["rig"] for item in items} == {project, "sample"}
    assert all(set(item) == {"id", "rig", "status", "attempts", "landed_sha"} for item in items)
    assert all(item["status"] == "closed" and item["attempts"] >= 1 for item in items)
    assert sum(item["attempts"] > 1 for item in items) >= 2
    for rig in (project, "sample"):
        landed = {item["id"]: item["landed_sha"] for item in items if item["rig"] == rig}
        _check_main(town / "demo" / f"{rig}.git", landed)


def _check_main(repository: Path, landed: dict[str, str]) -> None:
    """Each landing is one first-parent commit of main that names its beads, and there is no other."""
    form = "--format=%H %(trailers:key=Bead,valueonly,separator=%x2C)"
    lines = _git(repository, "log", "--first-parent", f"-{len(set(landed.values()))}", form, "main").splitlines()
    found = [(bead, oid) for oid, beads in (line.split(" ") for line in lines) for bead in beads.split(",")]
    assert sorted(found) == sorted(landed.items())


def test_every_bead_lands_through_the_faults_when_the_demo_copies_this_checkout(tmp_path: Path) -> None:
    refs = _git(ROOT, "for-each-ref")
    folder = tmp_path / "town"
    done = _gt("demo", "--json", "--dir", str(folder), cwd=ROOT / "gastown")
    assert done.returncode == 0, done.stderr[-4000:]
    shown = json.loads(done.stdout)
    assert shown["town"] == str(folder)
    project = next(item["rig"] for item in shown["items"] if item["rig"] != "sample")
    _check(shown, beads=14, project=project)
    base = _git(ROOT, "rev-parse", "HEAD")
    assert _git(folder / "demo" / f"{project}.git", "merge-base", "main", base)
    assert _git(ROOT, "for-each-ref") == refs
    assert _processes_of(folder) == []
    for word in ("KILLED", "DIED", "ADOPTED", "CONFLICT", "RED", "LANDED"):
        assert word in done.stderr, word


def test_every_bead_lands_when_the_repository_is_odd_and_the_folder_has_spaces(tmp_path: Path) -> None:
    source = tmp_path / "an odd one"
    (source / "a b" / "ünï").mkdir(parents=True)
    _git(source, "init", "-q", "-b", "trunk")
    (source / "main.c").write_text("int main(void) { return 0; }\n")
    (source / "a b" / "two words.txt").write_text("<<<<<<< since ever\n")
    (source / "a b" / "ünï" / "blob.bin").write_bytes(bytes(range(256)))
    (source / "random.py").write_text("raise SystemExit('imported by mistake')\n")
    (source / ".gitignore").write_text("demo_*\n")
    _git(source, "add", "-A")
    _git(source, "commit", "-qm", "odd")
    folder = tmp_path / "my town"
    options = ("--beads", "12", "--agents", "3", "--seed", "5")
    done = _gt("demo", "--json", "--repo", "an odd one", "--dir", "my town", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    _check(json.loads(done.stdout), beads=12, project="an-odd-one")
    assert (_git(source, "status", "--porcelain"), _git(source, "rev-list", "--count", "--all")) == ("", "1")
    assert _processes_of(folder) == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--repo", "missing"), 2),
        (("--repo", "ext::sh -c true"), 2),
        (("--repo", "."), 4),
        (("--dir", "taken"), 5),
        (("--beads", "3"), 2),
    ],
)
def test_demo_is_refused_in_one_line_and_leaves_nothing_when_asked_for_nonsense(
    tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    if "--dir" not in words:
        words = (*words, "--dir", "new")
    done = _gt("demo", *words, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "taken"]
