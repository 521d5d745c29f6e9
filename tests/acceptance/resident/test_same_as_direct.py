"""A command does the same in a child of the resident as in a process of its own."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
from functools import partial
from pathlib import Path

import pytest

from tests.acceptance.resident.conftest import WITHIN_S, Place, wait_for


@pytest.mark.timeout(300)
def test_output_and_exit_status_are_the_same(place: Place) -> None:
    place.direct("create", "Fix the lögin", "-p", "1", "-d", "läuft")
    bead = json.loads(place.direct("list", "--json").stdout)[0]["id"]
    resident = place.warm_up()
    for words in (
        ["list"],
        ["list", "--json"],
        ["ready", "--json"],
        ["show", bead],
        ["show", bead, "--json"],
        ["show", "app-none"],
        ["show", "app-none", "--json"],
        ["--help"],
        ["list", "--help"],
        [],
        ["version"],
        ["nonsense"],
        ["list", "--nonsense"],
        ["create"],
        ["close", "app-none"],
        ["import", "/nonexistent"],
        ["where"],
        ["show", "not\udcffutf8"],
        ["gt", "status"],
        ["gt", "nonsense"],
        ["gt", "help", "glossary"],
    ):
        direct, warm = place.direct(*words), place.run_warm(resident, *words)
        assert (warm.returncode, warm.stdout, warm.stderr) == (direct.returncode, direct.stdout, direct.stderr), words


def test_pipes_and_streams_behave_the_same(place: Place) -> None:
    made = place.direct("batch", input="".join(f"create task 2 bead-{number}\n" for number in range(30)))
    assert made.returncode == 0, made.stderr
    resident = place.warm_up()
    for line in (
        "bd list | head -1; echo ${PIPESTATUS[@]}",
        "bd list --json | true; echo ${PIPESTATUS[@]}",
        "bd list >&-; echo $?",
        "bd list 2>&-; echo $?",
        "bd list <&-; echo $?",
        "bd list <&- >&- 2>&-; echo $? >code; cat code",
        "bd list >/dev/full; echo $?",
        "bd show app-none 2>/dev/full; echo $?",
        "echo -n text | bd create with --body-file - --silent >/dev/null; echo $?",
        "printf '\\xff\\xfe\\0' | bd create binary --body-file -; echo $?",
        "head -c 3000000 /dev/zero | tr '\\0' 'x' | bd create big --body-file - >/dev/null; echo $?",
        "bd import <(echo no json); echo $?",
        "(trap '' INT; bd list -n 1 --json >/dev/null; echo $?)",
        "ulimit -f 0; bd list -n 1 | wc -l; echo ${PIPESTATUS[@]}",
        "mkdir gone; cd gone; rmdir ../gone; bd list; echo $?",
    ):
        direct, warm = place.shell(line, direct=True), place.shell(line)
        assert (warm.stdout, warm.stderr) == (direct.stdout, direct.stderr), line
    assert place.residents() == [resident]


def test_the_working_folder_the_umask_and_the_environment_are_the_callers(place: Place, tmp_path: Path) -> None:
    resident = place.warm_up()
    place.run_warm(resident, "create", "one", env={"GT_ACTOR": "bob", "LEAK": "yes"})
    place.run_warm(resident, "create", "two")
    makers = {bead["title"]: bead["created_by"] for bead in json.loads(place.run("list", "--json").stdout)}
    assert makers == {"one": "bob", "two": "ada"}
    below = place.project / "below"
    below.mkdir()
    assert place.run_warm(resident, "export", "-o", "here.jsonl", cwd=below).returncode == 0
    assert (below / "here.jsonl").is_file()
    for umask in (0o077, 0o002):
        file = tmp_path / f"{umask:o}.jsonl"
        place.run_warm(resident, "export", "-o", str(file), umask=umask)
        assert file.stat().st_mode & 0o777 == 0o666 & ~umask
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert place.direct("init", "--prefix", "web", cwd=elsewhere).returncode == 0
    assert place.run_warm(resident, "list", cwd=elsewhere).stdout == "No issues found.\n"
    assert len(json.loads(place.run_warm(resident, "list", "--json").stdout)) == 2
    variable = {"BEADS_DB": str(elsewhere / ".beads" / "beads.db")}
    assert json.loads(place.run_warm(resident, "list", "--json", env=variable).stdout) == []


def test_a_database_is_whole_in_its_file_after_each_command(place: Place) -> None:
    resident = place.warm_up()
    place.run_warm(resident, "create", "one")
    left = {path.name for path in (place.project / ".beads").glob("beads.db*")}
    place.direct("create", "two")
    assert left == {path.name for path in (place.project / ".beads").glob("beads.db*")}


def _on_a_terminal(place: Place, *words: str, columns: int, **env: str) -> tuple["subprocess.Popen[bytes]", int]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def take_the_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = place.start(*words, stdin=theirs, stdout=theirs, stderr=theirs, env=env, preexec_fn=take_the_terminal)
    os.close(theirs)
    return process, ours


def _read_all(ours: int) -> bytes:
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    return b"".join(parts)


@pytest.mark.parametrize("columns", [40, 132])
def test_a_terminal_is_drawn_for_its_own_width(place: Place, columns: int) -> None:
    place.direct("create", "a title that has rather more words in it than a narrow terminal can show on one line")
    resident = place.warm_up()
    process, ours = _on_a_terminal(place, "list", columns=columns, GASTOWN_RESIDENT="off")
    direct = _read_all(ours)
    assert process.wait(WITHIN_S) == 0
    before = place.served(resident)
    process, ours = _on_a_terminal(place, "list", columns=columns)
    warm = _read_all(ours)
    assert process.wait(WITHIN_S) == 0
    wait_for(lambda: place.served(resident) > before, "the end of the child")
    assert warm == direct
    assert b"line" in warm


def test_the_keyboard_interrupts(place: Place) -> None:
    resident = place.warm_up()
    statuses = []
    for env in ({"GASTOWN_RESIDENT": "off"}, {}):
        process, ours = _on_a_terminal(place, "create", "x", "--body-file", "-", columns=80, **env)
        wait_for(partial(_reads_the_terminal, place, process.pid, resident), "a command that reads")
        os.write(ours, b"\x03")
        statuses.append(process.wait(WITHIN_S))
        _read_all(ours)
    assert statuses[0] == statuses[1]
    assert place.residents() == [resident]
    assert json.loads(place.run("list", "--json").stdout) == []


def _reads_the_terminal(place: Place, pid: int, resident: int) -> bool:
    """Whether the process, or a child of the resident that has its terminal, waits for a line."""
    for candidate in [pid, *(found for found in place.processes() if found != resident)]:
        try:
            place_of_wait = Path(f"/proc/{candidate}/wchan").read_text()
            stdin = os.readlink(f"/proc/{candidate}/fd/0")
        except OSError:
            continue
        if stdin.startswith("/dev/pts/") and place_of_wait in ("wait_woken", "n_tty_read"):
            return True
    return False
