"""Running one `bd` command line for a tool, and what its answer is."""

import io
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gastown import config
from gastown.cli import session_client
from gastown.cli.context import Context

# What is missing is named itself, never by the name of this project: that may be somebody else's on an index.
HOW_TO_INSTALL = f"{config.python()} -m pip install 'mcp>=2.3'"
# One line of a listing for a model: what it needs to choose. `show` has the rest.
_BRIEF = ("id", "title", "status", "priority", "issue_type", "assignee", "parent", "blocked_by", "labels")

Runner = Callable[[list[str], str], tuple[int, str, str]]


@dataclass(frozen=True)
class CommandFailed(Exception):
    """The command said no: what it said, for the model to read."""

    message: str


def local_runner(context: Context) -> Runner:
    """Runs command lines in this process, on the store that `context` names."""
    taking_turns = threading.Lock()

    def run(argv: list[str], stdin: str) -> tuple[int, str, str]:
        from gastown.cli.app import invoke

        out, err = io.StringIO(), io.StringIO()
        called = replace(
            context, out=out, err=err, stdin=io.StringIO(stdin), is_terminal=False, json=True, has_acted=False
        )
        with taking_turns:
            code = invoke(called, argv)
        return code, out.getvalue(), err.getvalue()

    return run


def session_runner() -> Runner:
    """Sends command lines to the worker of the agent's session that this process belongs to."""

    def run(argv: list[str], stdin: str) -> tuple[int, str, str]:
        answer = session_client.call("bd", argv, stdin)
        return int(answer.get("code", 1)), answer.get("out", ""), answer.get("err", "")

    return run


def ask(run: Runner, argv: Sequence[str]) -> Any:
    """The JSON that a command line with --json prints; raises CommandFailed with its error and hint when it fails."""
    code, out, err = run(list(argv), "")
    try:
        said = json.loads(out) if out.strip() else None
    except ValueError:
        said = None
    if code != 0:
        raise CommandFailed(_failure(said) or err.strip() or f"bd {argv[0]} failed with status {code}")
    return said


def _failure(said: Any) -> str:
    if not isinstance(said, dict) or "error" not in said:
        return ""
    hint = said.get("hint")
    return f"{said['error']}\n{hint}" if hint else str(said["error"])


def brief(found: Any) -> str:
    """A listing, short: one JSON object a line."""
    rows = found if isinstance(found, list) else []
    lines = [json.dumps({name: row[name] for name in _BRIEF if row.get(name) not in (None, "", [])}) for row in rows]
    return "\n".join(lines) or "[]"


def full(found: Any) -> str:
    """The whole answer as JSON."""
    return json.dumps(found, indent=1, ensure_ascii=False)
