"""A machine of its own for unit files: systemd as process 1 in namespaces, over a copy-on-write view of this machine.

Nothing outside is written: the root is an overlay in memory, the control group and the process tree are its own, and
SIGKILL on its process 1 takes everything with it. Needs root and the right to mount.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.towns import ROOT, wait_until

BOOT_WITHIN_S = 60
SYSTEMD = Path("/lib/systemd/systemd")
# What belongs to real machines, or would write to the kernel that we share.
MASKED = (
    *("systemd-udevd.service", "systemd-udev-trigger.service", "systemd-logind.service", "systemd-timesyncd.service"),
    *("systemd-resolved.service", "systemd-sysctl.service", "systemd-modules-load.service", "systemd-binfmt.service"),
    *("systemd-udevd-control.socket", "systemd-udevd-kernel.socket", "systemd-random-seed.service"),
    *("sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-kernel-config.mount", "sys-fs-fuse-connections.mount"),
    *("dev-hugepages.mount", "dev-mqueue.mount", "proc-sys-fs-binfmt_misc.automount", "systemd-remount-fs.service"),
)
_NAMESPACES = ("--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "--cgroup")
_BOOT = textwrap.dedent(
    """
    set -eu
    mount --make-rprivate /
    mount -t tmpfs tmpfs "$W"
    mkdir "$W/upper" "$W/work" "$W/root"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$W/upper,workdir=$W/work" "$W/root"
    R="$W/root"
    mount -t proc proc "$R/proc"
    mount -t sysfs sysfs "$R/sys"
    mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup"
    for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs "$R/$folder"; done
    chmod 1777 "$R/tmp"
    for node in null zero full random urandom tty; do
        : > "$R/dev/$node"
        mount --bind "/dev/$node" "$R/dev/$node"
    done
    mkdir "$R/dev/pts" "$R/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$R/dev/pts"
    ln -s pts/ptmx "$R/dev/ptmx"
    mount -t tmpfs tmpfs "$R/etc/systemd/system"
    for unit in $MASKED; do ln -s /dev/null "$R/etc/systemd/system/$unit"; done
    # Programs of this test run: reachable for every user of the machine, written by none.
    for pair in $SHOWN; do
        folder=${pair#*=}
        mkdir -p "$R$folder"
        mount --rbind "${pair%%=*}" "$R$folder"
        parent=$folder
        while [ "$parent" != / ]; do
            parent=$(dirname "$parent")
            chmod go+rx "$R$parent" || true
        done
    done
    cp -a "$W.files/." "$R/"
    mkdir -p "$R/old"
    cd "$R"
    pivot_root . old
    systemd-sysusers || true
    umount -l /old
    exec env -i container=other PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --system --unit=basic.target
    """
)


def why_not() -> str | None:
    """What this machine lacks for another one inside it; None when nothing."""
    if os.geteuid() != 0:
        return "needs root"
    if not SYSTEMD.exists():
        return "systemd is not installed"
    if _cgroup2() is None:
        return "no cgroup2 tree is mounted"
    probe = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--cgroup", "mount", "--make-rprivate", "/"],
        capture_output=True,
        timeout=20,
        check=False,
    )
    return None if probe.returncode == 0 else "namespaces may not be made"


def _cgroup2() -> Path | None:
    for line in Path("/proc/mounts").read_text().splitlines():
        _, target, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(target)
    return None


@dataclass
class Machine:
    """The inner machine. `files` are put over its root before it boots; `shown` folders appear at the paths given."""

    files: dict[str, str]
    shown: Mapping[Path, str] = field(default_factory=dict)
    pid: int = 0
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="gt-vm-", dir="/tmp")))

    def boot(self) -> None:
        """Start it; returns when its process 1 says that it runs."""
        over = Path(f"{self.folder}.files")
        for name, text in self.files.items():
            path = over / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755 if text.startswith("#!") else 0o644)
        tree = _cgroup2()
        assert tree is not None
        self.group = tree / self.folder.name
        self.group.mkdir()
        own = {str(path): str(path) for path in (ROOT, Path(sys.prefix), Path(sys.base_prefix))}
        shown = {**own, **{str(path): inside for path, inside in self.shown.items()}}
        pairs = " ".join(f"{path}={inside}" for path, inside in shown.items())
        words = {"W": str(self.folder), "SHOWN": pairs, "MASKED": " ".join(MASKED)}
        with (self.folder.parent / f"{self.folder.name}.log").open("w") as log:
            self.starter = subprocess.Popen(
                ["unshare", *_NAMESPACES, "--kill-child", "sh", "-c", _BOOT],
                env={"PATH": os.environ["PATH"], **words},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=self._join,
            )
        children = Path(f"/proc/{self.starter.pid}/task/{self.starter.pid}/children")
        self.pid = int(wait_until(lambda: children.read_text().split(), "the inner process 1 exists")[0])
        wait_until(self._runs, f"systemd runs: {self._said()}", within_s=BOOT_WITHIN_S, pause_s=0.2)

    def _join(self) -> None:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        (self.group / "cgroup.procs").write_text(str(os.getpid()))

    def _said(self) -> str:
        return (self.folder.parent / f"{self.folder.name}.log").read_text()[-2000:]

    def _runs(self) -> bool:
        if self.starter.poll() is not None:
            raise AssertionError(f"the machine ended: {self._said()}")
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in {"running", "degraded"}

    def run(self, *argv: str, check: bool = True, timeout_s: float = 120) -> "subprocess.CompletedProcess[str]":
        """Run a command inside as root."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.pid), *["-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w", "--"], *argv],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", "-p", name, unit).stdout.strip()

    def journal(self, unit: str) -> str:
        """The last lines of a unit's log."""
        return self.run("journalctl", "--no-pager", "-n", "40", "-u", unit, check=False).stdout

    def close(self) -> None:
        """End it and everything in it."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(AttributeError, subprocess.TimeoutExpired):
            self.starter.kill()
            self.starter.wait(20)
        groups = sorted(self.group.rglob("*/"), reverse=True) if self.group.exists() else []
        deadline = time.monotonic() + 20
        while self.group.exists() and time.monotonic() < deadline:
            for group in [*groups, self.group]:
                with contextlib.suppress(OSError):
                    group.rmdir()
            time.sleep(0.05)
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(f"{self.folder}.files", ignore_errors=True)
        (self.folder.parent / f"{self.folder.name}.log").unlink(missing_ok=True)


@contextlib.contextmanager
def machine(files: dict[str, str], shown: Mapping[Path, str]) -> Iterator[Machine]:
    """A booted machine, gone afterwards."""
    made = Machine(files, shown)
    try:
        made.boot()
        yield made
    finally:
        made.close()
