"""The real Claude Code and Codex, started as we start them, driven by a scripted model server."""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gastown import runtimes
from gastown.runtimes import catalog, host
from tests.support import agent_clis, model_server
from tests.support.model_server import CACHED_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS, Fault

pytestmark = [pytest.mark.agents, pytest.mark.timeout(300)]
AGENTS = ["claude", "codex"]


@dataclass
class Stage:
    """Where real agents act: the command lines, a model server and a home, without a way out where that is possible."""

    server: model_server.ModelServer
    environ: dict[str, str]
    programs: dict[str, str]
    is_alone: bool

    def run(self, keepers: Any, name: str, prompt: str, *, run: str, resume: str | None = None) -> Any:
        """Run one agent to its end; answer its exit and its usage."""
        preset = catalog.get(name, {name: {"command": self.programs[name]}})
        chosen = resume or str(uuid.uuid4())
        launched = (runtimes.resume if resume else runtimes.launch)(preset, prompt=prompt, session_id=chosen)
        folder = keepers.folder(run)
        (folder / "prompt.txt").write_text(launched.stdin or "")
        work = keepers.folder("work")
        environ = runtimes.environment(preset, self.environ, uid=os.getuid())
        process = keepers.start(
            "", run, argv=list(launched.argv), cwd=work, env=environ, stdin=folder / "prompt.txt", grace_s=120.0
        )
        assert host.wait(process, 100), (folder / "stderr.log").read_text()
        return host.read_exit(folder), runtimes.parse_usage(preset.usage, folder / "stdout.log")


@pytest.fixture(scope="module")
def clis() -> agent_clis.Clis:
    found = agent_clis.install()
    if found.folder is None:
        if os.environ.get("CI"):
            pytest.fail(found.reason)
        pytest.skip(found.reason)
    return found


@pytest.fixture
def stage(clis: agent_clis.Clis, keepers: Any) -> Iterator[Stage]:
    space = agent_clis.LoopbackOnly()
    refusal = space.open()
    home, bin_folder = keepers.base / "home", keepers.folder("bin")
    programs = {name: clis.path(name) for name in AGENTS}
    if refusal is None:
        programs = {name: str(space.write_wrapper(bin_folder, path)) for name, path in programs.items()}
    with model_server.running(None if refusal else space.listen()) as server:
        environ = agent_clis.prepare_home(home, server.url, os.environ["PATH"])
        yield Stage(server=server, environ=environ, programs=programs, is_alone=refusal is None)
    space.close()


@pytest.mark.parametrize("name", AGENTS)
def test_agent_works_in_its_folder_and_reports_usage_when_it_follows_its_prompt(
    name: str, stage: Stage, keepers: Any
) -> None:
    marker = stage.server.scripts.add(name, ["pwd > where.txt", "cat /proc/net/dev > net.txt"])

    ending, usage = stage.run(keepers, name, f"--help is no option here. {marker}", run="run-1")

    work = keepers.base / "work"
    assert (ending.code, ending.reason) == (0, host.ExitReason.EXITED)
    assert (work / "where.txt").read_text().strip() == str(work)
    requests = len(stage.server.scripts.of(name))
    assert requests == 3
    assert (usage.output_tokens, usage.cache_read_tokens) == (requests * OUTPUT_TOKENS, requests * CACHED_TOKENS)
    assert usage.is_complete
    assert usage.agent_session_id
    assert (usage.cost_usd is not None) == (name == "claude")
    if stage.is_alone:
        assert [line.split(":")[0].strip() for line in (work / "net.txt").read_text().splitlines()[2:]] == ["lo"]


@pytest.mark.parametrize("name", AGENTS)
def test_session_remembers_and_books_only_its_own_usage_when_it_is_resumed(
    name: str, stage: Stage, keepers: Any
) -> None:
    first_marker = stage.server.scripts.add("first", ["echo one > one.txt"])
    second_marker = stage.server.scripts.add("second", ["echo two > two.txt"])
    _, first = stage.run(keepers, name, f"begin {first_marker}", run="run-1")

    ending, second = stage.run(keepers, name, f"- go on {second_marker}", run="run-2", resume=first.agent_session_id)

    assert ending.code == 0
    assert (keepers.base / "work" / "two.txt").read_text() == "two\n"
    assert second.agent_session_id == first.agent_session_id
    booked = second.since(first)
    assert booked.output_tokens == 2 * OUTPUT_TOKENS
    inputs = 2 * (INPUT_TOKENS if name == "claude" else INPUT_TOKENS - CACHED_TOKENS)
    assert booked.input_tokens == inputs
    asked = stage.server.scripts.of("second")[0].body
    assert first_marker in str(asked), "the second run does not know the first one's conversation"


@pytest.mark.parametrize("name", AGENTS)
def test_failure_is_reported_when_the_model_server_refuses(name: str, stage: Stage, keepers: Any) -> None:
    marker = stage.server.scripts.add("broken", [Fault(400)])

    ending, usage = stage.run(keepers, name, f"begin {marker}", run="run-1")

    assert ending.code == 1
    assert usage.is_error
    assert "scripted fault 400" in usage.error
    assert usage.api_status == (400 if name == "claude" else None)


@pytest.mark.parametrize("name", AGENTS)
def test_long_prompt_arrives_whole_when_it_exceeds_an_argument(name: str, stage: Stage, keepers: Any) -> None:
    marker = stage.server.scripts.add("long", [])
    words = "word " * 40_000

    ending, _ = stage.run(keepers, name, f"{words} end-of-words {marker}", run="run-1")

    assert ending.code == 0
    assert "word end-of-words" in str(stage.server.scripts.of("long")[0].body).replace("  ", " ")


def test_each_follows_its_own_script_when_several_run_at_once(stage: Stage, keepers: Any) -> None:
    processes = []
    for name in AGENTS * 2:
        run = f"{name}-{len(processes)}"
        marker = stage.server.scripts.add(run, [f"echo {run} >> {run}.txt"])
        preset = catalog.get(name, {name: {"command": stage.programs[name]}})
        launched = runtimes.launch(preset, prompt=marker, session_id=str(uuid.uuid4()))
        folder: Path = keepers.folder(run)
        (folder / "prompt.txt").write_text(launched.stdin or "")
        environ = runtimes.environment(preset, stage.environ, uid=os.getuid())
        processes.append(
            keepers.start(
                "", run, argv=list(launched.argv), cwd=folder, env=environ, stdin=folder / "prompt.txt", grace_s=120.0
            )
        )

    for process in processes:
        assert host.wait(process, 100)
        assert (process.dir / f"{process.dir.name}.txt").read_text() == f"{process.dir.name}\n"
