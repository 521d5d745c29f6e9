"""The real agent command lines for tests: installed by npm into a cache, run with an empty home and no way out.

`install` answers where they are or why they cannot be had; `prepare_home` makes what they need to talk to a scripted
model server; `LoopbackOnly` is a network namespace in which nothing but that server can be reached.
"""

import ctypes
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PINNED = {"claude": ("@anthropic-ai/claude-code", "2.1.197"), "codex": ("@openai/codex", "0.169.0")}
INSTALL_SECONDS = 240
KEY = "not-a-key"
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40


@dataclass(frozen=True)
class Clis:
    """Where the command lines are; `folder` is None when they cannot be installed, and `reason` says why."""

    folder: Path | None
    reason: str = ""

    def path(self, name: str) -> str:
        """The absolute path of `claude` or `codex`."""
        assert self.folder is not None, self.reason
        return str(self.folder / "node_modules" / ".bin" / name)

    @property
    def bin(self) -> str:
        """The folder to put in front of PATH."""
        assert self.folder is not None, self.reason
        return str(self.folder / "node_modules" / ".bin")


def cache_folder(environ: Mapping[str, str]) -> Path:
    """GASTOWN_TEST_CLIS, or a folder of its own in the user's cache."""
    if environ.get("GASTOWN_TEST_CLIS"):
        return Path(environ["GASTOWN_TEST_CLIS"])
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gastown-test-clis"


@cache
def install() -> Clis:
    """Install the pinned versions unless they are there; safe from several test processes at once."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return Clis(None, "node and npm are not on PATH")
    folder = cache_folder(os.environ)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "install.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_installed(folder):
                _npm_install(npm, folder)
    except (OSError, subprocess.SubprocessError) as error:
        output = getattr(error, "stderr", "") or ""
        return Clis(None, f"npm install failed: {error} {output[-500:]}")
    return Clis(folder) if _is_installed(folder) else Clis(None, "npm installed something else than was asked for")


def _is_installed(folder: Path) -> bool:
    for package, version in PINNED.values():
        try:
            manifest = json.loads((folder / "node_modules" / package / "package.json").read_text())
        except (OSError, ValueError):
            return False
        if manifest.get("version") != version:
            return False
    return all((folder / "node_modules" / ".bin" / name).exists() for name in PINNED)


def _npm_install(npm: str, folder: Path) -> None:
    packages = [f"{package}@{version}" for package, version in PINNED.values()]
    subprocess.run(
        [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--", *packages],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=True,
        cwd=folder,
    )


def prepare_home(home: Path, url: str, path: str) -> dict[str, str]:
    """Fill an empty home folder; answer the whole environment in which claude and codex talk to `url` only."""
    (home / ".codex").mkdir(parents=True)
    (home / "tmp").mkdir()
    # A model that codex has no metadata for gets the plain `exec_command` tool, which a script can drive.
    (home / ".codex" / "config.toml").write_text(
        f"""model = "scripted-model"
model_provider = "scripted"
[model_providers.scripted]
name = "scripted"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "OPENAI_API_KEY"
request_max_retries = 0
stream_max_retries = 0
[analytics]
enabled = false
"""
    )
    return {
        "PATH": path,
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "LANG": "C.UTF-8",
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": KEY,
        "CLAUDE_CODE_MAX_RETRIES": "0",
        "OPENAI_API_KEY": KEY,
    }


class LoopbackOnly:
    """A network namespace with nothing but loopback, alive until `close`; needs root and `nsenter`.

    Commands join it through `wrap`; servers of this process listen in it through `listen`.
    """

    def __init__(self) -> None:
        self._fd = -1
        self._listeners: list[socket.socket] = []
        self._error: OSError | None = None

    def open(self) -> str | None:
        """Make the namespace; answer why it cannot be made, or None."""
        if os.geteuid() != 0 or not Path("/proc/thread-self/ns/net").exists():
            return "network namespaces need root on Linux"
        if shutil.which("nsenter") is None:
            return "nsenter is not on PATH"
        self._in_thread(self._unshare)
        return str(self._error) if self._error else None

    def listen(self) -> socket.socket:
        """A listening socket on the namespace's loopback address."""
        self._in_thread(self._bind)
        if self._error:
            raise self._error
        return self._listeners.pop()

    def wrap(self, argv: list[str]) -> list[str]:
        """The command line that runs `argv` inside."""
        return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self._fd}", "--", *argv]

    def write_wrapper(self, folder: Path, command: str) -> Path:
        """A program of the same name that runs `command` inside, for presets that name a program."""
        path = folder / Path(command).name
        path.write_text(f"#!/bin/sh\nexec nsenter --net=/proc/{os.getpid()}/fd/{self._fd} -- '{command}' \"$@\"\n")
        path.chmod(0o755)
        return path

    def close(self) -> None:
        """Let the namespace go once its last process has ended."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _in_thread(self, act: object) -> None:
        """Namespaces belong to threads: a short-lived one enters it, so that the rest of the process stays out."""
        self._error = None
        thread = threading.Thread(target=act)  # type: ignore[arg-type]
        thread.start()
        thread.join(10)

    def _unshare(self) -> None:
        try:
            _check(ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET))
            self._fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
                request = struct.pack("16sH14s", b"lo", IFF_UP | IFF_RUNNING, b"")
                fcntl.ioctl(control, SIOCSIFFLAGS, request)
        except OSError as error:
            self._error = error

    def _bind(self) -> None:
        try:
            _check(ctypes.CDLL(None, use_errno=True).setns(self._fd, CLONE_NEWNET))
            listener = socket.socket(socket.AF_INET)
            listener.bind(("127.0.0.1", 0))
            listener.listen(64)
            self._listeners.append(listener)
        except OSError as error:
            self._error = error


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    found = install()
    print(found.folder or found.reason)
    raise SystemExit(0 if found.folder else 1)
