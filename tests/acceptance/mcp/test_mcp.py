"""`bd mcp` as a client of the protocol sees it: a real process, real tools, a real store."""

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from gastown.town import schema

WITHIN_S = 60


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A folder with a store of its own."""
    (tmp_path / ".beads").mkdir()
    schema.upgrade(f"sqlite:///{tmp_path}/.beads/beads.db")
    return tmp_path


@asynccontextmanager
async def client(store: Path) -> AsyncIterator[ClientSession]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("GASTOWN_", "BEADS_", "GT_"))}
    server = StdioServerParameters(
        command=sys.executable,
        args=["-c", "from gastown.cli.entry import bd; bd()", "--actor", "ada", "mcp"],
        env={**environ, "GASTOWN_RESIDENT": "off"},
        cwd=str(store),
    )
    with anyio.fail_after(WITHIN_S):
        async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            yield session


async def call(session: ClientSession, name: str, **arguments: Any) -> Any:
    answer = await session.call_tool(name, arguments)
    text = answer.content[0].text
    assert not answer.is_error, text
    return text


def test_an_agent_does_its_work_through_the_tools(store: Path) -> None:
    async def story() -> None:
        async with client(store) as session:
            names = {tool.name for tool in (await session.list_tools()).tools}
            assert names >= {"ready", "list", "show", "create", "claim", "update", "close", "reopen", "dep", "stats"}

            first = json.loads(await call(session, "create", title="--first of all", priority=0, labels="a,b"))["id"]
            second = json.loads(await call(session, "create", title="second", deps=first))["id"]
            assert [json.loads(line)["id"] for line in (await call(session, "ready")).splitlines()] == [first]
            assert json.loads(await call(session, "blocked"))["blocked_by"] == [first]

            claimed = json.loads(await call(session, "claim"))[0]
            assert (claimed["id"], claimed["assignee"], claimed["status"]) == (first, "ada", "in_progress")
            await call(session, "comment", id=first, text="- a remark that begins with a dash")
            await call(session, "update", id=first, notes="found it", add_label="c")
            shown = json.loads(await call(session, "show", id=first))[0]
            assert (shown["title"], shown["notes"], shown["labels"]) == ("--first of all", "found it", ["a", "b", "c"])
            assert shown["comments"][0]["text"] == "- a remark that begins with a dash"

            await call(session, "close", ids=[first], reason="done")
            assert json.loads(await call(session, "ready"))["id"] == second
            assert json.loads(await call(session, "stats"))["summary"]["closed_issues"] == 1
            await call(session, "remember", text="the gate is slow", key="gate")
            assert json.loads(await call(session, "context"))["memories"] == {"gate": "the gate is slow"}

    anyio.run(story)


def test_a_refusal_is_an_error_that_says_what_to_do(store: Path) -> None:
    async def story() -> None:
        async with client(store) as session:
            for name, arguments, said in (
                ("show", {"id": "nothing"}, "no issue"),
                ("create", {"title": "  "}, "title"),
                ("create", {"title": "x", "type": "nonsense"}, "invalid issue type"),
                ("dep", {"action": "add", "id": "x"}, "depends_on"),
                ("update", {"id": "-rf", "status": "open"}, "no issue"),
                ("ready", {"limit": 0}, "greater than or equal to 1"),
            ):
                answer = await session.call_tool(name, arguments)
                assert answer.is_error, name
                assert said in answer.content[0].text

    anyio.run(story)


def test_nothing_but_the_protocol_is_printed(store: Path) -> None:
    """A stray line on standard output would break the stream: the second call still gets its own answer."""

    async def story() -> None:
        async with client(store) as session:
            for _ in range(3):
                assert "total_issues" in await call(session, "stats")
                assert await call(session, "list") == "[]"

    anyio.run(story)
