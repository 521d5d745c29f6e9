"""Every command on a disk that is full or read-only: a file system of its own in a mount namespace of its own."""

import os
import subprocess
from pathlib import Path

import pytest

from gastown import config
from tests.support import residents
from tests.support.towns import PROGRAMS

from .conftest import Town
from .test_worlds import EVERYDAY, ONLY_SQLITE

SCRIPT = """
mount --make-rprivate / && mount -t tmpfs -o size=8m tmpfs {disk} && cp -r {town}/. {disk} && cd {disk} || exit 99
{mount}
find . | sort > {disk}.before
{commands}
find . | sort > {disk}.after
{stop}
"""


def on_disk(town: Town, mount: str) -> list[list[str]]:
    """The lines of error, and the exit status, of each everyday command in a copy of the town on such a disk."""
    disk = town.folder.parent / "disk"
    disk.mkdir()
    commands = []
    for command in EVERYDAY:
        program, _, words = command.replace("{bead}", town.bead).partition(" ")
        commands.append(f"echo '== {command}' >&2; {PROGRAMS[program]} {words} >/dev/null; echo $? >&2")
    with residents.elsewhere() as (environment, stop):
        script = SCRIPT.format(disk=disk, town=town.folder, mount=mount, commands="\n".join(commands), stop=stop)
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return [part.strip().splitlines() for part in done.stderr.split("== ")[1:]]


@ONLY_SQLITE
@pytest.mark.parametrize(
    "mount", ["mount -o remount,ro .", "cat /dev/zero > fill 2>/dev/null"], ids=["read-only", "full"]
)
def test_every_command_says_so_when_the_disk_cannot_be_written(town: Town, mount: str) -> None:
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, timeout=20, check=False).returncode:
        if os.environ.get("CI"):
            pytest.fail("mount namespaces may not be made")
        pytest.skip("mount namespaces may not be made: needs root")
    config.use(None)  # the last connection writes everything into the one file
    (town.folder / config.TOWN_FILE).write_text("host = 'here'\n")
    (town.folder / "gastown.db").write_bytes(Path(town.settings.database.removeprefix("sqlite:///")).read_bytes())
    said = on_disk(town, mount)
    assert [command for command, *_ in said] == EVERYDAY
    for command, error, *hint, status in said:
        assert error.startswith("Error: "), said
        assert [line[:6] for line in hint] in ([], ["Hint: "]), said
        assert status == ("1" if command.startswith("bd") else "6"), said
    listings = [(town.folder.parent / f"disk.{when}").read_text().split() for when in ("before", "after")]
    assert not {*listings[1]} - {*listings[0]} - {"./gastown.db-wal", "./gastown.db-shm"}
