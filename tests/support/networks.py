"""Hosts of their own for tests: network namespaces that reach the one address of the services, and not each other.

Files and process ids stay shared: what is shown is that two hosts need nothing of each other but database, Redis and
remote. Needs root and iproute2.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.support.towns import wait_until

SERVICES = "10.77.0.1"
POSTGRES_PORT, REDIS_PORT, GIT_PORT = 5432, 6379, 9418
# Carries TCP connections to a server's unix socket, which no namespace separates.
_RELAY = textwrap.dedent(
    """
    import socket, sys, threading
    def pump(one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
    def serve(listener, path):
        while True:
            near = listener.accept()[0]
            far = socket.socket(socket.AF_UNIX)
            far.connect(path)
            for pair in ((near, far), (far, near)):
                threading.Thread(target=pump, args=pair, daemon=True).start()
    for word in sys.argv[2:]:
        port, path = word.split("=", 1)
        listener = socket.create_server((sys.argv[1], int(port)), backlog=50)
        threading.Thread(target=serve, args=(listener, path), daemon=True).start()
    sys.stdin.read()
    """
)


def why_not() -> str | None:
    """What is missing here; None when nothing."""
    if os.geteuid() != 0:
        return "needs root"
    if shutil.which("ip") is None or shutil.which("nsenter") is None:
        return "iproute2 and nsenter are not installed"
    done = subprocess.run(
        ["ip", "netns", "add", f"gt-probe-{os.getpid()}"], capture_output=True, timeout=20, check=False
    )
    if done.returncode == 0:
        _ip("netns", "del", f"gt-probe-{os.getpid()}")
    return None if done.returncode == 0 else "network namespaces may not be made"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


class Networks:
    """One network for services, and one a host."""

    def __init__(self) -> None:
        self._mark = f"gt{os.getpid() % 100000}"
        self._names: list[str] = []
        self._servers: list[subprocess.Popen[bytes]] = []
        self._centre = self._add("s")
        _ip("-n", self._centre, "addr", "add", f"{SERVICES}/32", "dev", "lo")

    def _add(self, letter: str) -> str:
        name = f"{self._mark}{letter}"
        _ip("netns", "add", name)
        self._names.append(name)
        _ip("-n", name, "link", "set", "lo", "up")
        return name

    def add_host(self) -> tuple[str, ...]:
        """A host; returns the command that runs another one on it."""
        number = len(self._names)
        name, wire = self._add(f"h{number}"), f"wire{number}"
        _ip("link", "add", wire, "netns", self._centre, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("-n", self._centre, "addr", "add", f"10.77.{number}.1/24", "dev", wire)
        _ip("-n", self._centre, "link", "set", wire, "up")
        _ip("-n", name, "addr", "add", f"10.77.{number}.2/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "route", "add", f"{SERVICES}/32", "via", f"10.77.{number}.1")
        return self._enter(name)

    def _enter(self, name: str) -> tuple[str, ...]:
        return ("nsenter", f"--net=/run/netns/{name}", "--")

    def serve(self, postgres: Path, redis: Path, repositories: Path) -> None:
        """Let the services be reached at SERVICES; returns when they can be."""
        relayed = [f"{POSTGRES_PORT}={postgres}", f"{REDIS_PORT}={redis}"]
        self._start(sys.executable, "-c", _RELAY, SERVICES, *relayed)
        words = ("--reuseaddr", f"--listen={SERVICES}", f"--port={GIT_PORT}", f"--base-path={repositories}")
        self._start("git", "daemon", *words, "--export-all", "--enable=receive-pack")
        for port in (POSTGRES_PORT, REDIS_PORT, GIT_PORT):
            wait_until(lambda port=port: self._reaches(port), f"port {port} answers", within_s=20)  # type: ignore[misc]

    def _start(self, *argv: str) -> None:
        self._servers.append(
            subprocess.Popen(
                [*self._enter(self._centre), *argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )

    def _reaches(self, port: int) -> bool:
        probe = f"import socket; socket.create_connection(('{SERVICES}', {port}), 2).close()"
        argv = [*self._enter(self._centre), sys.executable, "-c", probe]
        return subprocess.run(argv, capture_output=True, timeout=20, check=False).returncode == 0

    def close(self) -> None:
        """End the servers, remove the networks."""
        for server in self._servers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, 15)
            if server.stdin:
                server.stdin.close()
            server.wait(20)
        for name in self._names:
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("netns", "del", name)
