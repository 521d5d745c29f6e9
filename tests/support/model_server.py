"""A model server on loopback that answers from a script: the brain of the real agent command lines in tests.

It speaks Anthropic `/v1/messages` (and `/count_tokens`) and OpenAI `/v1/responses`. A prompt that holds the marker of a
script (`marker("name")`) gets its steps one after another as shell tool calls, then a text and the end of the turn.
"""

import json
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MARKER = re.compile(r"\[\[script:([\w.-]+)\]\]")
INPUT_TOKENS, OUTPUT_TOKENS, CACHED_TOKENS = 100, 20, 30  # told to the agent for every request
FINAL_TEXT = "All steps of the script are done."


@dataclass(frozen=True)
class Fault:
    """A step that answers with an HTTP error instead."""

    status: int


@dataclass(frozen=True)
class Goodbye:
    """A step that says something and ends the turn; what follows it is for a session that is resumed."""


Step = str | Fault | Goodbye


@dataclass
class Recorded:
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    script: str | None = None
    step: int = 0


@dataclass
class Scripts:
    """What the server knows and saw; shared by its threads."""

    steps: dict[str, list[Step]] = field(default_factory=dict)
    requests: list[Recorded] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, steps: Sequence[Step]) -> str:
        """Register a script; answer the marker that a prompt must hold to get it."""
        with self.lock:
            self.steps[name] = list(steps)
        return marker(name)

    def of(self, name: str) -> list[Recorded]:
        """The requests that belonged to one script, in order."""
        with self.lock:
            return [request for request in self.requests if request.script == name]


def marker(name: str) -> str:
    """The text that makes a prompt follow the script `name`."""
    return f"[[script:{name}]]"


class ModelServer:
    """A running server; `url` is its base address."""

    def __init__(self, listener: socket.socket | None = None) -> None:
        self.scripts = Scripts()
        self._http = _Http(("127.0.0.1", 0), _Handler, bind_and_activate=listener is None)
        if listener is not None:  # made in another network namespace
            self._http.socket.close()
            self._http.socket = listener
            self._http.server_address = listener.getsockname()
        self._http.scripts = self.scripts
        self.port: int = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)


@contextmanager
def running(listener: socket.socket | None = None) -> Iterator[ModelServer]:
    """A model server for the length of a block."""
    server = ModelServer(listener)
    try:
        yield server
    finally:
        server.close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    scripts: Scripts


class _Handler(BaseHTTPRequestHandler):
    server: _Http

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing; requests are recorded."""

    def do_HEAD(self) -> None:
        self._record({})
        self._send(200, b"", "text/plain")

    def do_GET(self) -> None:
        self._record({})
        self._json(200, {"object": "list", "data": [], "models": []})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        path = self.path.partition("?")[0]
        if path.endswith("/count_tokens"):
            self._record(body)
            self._json(200, {"input_tokens": INPUT_TOKENS})
        elif path.endswith("/messages"):
            self._answer(body, list(_anthropic_turn(body)), _anthropic_events, _anthropic_shell(body))
        elif path.endswith("/responses"):
            self._answer(body, list(_openai_turn(body)), _openai_events, _openai_shell(body))
        else:
            self._record(body)
            self._json(404, {"error": {"type": "not_found", "message": path}})

    def _answer(self, body: dict[str, Any], turn: list[str | None], events: Any, shell: bool) -> None:
        """Choose the step by the last marker in the conversation and the tool results after it."""
        name, step = None, 0
        for text in turn:
            found = MARKER.findall(text) if text is not None else []
            if found:
                name, step = found[-1], 0
            elif text is None:
                step += 1
        self._record(body, name, step)
        with self.server.scripts.lock:
            steps = list(self.server.scripts.steps.get(name or "", ()))
        action = steps[step] if shell and step < len(steps) else None
        if isinstance(action, Goodbye):
            action = None
        if isinstance(action, Fault):
            error = {"type": "api_error", "message": f"scripted fault {action.status}"}
            self._json(action.status, {"type": "error", "error": error})
            return
        lines = events(body, action, f"{name or 'none'}_{step}")
        self._send(200, "".join(lines).encode(), "text/event-stream")

    def _record(self, body: dict[str, Any], script: str | None = None, step: int = 0) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        with self.server.scripts.lock:
            self.server.scripts.requests.append(
                Recorded(self.command, self.path, headers, body, script=script, step=step)
            )

    def _json(self, status: int, value: object) -> None:
        self._send(status, json.dumps(value).encode(), "application/json")

    def _send(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _event(kind: str, value: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **value})}\n\n"


def _anthropic_turn(body: dict[str, Any]) -> Iterator[str | None]:
    """Every text of the conversation in order, and None for each tool result and each end of a turn."""
    for message in body.get("messages", ()):
        content = message.get("content")
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content or ():
            if block.get("type") == "tool_result" or block.get("text") == FINAL_TEXT:
                yield None
            elif block.get("type") == "text" and message.get("role") != "assistant":
                yield str(block.get("text"))


def _anthropic_shell(body: dict[str, Any]) -> bool:
    return any(tool.get("name") == "Bash" for tool in body.get("tools") or ())


def _anthropic_events(body: dict[str, Any], command: str | None, key: str) -> Iterator[str]:
    usage = {"input_tokens": INPUT_TOKENS, "cache_read_input_tokens": CACHED_TOKENS, "cache_creation_input_tokens": 0}
    message = {"id": f"msg_{key}", "type": "message", "role": "assistant", "model": body.get("model"), "content": []}
    head = {"stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}
    if command is None:
        block: dict[str, Any] = {"type": "text", "text": ""}
        delta = {"type": "text_delta", "text": FINAL_TEXT}
    else:
        block = {"type": "tool_use", "id": f"toolu_{key}", "name": "Bash", "input": {}}
        arguments = json.dumps({"command": command, "description": "scripted step", "timeout": 120_000})
        delta = {"type": "input_json_delta", "partial_json": arguments}
    yield _event("message_start", {"message": {**message, **head}})
    yield _event("content_block_start", {"index": 0, "content_block": block})
    yield _event("content_block_delta", {"index": 0, "delta": delta})
    yield _event("content_block_stop", {"index": 0})
    ending = {"stop_reason": "end_turn" if command is None else "tool_use", "stop_sequence": None}
    yield _event("message_delta", {"delta": ending, "usage": {**usage, "output_tokens": OUTPUT_TOKENS}})
    yield _event("message_stop", {})


def _openai_turn(body: dict[str, Any]) -> Iterator[str | None]:
    """Every text of the conversation in order, and None for each tool result and each end of a turn."""
    items = body.get("input", ())
    for item in [{"type": "message", "role": "user", "content": items}] if isinstance(items, str) else items:
        if item.get("type") == "function_call_output" or _is_goodbye(item):
            yield None
        elif item.get("role") == "user":
            content = item.get("content")
            for part in [{"text": content}] if isinstance(content, str) else content or ():
                yield str(part.get("text", ""))


def _is_goodbye(item: dict[str, Any]) -> bool:
    parts = item.get("content")
    return item.get("role") == "assistant" and any(part.get("text") == FINAL_TEXT for part in parts or ())


def _openai_shell(body: dict[str, Any]) -> bool:
    return any(tool.get("name") == "exec_command" for tool in body.get("tools") or ())


def _openai_events(body: dict[str, Any], command: str | None, key: str) -> Iterator[str]:
    if command is None:
        text = {"type": "output_text", "text": FINAL_TEXT, "annotations": []}
        item: dict[str, Any] = {"type": "message", "id": f"msg_{key}", "role": "assistant", "content": [text]}
    else:
        item = {"type": "function_call", "id": f"fc_{key}", "call_id": f"call_{key}", "name": "exec_command"}
        # The long wait keeps codex from handing a slow command back half done.
        item["arguments"] = json.dumps({"cmd": command, "yield_time_ms": 30_000})
    usage = {
        "input_tokens": INPUT_TOKENS,
        "input_tokens_details": {"cached_tokens": CACHED_TOKENS},
        "output_tokens": OUTPUT_TOKENS,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    }
    response = {"id": f"resp_{key}", "object": "response", "model": body.get("model")}
    yield _event("response.created", {"response": {**response, "status": "in_progress", "output": []}})
    yield _event("response.output_item.added", {"output_index": 0, "item": item})
    yield _event("response.output_item.done", {"output_index": 0, "item": {**item, "status": "completed"}})
    done = {**response, "status": "completed", "output": [item], "usage": usage}
    yield _event("response.completed", {"response": done})
