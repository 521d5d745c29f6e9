"""What the first word of a shell command tells."""

import pytest

from gastown.patrols import missing_program, path_in_tree

PATH = "/usr/bin:/bin"


@pytest.mark.parametrize(
    "command",
    [
        "sh -c true",
        "CI=1 sh run",
        "A=1 B='x y' sh run",
        "cd src && nothing-here",
        "if true; then no; fi",
        "$RUNNER tests",
        "(no-such)",
        "`no-such`",
        "'unbalanced",
        "",
        "./no-such-file",
        "tools/no-such",
        "A=1",
        "true; no-such",
        "test -f x",
        "/bin/sh -c true",
    ],
)
def test_command_is_not_called_missing_when_it_is_there_or_not_known(command: str) -> None:
    assert missing_program(command, PATH) is None


@pytest.mark.parametrize(
    "command", ["no-such-program", "A=1 no-such-program --all", "no-such-program;true", "'no-such-program' x"]
)
def test_command_is_called_missing_when_its_program_is(command: str) -> None:
    assert missing_program(command, PATH) == "no-such-program"


@pytest.mark.parametrize("path", ["/no/such/program", "/etc/passwd", "/etc"])
def test_path_is_called_missing_when_it_is_no_program(path: str) -> None:
    assert missing_program(f"{path} --all", PATH) == path


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("./check.sh --all", "check.sh"),
        ("tools/test", "tools/test"),
        ("CI=1 ./a/b.sh", "a/b.sh"),
        ("pytest", None),
        ("/usr/bin/env pytest", None),
        ("../outside", None),
        ("./../outside", None),
    ],
)
def test_file_of_the_repository_is_named_when_a_command_starts_with_one(command: str, path: str | None) -> None:
    assert path_in_tree(command) == path
