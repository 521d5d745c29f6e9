"""Real processes: a copy of the package with `bd` and `gt` of its own, and a private folder for its residents."""

import compileall
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gastown.cli.resident import client
from tests.support.source_tree import ROOT

WITHIN_S = 60.0
_SCRIPT = """#!{python}
import sys
from gastown.cli.entry import {program}
if __name__ == "__main__":
    sys.exit({program}())
"""


def wait_for(found: Callable[[], Any], what: str) -> Any:
    """Ask until the answer is true."""
    deadline = time.monotonic() + WITHIN_S
    while not (answer := found()):
        assert time.monotonic() < deadline, f"not within {WITHIN_S:g} s: {what}"
        time.sleep(0.01)
    return answer


@dataclass
class Install:
    """A copy of the package, and a folder with its commands."""

    source: Path
    programs: Path


@dataclass
class Place:
    """A store, a runtime folder, and the commands."""

    install: Install
    project: Path
    run_dir: Path
    env: dict[str, str] = field(default_factory=dict)

    def argv(self, *words: str) -> list[str]:
        """The command line of `bd`, or of `gt` where that is the first word."""
        program, rest = ("gt", words[1:]) if words[:1] == ("gt",) else ("bd", words)
        return [str(self.install.programs / program), *rest]

    def run(
        self, *words: str, env: dict[str, str] | None = None, cwd: Path | None = None, **more: Any
    ) -> "subprocess.CompletedProcess[str]":
        """Run one command to its end."""
        more = {"input": "", **more} if "stdin" not in more else more
        return subprocess.run(
            self.argv(*words),
            env={**self.env, **(env or {})},
            cwd=cwd or self.project,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
            **more,
        )

    def direct(self, *words: str, **more: Any) -> "subprocess.CompletedProcess[str]":
        """The same without a resident."""
        return self.run(*words, env={**more.pop("env", {}), "GASTOWN_RESIDENT": "off"}, **more)

    def start(self, *words: str, env: dict[str, str] | None = None, **more: Any) -> "subprocess.Popen[bytes]":
        """Start one command."""
        return subprocess.Popen(self.argv(*words), env={**self.env, **(env or {})}, cwd=self.project, **more)

    def shell(self, line: str, *, direct: bool = False) -> "subprocess.CompletedProcess[str]":
        """Run a line of bash in which `bd` is ours."""
        env = {**self.env, "PATH": f"{self.install.programs}:{self.env['PATH']}"}
        env |= {"GASTOWN_RESIDENT": "off"} if direct else {}
        return subprocess.run(
            ["bash", "-c", line],
            env=env,
            cwd=self.project,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )

    def sockets(self) -> list[Path]:
        """Every resident's socket."""
        return sorted((self.run_dir / "gastown").glob("resident-*.sock"))

    def residents(self) -> list[int]:
        """The residents that answer."""
        found = []
        for path in self.sockets():
            try:
                connection = client.connect(str(path))
            except OSError:
                continue
            found.append(client.peer(connection)[0])
            connection.close()
        return found

    def processes(self) -> list[int]:
        """Every process that was started as a resident here or forked by one; zombies are not among them."""
        marker, found = os.fsencode(self.run_dir), []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                if marker in words and b"resident.server" in words:
                    found.append(int(entry.name))
        return found

    def warm_up(self) -> int:
        """Have a resident; returns its process id."""
        self.run("version")
        return int(wait_for(self.residents, "a resident that answers")[0])

    def served(self, resident: int) -> int:
        """Grows whenever the resident has waited for a child: the page faults of its children."""
        return int(Path(f"/proc/{resident}/stat").read_text().rpartition(")")[2].split()[8])

    def run_warm(self, resident: int, *words: str, **more: Any) -> "subprocess.CompletedProcess[str]":
        """Run a command, and see that a child of the resident ran it."""
        before = self.served(resident)
        done = self.run(*words, **more)
        wait_for(lambda: self.served(resident) > before, f"a child of the resident that ran {words}")
        return done

    def end(self) -> None:
        """Kill whatever is still there."""
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


@pytest.fixture(scope="module")
def install(tmp_path_factory: pytest.TempPathFactory) -> Install:
    """A copy of the package that nobody else changes, compiled."""
    top = tmp_path_factory.mktemp("install")
    shutil.copytree(ROOT / "gastown", top / "source" / "gastown")
    compileall.compile_dir(top / "source", quiet=2)
    (top / "bin").mkdir()
    for program in ("bd", "gt"):
        script = top / "bin" / program
        script.write_text(_SCRIPT.format(python=sys.executable, program=program))
        script.chmod(0o755)
    return Install(top / "source", top / "bin")


@pytest.fixture(scope="module")
def fresh(install: Install, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a store that nobody has used, to be copied."""
    top = tmp_path_factory.mktemp("fresh")
    place = _place(install, top, top)
    made = place.direct("init", "--prefix", "app")
    assert made.returncode == 0, made.stderr
    return place.project


def _place(install: Install, folder: Path, run_dir: Path) -> Place:
    project = folder / "project"
    project.mkdir()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",
        "XDG_RUNTIME_DIR": str(run_dir),
        "PYTHONPATH": str(install.source),
        "GT_ACTOR": "ada",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    return Place(install, project, run_dir, env)


@pytest.fixture
def place(install: Install, fresh: Path, tmp_path: Path) -> Iterator[Place]:
    """A store of its own; at the end every process of its residents is gone."""
    run_dir = Path(tempfile.mkdtemp(prefix="gt-run-", dir="/tmp"))
    found = _place(install, tmp_path, run_dir)
    try:
        shutil.copytree(fresh, found.project, dirs_exist_ok=True)
        yield found
    finally:
        found.end()
        shutil.rmtree(run_dir, ignore_errors=True)
