"""Real keepers for tests: a private zygote, session folders, and the certainty that nothing outlives the test."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gastown.runtimes import host


@dataclass
class Keepers:
    """One zygote with its sessions."""

    run_dir: Path
    base: Path
    started: list[host.SessionProcess] = field(default_factory=list)

    def folder(self, name: str = "run-1") -> Path:
        """A session folder, made when it is missing."""
        path = self.base / name
        path.mkdir(exist_ok=True)
        return path

    def spec(self, shell: str, name: str = "run-1", **changes: object) -> host.SessionSpec:
        """A session that runs a shell command in the session folder itself."""
        folder = self.folder(name)
        values: dict[str, object] = {
            "dir": folder,
            "argv": ["sh", "-c", shell],
            "cwd": folder,
            "env": {"PATH": os.environ["PATH"]},
            "kill_after_s": 5.0,
        }
        return host.SessionSpec(**{**values, **changes})  # type: ignore[arg-type]

    def start(self, shell: str, name: str = "run-1", **changes: object) -> host.SessionProcess:
        """Start a session."""
        process = host.start(self.run_dir / host.SOCKET_NAME, self.spec(shell, name, **changes))
        self.started.append(process)
        return process

    def ending(self, shell: str, **changes: object) -> host.SessionExit:
        """Run a session to its end and answer how it ended."""
        process = self.start(shell, **changes)
        assert host.wait(process, 15)
        ending = host.read_exit(process.dir)
        assert ending is not None
        return ending

    @staticmethod
    def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
        """Wait for a condition; fail when it does not come."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true in time"
            time.sleep(0.01)

    def read_pid(self, path: Path) -> int:
        """The pid that an agent wrote to a file of its own."""
        self.until(lambda: path.exists() and path.read_text().strip())
        return int(path.read_text())


@pytest.fixture
def keepers() -> Iterator[Keepers]:
    """A private place for a zygote and its sessions; short, since it holds a socket."""
    base = Path(tempfile.mkdtemp(prefix="gtk-"))
    keepers = Keepers(run_dir=base / "run", base=base)
    yield keepers
    host.end_zygote(keepers.run_dir)
    for process in keepers.started:
        for pid, start in ((process.keeper_pid, process.keeper_start), (process.agent_pid, process.agent_start)):
            if host.process_start(pid) == start:
                os.kill(pid, signal.SIGKILL)
        host.wait(process, 5)
    for folder in {process.dir for process in keepers.started}:
        host.settle(folder)
    shutil.rmtree(base, ignore_errors=True)
