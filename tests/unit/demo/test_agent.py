"""How the demo's agent edits files and resolves conflicts."""

from pathlib import Path

import pytest

from gastown.town.demo import agent


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_edit_changes_nothing_when_made_twice() -> None:
    Path("a.txt").write_text("one\ntwo\n")
    edit = {"file": "a.txt", "find": "two\n", "put": "two\nthree\n"}
    agent.apply(edit)
    agent.apply(edit)
    assert Path("a.txt").read_text() == "one\ntwo\nthree\n"


def test_file_is_made_with_its_folders_when_an_edit_has_its_text() -> None:
    edit = {"file": "x/y/z.py", "text": "pass\n"}
    assert not agent.is_made(edit)
    agent.apply(edit)
    assert Path("x/y/z.py").read_text() == "pass\n"
    assert agent.is_made(edit)


def test_file_is_left_alone_when_it_does_not_hold_what_an_edit_looks_for() -> None:
    Path("a.txt").write_text("other\n")
    agent.apply({"file": "a.txt", "find": "two", "put": "three"})
    assert Path("a.txt").read_text() == "other\n"


@pytest.mark.parametrize("base", ["", "||||||| parent\nold\n"])
def test_both_sides_live_when_a_conflict_is_resolved(base: str) -> None:
    path = Path("a.txt")
    path.write_text(f"top\n<<<<<<< HEAD\nours\n{base}=======\ntheirs\n>>>>>>> main\nmiddle\n=======\nend\n")
    agent.keep_both(path)
    assert path.read_text() == "top\nours\ntheirs\nmiddle\n=======\nend\n"
