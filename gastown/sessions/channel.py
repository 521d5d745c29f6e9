"""The session's own socket: an agent's `gt` and `bd` arrive here, one JSON object each way.

Private to this user by its folder and mode; each request shows the session's pass, which is checked against the
attempt's row by whoever answers.
"""

import contextlib
import json
import os
import socket
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gastown import logs

log = logs.get(__name__)

REQUEST_LIMIT = 2_000_000
REQUEST_TIMEOUT_S = 10.0
# Agents may call from several shells at once: so many are answered together, so many wait, and more are hung up on,
# which the agent's side takes for a worker that is away and tries again.
AT_ONCE = 4
WAITING = 28
BACKLOG = 32


@dataclass(frozen=True)
class Answer:
    """What the agent's side prints, and its exit code."""

    out: str
    err: str
    code: int
    is_away: bool = False
    """Whether nothing was done because the database is away or the rig stopped: the agent's side asks again later."""


# (attempt, request) -> answer
Ask = Callable[[int, dict[str, Any]], Answer]


class Channel:
    """A listening socket for one attempt; the supervising thread polls `fileno()` and calls `accept`."""

    def __init__(self, path: Path, assignment_id: int, ask: Ask) -> None:
        self.path = path
        self.assignment_id = assignment_id
        self._ask = ask
        self._room = threading.Semaphore(AT_ONCE)
        self._accepted = threading.Semaphore(AT_ONCE + WAITING)
        self._listener = _listen(path)
        self._identity = _identity(path)

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._listener.fileno()

    def mend(self) -> bool:
        """Listen anew when somebody deleted the socket; False when it is there, ours or an adopter's."""
        if self.path.exists():
            return False
        gone = self._listener
        self._listener = _listen(self.path)
        self._identity = _identity(self.path)
        gone.close()
        return True

    def accept(self) -> None:
        """Take one connection and answer it from a thread of its own."""
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if not self._accepted.acquire(blocking=False):
            connection.close()
            return
        threading.Thread(
            target=self._serve, args=(connection,), name=f"answer-{self.assignment_id}", daemon=True
        ).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            self._answer(connection)
        finally:
            self._accepted.release()

    def _answer(self, connection: socket.socket) -> None:
        with connection, self._room:
            connection.settimeout(REQUEST_TIMEOUT_S)
            try:
                request = _read(connection)
            except (OSError, ValueError) as error:
                log.info("a request for attempt %d makes no sense: %s", self.assignment_id, error)
                return
            try:
                answer = self._ask(self.assignment_id, request)
            except Exception:
                log.exception("a command of attempt %d failed", self.assignment_id)
                answer = Answer("", "Error: the worker could not run this command; its log says why.\n", 70)
            with contextlib.suppress(OSError):
                reply = {"out": answer.out, "err": answer.err, "code": answer.code, "away": answer.is_away}
                connection.sendall(json.dumps(reply).encode())

    def close(self) -> None:
        """Stop listening; the path is removed only while it is still ours (an adopter may have taken it)."""
        self._listener.close()
        if _identity(self.path) == self._identity:
            self.path.unlink(missing_ok=True)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISSOCK(found.st_mode) else None


def _listen(path: Path) -> socket.socket:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Bound aside and renamed into place: whoever served this path before loses it in one step, nobody sees a gap.
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    listener.bind(str(aside))
    aside.chmod(0o600)
    listener.listen(BACKLOG)
    aside.rename(path)
    listener.setblocking(False)
    return listener


def _read(connection: socket.socket) -> dict[str, Any]:
    data = b""
    while not data.endswith(b"\n"):
        part = connection.recv(65536)
        if not part:
            break
        data += part
        if len(data) > REQUEST_LIMIT:
            raise ValueError("too long")
    request = json.loads(data)
    if not isinstance(request, dict):
        raise ValueError("not an object")
    return request
