"""Exchange files where they cannot be written: full disks, folders that are read-only."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.exchange import line
from tests.support.towns import environment

BD = f"""{sys.executable} -c 'from gastown.cli.entry import bd; bd()' --actor ada"""


@pytest.fixture
def disk() -> Iterator[Path]:
    """Where `on_disk` mounts; fails in CI where nothing may be mounted."""
    probe = subprocess.run(["unshare", "--mount", "true"], capture_output=True, timeout=20, check=False)
    if probe.returncode != 0:
        if os.environ.get("CI"):
            pytest.fail("mount namespaces may not be made")
        pytest.skip("mount namespaces may not be made: needs root")
    with tempfile.TemporaryDirectory(prefix="gt-disk-", dir="/tmp") as name:
        yield Path(name)


def on_disk(disk: Path, size: str, script: str) -> "subprocess.CompletedProcess[str]":
    whole = f"mount -t tmpfs -o size={size} tmpfs {disk} || exit 99\ncd {disk}\n{script}"
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", whole],
        env=environment(Path("/tmp")),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def put(path: Path, number: int) -> None:
    path.write_text("".join(json.dumps(line(f"gt-{each}", description="x" * 2000)) + "\n" for each in range(number)))


def test_a_full_disk_leaves_the_file_and_the_store_as_they_were(disk: Path, tmp_path: Path) -> None:
    put(tmp_path / "few.jsonl", 200)
    put(tmp_path / "many.jsonl", 3000)
    script = f"""
{BD} init --prefix gt --skip-hooks --skip-agents >/dev/null || exit 90
{BD} import {tmp_path}/few.jsonl >/dev/null || exit 91
{BD} sync >/dev/null || exit 92
cp .beads/issues.jsonl {tmp_path}/before.jsonl
{BD} import {tmp_path}/many.jsonl; echo "import $?"
{BD} count
dd if=/dev/zero of=fill bs=1k >/dev/null 2>&1
{BD} export -o .beads/issues.jsonl --all; echo "export $?"
cmp .beads/issues.jsonl {tmp_path}/before.jsonl && echo untouched
find . -name '.*.new' | wc -l
rm fill
{BD} create after >/dev/null && {BD} sync --flush-only >/dev/null; echo "sync $?"
"""
    done = on_disk(disk, "6m", script)
    said = done.stdout.splitlines()
    assert "import 1" in said, done
    assert said[said.index("import 1") + 1] == "200"
    assert "export 1" in said
    assert said[said.index("untouched") :] == ["untouched", "0", "sync 0"]
    assert "Traceback" not in done.stderr
    assert "delet" not in done.stderr.lower()


def test_a_folder_that_is_read_only_is_named(disk: Path, tmp_path: Path) -> None:
    put(tmp_path / "few.jsonl", 3)
    script = f"""
{BD} init --prefix gt --skip-hooks --skip-agents >/dev/null || exit 90
{BD} import {tmp_path}/few.jsonl >/dev/null || exit 91
{BD} export -o out.jsonl >/dev/null || exit 92
{BD} create one >/dev/null || exit 93
mount -o remount,ro {disk}
{BD} export -o out.jsonl; echo "export $?"
{BD} import {tmp_path}/few.jsonl; echo "import $?"
"""
    done = on_disk(disk, "20m", script)
    assert done.stdout.splitlines()[-2:] == ["export 1", "import 1"], done
    assert "Traceback" not in done.stderr
    errors = [each for each in done.stderr.splitlines() if each.startswith("Error: ")]
    assert len(errors) == 2
