"""The gate that the demo gives a repository of any kind."""

import subprocess
import sys
from pathlib import Path

import pytest

from gastown.town.demo import gate as program

_GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
_TEST = "import unittest\n\n\nclass OneTest(unittest.TestCase):\n    def test_one(self):\n        self.assertTrue({})\n"


def _commit(tree: Path) -> str:
    subprocess.run([*_GIT, "add", "-A"], cwd=tree, check=True)
    subprocess.run([*_GIT, "commit", "-qm", "change"], cwd=tree, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tree, check=True, capture_output=True, text=True)
    return head.stdout.strip()


def _run(tree: Path, base: str) -> tuple[int, str]:
    words = [sys.executable, "-I", program.__file__, base, "gastown_demo"]
    done = subprocess.run(words, cwd=tree, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with much that a checker could stumble over."""
    path = tmp_path / "tree"
    path.mkdir()
    subprocess.run([*_GIT, "init", "-q"], cwd=path, check=True)
    (path / "good.py").write_text("x = 1\n")
    (path / "broken since ever.py").write_text("x = (\n")
    (path / "random.py").write_text("raise SystemExit('imported')\n")
    (path / "with marks.txt").write_text("<<<<<<< since ever\n")
    (path / "ünï").mkdir()
    (path / "ünï" / "blob.bin").write_bytes(bytes(range(256)))
    (path / "dangling").symlink_to("nowhere")
    return path


def test_untouched_tree_passes_when_it_was_broken_before(tree: Path) -> None:
    base = _commit(tree)
    code, output = _run(tree, base)
    assert code == 0, output
    assert "looked at 6 files (0 changed), compiled 3" in output


@pytest.mark.parametrize(
    ("name", "text", "expected", "word"),
    [
        pytest.param("new.py", "y = 2\n", 0, "1 changed", id="good file"),
        pytest.param("new.py", "y = (\n", 1, "new.py: does not compile", id="new broken file"),
        pytest.param("good.py", "x = = 1\n", 1, "good.py: does not compile", id="file broken now"),
        pytest.param("notes.md", "a\n>>>>>>> main\n", 1, "notes.md: holds the marks of a conflict", id="marks"),
        pytest.param("gastown_demo/test_a.py", _TEST.format("True"), 0, "Ran 1 test", id="green test"),
        pytest.param("gastown_demo/test_a.py", _TEST.format("False"), 1, "FAIL: test_one", id="red test"),
        pytest.param("gastown_demo/test_a.py", "import nothing_here\n", 1, "nothing_here", id="test not importable"),
        pytest.param("gastown_demo/a.py", "pass\n", 5, "NO TESTS RAN", id="no test"),
    ],
)
def test_verdict_follows_what_was_changed_when_a_commit_is_added(
    tree: Path, name: str, text: str, expected: int, word: str
) -> None:
    base = _commit(tree)
    (tree / name).parent.mkdir(exist_ok=True)
    (tree / name).write_text(text)
    _commit(tree)
    code, output = _run(tree, base)
    assert (code, word in output) == (expected, True), output


def test_tracked_file_that_is_missing_fails_when_looked_for(tree: Path) -> None:
    base = _commit(tree)
    (tree / "good.py").unlink()
    code, output = _run(tree, base)
    assert code == 1
    assert "good.py: is tracked and not there" in output
