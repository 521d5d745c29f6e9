"""Full and read-only disks: real file systems of their own, each in a mount namespace that ends with the command."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.towns import environment

pytestmark = pytest.mark.acceptance

GT = f"{sys.executable} -m gastown"


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
    """Run a script on a fresh disk of this size; what is on it afterwards is printed after a line of dashes."""
    whole = (
        f"mount -t tmpfs -o size={size} tmpfs {disk} || exit 99\n{script}\n"
        f"code=$?\necho ---\nfind {disk} -mindepth 1\nexit $code"
    )
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", whole],
        env=environment(Path("/tmp")),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_install_leaves_nothing_when_the_disk_is_full(disk: Path) -> None:
    done = on_disk(disk, "64k", f"{GT} install {disk}/town")

    assert done.returncode == 6
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 2
    assert done.stdout.partition("---\n")[2] == ""


def test_up_is_refused_when_the_disk_is_as_good_as_full(disk: Path) -> None:
    done = on_disk(disk, "30m", f"{GT} install {disk}/town >/dev/null && {GT} --town {disk}/town up")

    assert done.returncode == 6
    assert "MB left" in done.stderr
    assert "redis.sock" not in done.stdout


def test_up_is_refused_when_the_disk_is_read_only(disk: Path) -> None:
    script = f"{GT} install {disk}/town >/dev/null && mount -o remount,ro {disk} && {GT} --town {disk}/town up"

    done = on_disk(disk, "200m", script)

    assert done.returncode == 6, done.stderr
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 2


def test_install_is_refused_when_the_disk_is_read_only(disk: Path) -> None:
    done = on_disk(disk, "200m", f"mount -o remount,ro {disk} && {GT} install {disk}/town")

    assert done.returncode == 6
    assert f"cannot write in {disk}/town" in done.stderr
