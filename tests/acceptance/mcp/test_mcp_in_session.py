"""Inside an agent's session the tools' commands go to the session's socket, with its pass."""

import os
import select
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from gastown.cli import session_client
from gastown.sessions.channel import Answer, Channel


@pytest.fixture
def asked() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def served(tmp_path: Path, asked: list[dict[str, Any]]) -> Iterator[Path]:
    """A session's socket, served as a worker serves it."""

    def answer(_number: int, request: dict[str, Any]) -> Answer:
        asked.append(request)
        if request["argv"][0] == "close":
            return Answer('{"error": "it closes when its work lands", "hint": "gt done"}\n', "", 1)
        return Answer('[{"id": "app-a1b2", "title": "x", "priority": 1}]\n', "", 0)

    channel, done = Channel(tmp_path / "s.sock", 7, answer), threading.Event()

    def pump() -> None:
        while not done.is_set():
            if select.select([channel.fileno()], [], [], 0.05)[0]:
                channel.accept()

    thread = threading.Thread(target=pump)
    thread.start()
    yield tmp_path / "s.sock"
    done.set()
    thread.join(timeout=10)
    channel.close()


def test_calls_go_to_the_sessions_worker(served: Path, asked: list[dict[str, Any]], tmp_path: Path) -> None:
    # What lies in the agent's worktree is not imported.
    (tmp_path / "gastown").mkdir()
    (tmp_path / "gastown" / "__init__.py").write_text("raise SystemExit('the wrong gastown')")
    server = StdioServerParameters(
        command=sys.executable,
        args=["-I", "-S", session_client.__file__, "bd", "mcp"],
        env={"GT_SESSION_SOCKET": str(served), "GT_SESSION_PASS": "secret", "PATH": os.environ["PATH"]},
        cwd=str(tmp_path),
    )

    async def story() -> tuple[Any, Any]:
        with anyio.fail_after(60):
            async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
                await session.initialize()
                return await session.call_tool("ready", {}), await session.call_tool(
                    "close", {"ids": ["app-a1b2"], "reason": "done"}
                )

    found, refused = anyio.run(story)
    assert '"app-a1b2"' in found.content[0].text
    assert refused.is_error
    assert "lands\ngt done" in refused.content[0].text
    assert [request["argv"][0] for request in asked] == ["ready", "close"]
    assert {request["pass"] for request in asked} == {"secret"}
