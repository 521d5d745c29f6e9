"""The demo's agent as a process: real git, and scripts that answer for `gt` and `bd` and note what they were asked."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gastown.town.demo import agent as program

_GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
_STUB = """#!{python} -IS
import json, sys
from pathlib import Path
here = Path({here!r})
words = [Path(sys.argv[0]).name, *sys.argv[1:]]
with (here / "asked").open("a") as file:
    file.write(json.dumps(words) + chr(10))
answer = here / ("-".join(words[:2]) + ".json")
if answer.exists():
    print(answer.read_text())
"""


class Desk:
    """A worktree on a branch of its own, and what `gt` and `bd` answer."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tree = folder, folder / "tree"
        (folder / "bin").mkdir()
        for name in ("gt", "bd"):
            path = folder / "bin" / name
            path.write_text(_STUB.format(python=sys.executable, here=str(folder)))
            path.chmod(0o755)
        origin = folder / "origin"
        origin.mkdir()
        self.git("init", "-q", "-b", "main", where=origin)
        (origin / "units.txt").write_text("[\npiece\n]\n")
        self.commit("first", where=origin)
        self.git("clone", "-q", str(origin), str(self.tree), where=folder)
        self.git("switch", "-qc", "mine")

    def git(self, *words: str, where: Path | None = None) -> str:
        done = subprocess.run([*_GIT, *words], cwd=where or self.tree, check=True, capture_output=True, text=True)
        return done.stdout

    def commit(self, message: str, where: Path | None = None) -> None:
        self.git("add", "-A", where=where)
        self.git("commit", "-qm", message, where=where)

    def give(self, job: dict[str, Any], **hook: Any) -> None:
        """Hang a bead with this job on the hook."""
        base = {"bead_id": "a-1", "title": "Do it", "attempt": 1, "reason": "sling", "target": "main", "gates": []}
        (self.folder / "gt-prime.json").write_text(json.dumps({**base, "rework": {}, **hook}))
        description = f"Words.\n\n```gastown-demo\n{json.dumps({'seconds': 0.01, **job})}\n```"
        (self.folder / "bd-show.json").write_text(json.dumps([{"title": "Do it", "description": description}]))

    def run(self) -> "subprocess.CompletedProcess[str]":
        env = {
            "PATH": f"{self.folder / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            **{f"GIT_{role}_{key}": "nux@x" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")},
        }
        words = [sys.executable, "-I", program.__file__]
        return subprocess.run(words, cwd=self.tree, env=env, capture_output=True, text=True, check=False, timeout=60)

    @property
    def asked(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.folder / "asked").read_text().splitlines()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk in a folder with a space in its name."""
    folder = tmp_path / "a desk"
    folder.mkdir()
    return Desk(folder)


_LITRE = {"file": "units.txt", "find": "piece\n]", "put": "piece\nlitre\n]"}
_NEW = {"file": "new/file.txt", "text": "new\n"}


def test_work_is_committed_and_handed_in_when_the_hook_is_fresh(desk: Desk) -> None:
    (desk.tree / ".git" / "info" / "exclude").write_text("new/\n")
    desk.give({"edits": [_LITRE, _NEW], "finds": "More to do"})
    done = desk.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert desk.git("show", "--stat", "--format=%s|%an", "HEAD").splitlines()[0] == "Do it|nux@x"
    assert desk.git("ls-files").split() == ["new/file.txt", "units.txt"]
    assert desk.asked == [
        ["gt", "prime", "--json"],
        ["bd", "show", "a-1", "--json"],
        ["bd", "create", "More to do", "--deps", "discovered-from:a-1"],
        ["gt", "done"],
    ]


def test_second_run_goes_on_from_what_was_left_when_the_first_died(desk: Desk) -> None:
    desk.give({"edits": [_LITRE, _NEW], "dies": True})
    assert desk.run().returncode == -9
    assert (desk.tree / "units.txt").read_text() == "[\npiece\nlitre\n]\n"
    assert ["gt", "done"] not in desk.asked
    done = desk.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert desk.asked[-1] == ["gt", "done"]
    assert desk.git("status", "--porcelain") == ""
    assert desk.git("rev-list", "--count", "main..mine").strip() == "1"


def test_both_changes_live_when_the_queue_returned_a_conflict(desk: Desk) -> None:
    desk.give({"edits": [_LITRE]})
    assert desk.run().returncode == 0
    (desk.folder / "origin" / "units.txt").write_text("[\npiece\nmetre\n]\n")
    desk.commit("theirs", where=desk.folder / "origin")
    desk.git("fetch", "-q")
    desk.give({"edits": [_LITRE]}, attempt=2, reason="rework", rework={"kind": "conflict"}, gates=[["test", "true"]])
    done = desk.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (desk.tree / "units.txt").read_text() == "[\npiece\nlitre\nmetre\n]\n"
    assert desk.git("rev-list", "--count", "mine..origin/main").strip() == "0"
    assert desk.git("status", "--porcelain") == ""
    assert "ran gate test myself: green" in done.stdout
    assert desk.asked[-2][:3] == ["bd", "comment", "a-1"]


@pytest.mark.parametrize(("tail", "is_mended"), [("FAIL: test_units", True), ("FAIL: something else", False)])
def test_only_what_the_gates_complained_of_is_mended_when_the_queue_returned_red_work(
    desk: Desk, tail: str, is_mended: bool
) -> None:
    mend = {"when": "test_units", "edits": [{"file": "units.txt", "find": "litre", "put": "liter"}]}
    desk.give({"edits": [_LITRE], "mends": [mend]})
    assert desk.run().returncode == 0
    rework = {"kind": "red", "gate": "test", "tail": tail}
    desk.give({"edits": [_LITRE], "mends": [mend]}, attempt=2, reason="rework", rework=rework)
    assert desk.run().returncode == 0
    assert ("liter\n" in (desk.tree / "units.txt").read_text()) is is_mended
    assert desk.asked[-1] == ["gt", "done"]


def test_person_is_asked_when_the_bead_says_nothing(desk: Desk) -> None:
    desk.give({"edits": []})
    (desk.folder / "bd-show.json").write_text(json.dumps({"title": "Do it", "description": "Decide something."}))
    assert desk.run().returncode == 0
    assert desk.asked[-1][:4] == ["gt", "done", "--status", "ESCALATED"]
