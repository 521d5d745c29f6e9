"""What agents and imported beads wrote cannot steer the terminal of the person who reads it."""

import json
import os
import pty
import subprocess
import sys

import pytest

from gastown.cli.terminal import harmless, harmless_json

from .conftest import Town

STEERING = "a\x1b]0;owned\x07b\x1b[2Jc\rd\x9b31me\u202ef\u2066g\x7f"
LAWFUL = "tab\there, é, 漢字, 👩‍💻 and a no-break space\u00a0."

SHOWING = [
    "bd show {bead}",
    "bd list",
    "bd ready",
    "bd search a",
    "gt log {bead}",
    "gt feed",
    "gt prime app/polecats/nux",
    "gt convoy list",
]


@pytest.fixture
def steered(town: Town) -> Town:
    """A town whose bead carries steering words wherever they fit."""
    line = json.dumps(
        {
            "id": "app-evil",
            "title": f"{STEERING} {LAWFUL}",
            "description": f"{STEERING}\n{LAWFUL}",
            "status": "open",
            "labels": [STEERING],
            "comments": [{"author": STEERING, "text": STEERING, "created_at": "2026-01-01T00:00:00Z"}],
        }
    )
    town.ok("bd", "import", "-", stdin=line + "\n")
    town.bead = "app-evil"
    return town


def steers(text: str) -> list[str]:
    """The characters of `text` that would."""
    return sorted({letter for letter in text if harmless(letter) != letter})


def test_terminal_gets_nothing_that_steers_it(steered: Town) -> None:
    for command in SHOWING:
        program, *argv = command.replace("{bead}", steered.bead).split()
        said = steered.run(program, *argv, is_terminal=True)
        assert said.code in (0, 4), command
        assert not steers(said.err), command
        # Rich colours its tables with escapes of its own; here, without a real terminal, it has none.
        assert not steers(said.out), command


def test_rest_of_the_text_is_shown_as_it_is(steered: Town) -> None:
    shown = steered.run("bd", "show", steered.bead, is_terminal=True).out
    assert shown.count(LAWFUL) == 2
    assert "]0;owned" in shown


def test_json_holds_the_text_without_the_bytes_that_steer(steered: Town) -> None:
    said = steered.ok("bd", "show", steered.bead, "--json")
    assert not steers(said.out)
    assert said.json[0]["description"] == f"{STEERING}\n{LAWFUL}"


def test_pipe_gets_the_text_as_it_was_written(steered: Town) -> None:
    assert STEERING in steered.ok("bd", "show", steered.bead).out
    lines = [json.loads(line) for line in steered.ok("bd", "export", "--all").out.splitlines()]
    assert f"{STEERING} {LAWFUL}" in [line.get("title") for line in lines]


def test_row_of_a_table_is_one_line_when_a_title_has_two(town: Town) -> None:
    town.ok("bd", "import", "-", stdin=json.dumps({"id": "app-two1", "title": "one\napp-fake  P0"}) + "\n")
    rows = town.ok("bd", "list").out.splitlines()
    assert [row for row in rows if "app-fake" in row] == [row for row in rows if row.startswith("app-two1")]


def test_escapes_of_json_read_back_as_what_they_stand_for() -> None:
    text = "".join(map(chr, range(0x20, 0x2100)))
    assert json.loads(harmless_json(json.dumps(text, ensure_ascii=False))) == text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_real_terminal_gets_nothing_that_steers_it(steered: Town) -> None:
    """The whole program on a pseudo-terminal: tables are drawn there."""
    ours, theirs = pty.openpty()
    script = "import sys; from gastown.cli.entry import bd; sys.argv = ['bd', 'list']; bd()"
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=steered.folder,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "dumb", "COLUMNS": "200", "NO_COLOR": "1"},
    ) as process:
        os.close(theirs)
        read = b""
        try:
            while part := os.read(ours, 65536):
                read += part
        except OSError:  # Linux says so when the other side has gone
            pass
        process.wait(30)
    os.close(ours)
    shown = read.decode().replace("\r\n", "\n")
    assert "app-evil" in shown
    assert not steers(shown)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("argv", [["list"], ["list", "--json"]])
def test_command_goes_on_when_the_terminal_lacks_letters(steered: Town, argv: list[str]) -> None:
    script = f"import sys; from gastown.cli.entry import bd; sys.argv = ['bd', *{argv!r}]; bd()"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=steered.folder,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    if "--json" in argv:
        assert json.loads(done.stdout)


BD = "from gastown.cli.entry import bd; bd()"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("argv", ["list", "list --json"])
def test_nothing_is_said_when_the_reader_goes_away(town: Town, argv: str, unbuffered: str) -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb") as nobody_reads:
        done = subprocess.run(
            [sys.executable, "-c", BD, *argv.split()],
            cwd=town.folder,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=nobody_reads,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_one_line_is_said_when_the_output_cannot_be_written(town: Town) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", BD, "list"],
            cwd=town.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 2
