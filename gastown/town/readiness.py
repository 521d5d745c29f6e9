"""Whether the processes of this host do their work, which is more than that they run."""

import socket
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from sqlmodel import Session

from gastown import config, queue
from gastown.errors import Unavailable
from gastown.runtimes import host
from gastown.town import presence
from gastown.town.processes import WORKER_ROLES, Options
from gastown.town.supervision import ProcessState

Reading = Callable[[], AbstractContextManager[Session]]
_CONNECT_TIMEOUT_S = 1.0
# One that died this often while starting will not come up by waiting.
_HOPELESS_STARTS = 3


class NotReady(Unavailable):
    """A process of the town does not come up."""


class Watch:
    """Follows processes from their start until each is ready."""

    def __init__(self, settings: config.Settings, options: Options, reading: Reading) -> None:
        self.settings = settings
        self.options = options
        self.reading = reading
        self.ready: set[str] = set()
        self._pids: dict[str, set[int]] = {}

    def look(self, states: list[ProcessState]) -> list[str]:
        """The names that became ready since the last look; raises NotReady for one that cannot come up."""
        for state in states:
            pids = self._pids.setdefault(state.name, set())
            pids |= {state.pid} - {0}
            if state.state == "FATAL" or len(pids) >= _HOPELESS_STARTS:
                raise NotReady(
                    f"{state.name} does not start: {last_line(state)}", hint=f"Read {state.log}, then `gt up` again."
                )
        pending = {state.name: state for state in states if state.name not in self.ready}
        fresh = [name for name in pending if name not in WORKER_ROLES and self._answers(pending[name])]
        if "redis" not in pending or "redis" in fresh:
            fresh += self._workers(pending)
        self.ready |= set(fresh)
        return fresh

    def _answers(self, state: ProcessState) -> bool:
        if state.name == "redis":
            return queue.redis_answers()
        if state.name == "keeper":
            return _listens(socket.AF_UNIX, str(self.settings.run / host.SOCKET_NAME))
        if state.name == "flower":
            return _listens(socket.AF_INET, ("127.0.0.1", self.options.flower_port))
        return state.state == "RUNNING"

    def _workers(self, pending: Mapping[str, ProcessState]) -> list[str]:
        wanted = {name: state.pid for name, state in pending.items() if name in WORKER_ROLES and state.pid}
        if not wanted:
            return []
        with self.reading() as session:
            said = {(row.role, row.pid) for row in presence.list_workers(session) if row.host == self.settings.host_id}
        return [name for name, pid in wanted.items() if (name, pid) in said]


def last_line(state: ProcessState) -> str:
    """The last thing that a process wrote, for people."""
    try:
        lines = [line.strip() for line in state.log.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        lines = []
    return lines[-1][:300] if lines else f"it ended with code {state.exit_code}"


def _listens(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(_CONNECT_TIMEOUT_S)
        try:
            probe.connect(address)
        except OSError:
            return False
    return True
