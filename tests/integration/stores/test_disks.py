"""A store on a disk that is read-only or full: a file system of its own in a mount namespace of its own."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support import residents
from tests.support.towns import PROGRAMS

BD = PROGRAMS["bd"]
COMMANDS = (
    *("list", "q two", "doctor --fix -y", "update -p 0", "init", "init --force", "backup sync", "migrate --to 0001"),
    *("where", "export -o out.jsonl", "sql --write 'DELETE FROM beads'"),
)
SCRIPT = """
mount --make-rprivate / && mount -t tmpfs -o size=6m tmpfs {disk} && cd {disk} || exit 99
{bd} init -q --prefix app && {bd} q one >/dev/null && {bd} export > {disk}.before || exit 98
{mount}
{commands}
{unmount}
echo '== afterwards' >&2; {bd} doctor --json > {disk}.doctor; echo $? >&2
{bd} export > {disk}.after
ls -A .beads > {disk}.names
{stop}
"""


def run_on(disk: Path, mount: str, unmount: str, commands: Sequence[str] = COMMANDS) -> dict[str, list[str]]:
    """What each command says on standard error there, and its exit status as the last line."""
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, timeout=20, check=False).returncode:
        if os.environ.get("CI"):
            pytest.fail("mount namespaces may not be made")
        pytest.skip("mount namespaces may not be made: needs root")
    disk.mkdir()
    steps = "\n".join(f'echo "== {words}" >&2; {BD} {words} >/dev/null; echo $? >&2' for words in commands)
    with residents.elsewhere() as (variables, stop):
        script = SCRIPT.format(disk=disk, bd=BD, mount=mount, unmount=unmount, commands=steps, stop=stop)
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={"PATH": os.environ["PATH"], "HOME": str(disk.parent), **variables},
        )
    assert done.returncode == 0, done.stderr
    parts = [part.strip().splitlines() for part in done.stderr.split("== ")[1:]]
    return {part[0]: part[1:] for part in parts}


@pytest.mark.parametrize(
    ("mount", "unmount", "words"),
    [
        ("mount -o remount,ro .", "mount -o remount,rw .", ("cannot be written to", "Read-only")),
        ("cat /dev/zero > fill 2>/dev/null", "rm fill", ("disk is full", "No space left", "room")),
    ],
    ids=["read-only", "full"],
)
def test_every_command_says_so_and_nothing_is_lost(
    tmp_path: Path, mount: str, unmount: str, words: tuple[str, ...]
) -> None:
    disk = tmp_path / "disk"

    said = run_on(disk, mount, unmount)

    assert said.pop("afterwards") == ["0"]
    for command, lines in said.items():
        *told, status = lines
        assert not any("Traceback" in line for line in told), (command, told)
        assert status == ("10" if command == "init" else "1"), (command, lines)
        if command.startswith("doctor"):
            continue  # its report is its output
        assert told[0].startswith("Error: "), (command, told)
        if command != "init":
            assert any(word in line for word in words for line in told), (command, told)
    before, after = (disk.with_name(f"disk.{when}").read_text() for when in ("before", "after"))
    assert before
    assert after == before
    names = disk.with_name("disk.names").read_text().split()
    assert not [name for name in names if name.endswith(".new")]


def test_a_disk_that_fills_up_in_the_middle_leaves_what_there_was(tmp_path: Path) -> None:
    disk, file = tmp_path / "disk", tmp_path / "many.jsonl"
    moment = "2026-01-01T00:00:00Z"
    lines = [
        {"id": f"app-{number:04x}", "title": "x" * 400, "created_at": moment, "updated_at": moment, "status": "open"}
        for number in range(3000)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    some_left = "head -c $(( $(df --output=avail -B1 . | tail -1) - 600000 )) /dev/zero > fill"
    inner = f"mkdir inner inner/.beads && ln -s {file} inner/.beads/issues.jsonl"

    said = run_on(disk, f"{some_left} && {inner}", "rm fill", (f"import {file}", "-C inner init", "doctor"))

    assert said.pop("afterwards") == ["0"]
    assert said.pop("doctor")[-1] == "0"
    for command, lines_told in said.items():
        assert lines_told[-1] == "1", (command, lines_told)
        assert lines_told[0].startswith("Error: "), (command, lines_told)
        assert "full" in lines_told[0], (command, lines_told)
    before, after = (disk.with_name(f"disk.{when}").read_text() for when in ("before", "after"))
    assert after == before
