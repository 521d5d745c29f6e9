"""What the keeper is asked and how it answers: one JSON line each way over a private socket.

Standard library only, and no other module of gastown: the keeper loads this file by its path.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import time

REQUEST_BYTES = 4 << 20  # twice what Linux accepts as arguments and environment together
REQUEST_SECONDS = 5.0  # a client that connects and says nothing is dropped after this
# What a session may be held to: memory of each of its processes, processes of this user, size of each file it writes.
LIMITS = ("memory_mb", "processes", "file_mb")
DIR_VARIABLE = "GASTOWN_SESSION_DIR"  # set for every agent; names its session in /proc/<pid>/environ


class Order:
    """What a start request asks for; refuses with ValueError what is not shaped like one."""

    def __init__(self, request: dict[str, object]) -> None:
        self.folder = _text(request, "dir")
        self.cwd = _text(request, "cwd")
        stdin = request.get("stdin")
        argv, env = request.get("argv"), request.get("env")
        if not isinstance(argv, list) or not argv or not all(isinstance(item, str) for item in argv):
            raise ValueError("argv must be a list of strings")
        if not isinstance(env, dict) or not all(isinstance(value, str) for value in env.values()):
            raise ValueError("env must be an object of strings")
        if not isinstance(stdin, str | None):
            raise ValueError("stdin must be a path or null")
        self.argv: list[str] = argv
        self.env: dict[str, str] = {**env, DIR_VARIABLE: self.folder}
        self.stdin = stdin or os.devnull
        self.grace_s = _seconds(request, "grace_s")
        self.kill_after_s = _seconds(request, "kill_after_s")
        self.lock = None if request.get("lock") is None else _text(request, "lock")
        self.limits = _limits(request.get("limits", {}))


def _limits(given: object) -> dict[str, int]:
    if not isinstance(given, dict) or not all(type(value) is int and value > 0 for value in given.values()):
        raise ValueError("limits must be an object of positive numbers")
    return {name: given[name] for name in LIMITS if name in given}


def _text(request: dict[str, object], name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not os.path.isabs(value):
        raise ValueError(f"{name} must be an absolute path")
    return value


def _seconds(request: dict[str, object], name: str) -> float:
    value = request.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise ValueError(f"{name} must be a number of seconds")
    return float(value)


def read_request(connection: socket.socket) -> dict[str, object]:
    """Read one JSON line within the limits of size and time; ValueError for anything else."""
    until, data = time.monotonic() + REQUEST_SECONDS, bytearray()
    while not data.endswith(b"\n"):
        connection.settimeout(max(0.001, until - time.monotonic()))
        part = connection.recv(65536)
        data += part
        if not part or len(data) > REQUEST_BYTES:
            raise ValueError("the request is too large or has no end")
    request = json.loads(data)
    if not isinstance(request, dict):
        raise ValueError("a request is one JSON object")
    return request


def reply(connection: socket.socket, answer: dict[str, object]) -> None:
    """Send the answer and hang up; a client that is gone finds the session by its keeper.json."""
    with connection, contextlib.suppress(OSError):
        connection.sendall(json.dumps(answer).encode() + b"\n")


def is_own_user(connection: socket.socket) -> bool:
    """Whether the peer runs as this user; where the system cannot tell, the private folder is the guard."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return bool(struct.unpack("3i", peer)[1] == os.getuid())
