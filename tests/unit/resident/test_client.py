"""What the client knows by heart is what the program says of itself."""

import ast
import os
from pathlib import Path

import pytest

from gastown.cli import reference
from gastown.cli.commands import Command
from gastown.cli.resident import client
from gastown.config import code


@pytest.mark.parametrize("program", ["bd", "gt"])
def test_the_clients_list_is_what_the_commands_declare(program: str) -> None:
    declared = {
        name.removeprefix(f"{program} ")
        for name, command in reference.walk(program)
        if isinstance(command, Command) and not command.resident
    }
    assert declared == client.DIRECT[program]


def test_the_client_imports_next_to_nothing() -> None:
    tree = ast.parse(Path(client.__file__).read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"_signal", "_socket", "fcntl", "itertools", "os", "sys", "time", "typing"}


def test_the_identity_tells_encodings_and_interpreters_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    before = client.identity()
    assert client.identity() == before
    monkeypatch.setenv("SOMETHING", "else")
    assert client.identity() == before
    for name in ("LC_ALL", "PYTHONUTF8", "LD_PRELOAD"):
        with monkeypatch.context() as change:
            change.setenv(name, "x")
            assert client.identity() != before
            assert client.place(client.identity()) != client.place(before)


@pytest.mark.parametrize(
    ("argv", "wanted"),
    [
        (["list"], True),
        (["up"], False),
        (["rig", "add", "x"], False),
        (["rig", "--json", "add"], False),
        (["rig", "list"], True),
        (["log", "/dev/fd/63"], False),
    ],
)
def test_which_commands_it_hands_over(argv: list[str], wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/bin/gt", *argv])
    monkeypatch.setattr("sys.orig_argv", ["python", "/bin/gt", *argv])
    monkeypatch.delenv("GASTOWN_RESIDENT", raising=False)
    assert client.is_wanted("gt", argv) is wanted
    monkeypatch.setenv("GASTOWN_RESIDENT", "off")
    assert not client.is_wanted("gt", argv)


def test_a_changed_file_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("a", "a/b", "a/__pycache__"):
        (tmp_path / folder).mkdir()
    for name in ("a/one.py", "a/b/two.py", "a/__pycache__/one.pyc", "a/b/page.md"):
        (tmp_path / name).write_text("x = 1\n")
    before = list(code._files(str(tmp_path)))
    assert len(before) == 2
    (tmp_path / "a/__pycache__/one.pyc").write_text("other")
    (tmp_path / "a/b/page.md").write_text("other")
    assert list(code._files(str(tmp_path))) == before
    os.utime(tmp_path / "a/b/two.py", (1, 1))
    assert list(code._files(str(tmp_path))) != before


@pytest.mark.parametrize(("place", "is_seen"), [("checkout", False), ("site-packages", True)])
def test_what_is_installed_beside_our_packages_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, is_seen: bool
) -> None:
    """A checkout's own folder is no place for that: much comes and goes there."""
    root = tmp_path / place
    for name in ("gastown/config/code.py", "workers/app.py", "beat/app.py"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text("x = 1\n")
    monkeypatch.setattr(code, "__file__", str(root / "gastown/config/code.py"))
    monkeypatch.setattr("sys.path", [str(root)])
    before = code.look_of_the_code()

    (root / "celery.py").write_text("")
    assert (code.look_of_the_code() != before) is is_seen

    before = code.look_of_the_code()
    os.utime(root / "workers/app.py", (1, 1))
    assert code.look_of_the_code() != before
