"""What a session cost, read from the agent's own output; bounded memory, tolerant of broken and missing lines."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gastown.runtimes.base import UsageKind

LINE_BYTES = 4 << 20  # a longer line holds a tool's output, never the figures we look for
ERROR_CHARACTERS = 500


@dataclass(frozen=True)
class Usage:
    """Tokens and money of one run of an agent."""

    input_tokens: int = 0
    """Sent anew: neither read from nor written to a cache."""
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: float | None = None
    """None when the agent does not tell."""
    agent_session_id: str | None = None
    """What `resume` needs."""
    model: str | None = None
    is_error: bool = False
    """The agent says that it failed; its exit code alone may not."""
    error: str | None = None
    api_status: int | None = None
    """HTTP status of the model server when that was the failure; 429 and 529 mean busy, not broken."""
    is_complete: bool = False
    """The agent reported final figures; otherwise they are what its stream showed, and too low."""
    is_cumulative: bool = False
    """Figures count from the start of the agent's session, earlier runs included: book `since` the last one."""

    def since(self, earlier: "Usage | None") -> "Usage":
        """The part of a cumulative count that came after `earlier`, a run of the same agent session."""
        if not self.is_cumulative or earlier is None or earlier.agent_session_id != self.agent_session_id:
            return self
        return replace(
            self,
            input_tokens=max(0, self.input_tokens - earlier.input_tokens),
            output_tokens=max(0, self.output_tokens - earlier.output_tokens),
            cache_read_tokens=max(0, self.cache_read_tokens - earlier.cache_read_tokens),
            cache_write_tokens=max(0, self.cache_write_tokens - earlier.cache_write_tokens),
            is_cumulative=False,
        )


def parse_usage(kind: UsageKind, stdout: Path, earlier: Sequence[Path] = ()) -> Usage:
    """Read the usage of one run from its recorded output; an absent or empty file gives an incomplete zero.

    `earlier` are the outputs of the runs before it, newest first: what an agent that counts from the start of its
    session had counted by then is taken off.
    """
    used = _read(kind, stdout)
    for path in earlier if used.is_cumulative else ():
        before = _read(kind, path)
        if before.is_complete and before.agent_session_id == used.agent_session_id:
            return used.since(before)
    return used


def _read(kind: UsageKind, stdout: Path) -> Usage:
    match kind:
        case UsageKind.CLAUDE:
            return _claude(stdout)
        case UsageKind.CODEX:
            return _codex(stdout)
        case UsageKind.NONE:
            return Usage()


def _events(path: Path) -> Iterator[dict[str, object]]:
    """The JSON objects of a file with one per line; everything else in it is skipped."""
    try:
        with path.open("rb") as stream:
            is_start = True
            while line := stream.readline(LINE_BYTES):
                is_whole, was_start = line.endswith(b"\n"), is_start
                is_start = is_whole
                if was_start and (is_whole or len(line) < LINE_BYTES) and line.startswith(b"{"):
                    value = _parse(line)
                    if value is not None:
                        yield value
    except OSError:
        return


def _parse(line: bytes) -> dict[str, object] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _claude(path: Path) -> Usage:
    usage, last_message = Usage(), None
    for event in _events(path):
        kind = event.get("type")
        if kind == "result":
            usage = _claude_result(event, usage)
        elif kind == "system" and event.get("subtype") == "init":
            session, model = _text(event.get("session_id")), _text(event.get("model"))
            usage = replace(usage, agent_session_id=session, model=model)
        elif kind == "assistant" and not usage.is_complete:
            message = _table(event.get("message"))
            if message.get("id") != last_message:  # one event per content block, all with the same figures
                last_message = message.get("id")
                usage = _add_message(usage, _table(message.get("usage")))
    return usage


def _add_message(usage: Usage, figures: Mapping[str, object]) -> Usage:
    return replace(
        usage,
        input_tokens=usage.input_tokens + _count(figures, "input_tokens"),
        output_tokens=usage.output_tokens + _count(figures, "output_tokens"),
        cache_read_tokens=usage.cache_read_tokens + _count(figures, "cache_read_input_tokens"),
        cache_write_tokens=usage.cache_write_tokens + _count(figures, "cache_creation_input_tokens"),
    )


def _claude_result(event: Mapping[str, object], before: Usage) -> Usage:
    """The last line of a run. Its `subtype` may say success when the model server failed: `is_error` decides."""
    models = {name: _table(figures) for name, figures in _table(event.get("modelUsage")).items()}
    is_error = event.get("is_error") is True or str(event.get("subtype", "")).startswith("error")
    status, cost = event.get("api_error_status"), event.get("total_cost_usd")
    said = _text(event.get("result")) or _text(event.get("subtype"))
    total = Usage(
        cost_usd=float(cost) if isinstance(cost, int | float) else None,
        agent_session_id=_text(event.get("session_id")) or before.agent_session_id,
        model=max(models, key=lambda name: _count(models[name], "outputTokens"), default=before.model),
        is_error=is_error,
        error=(said or "failed")[:ERROR_CHARACTERS] if is_error else None,
        api_status=status if isinstance(status, int) else None,
        is_complete=True,
    )
    if not models:
        return _add_message(total, _table(event.get("usage")))
    # Subagents and side calls are only in the figures by model.
    return replace(
        total,
        input_tokens=sum(_count(figures, "inputTokens") for figures in models.values()),
        output_tokens=sum(_count(figures, "outputTokens") for figures in models.values()),
        cache_read_tokens=sum(_count(figures, "cacheReadInputTokens") for figures in models.values()),
        cache_write_tokens=sum(_count(figures, "cacheCreationInputTokens") for figures in models.values()),
    )


def _codex(path: Path) -> Usage:
    usage = Usage(is_cumulative=True)
    for event in _events(path):
        match event.get("type"):
            case "thread.started":
                usage = replace(usage, agent_session_id=_text(event.get("thread_id")))
            case "turn.completed":
                usage = _codex_turn(usage, _table(event.get("usage")))
            case "turn.failed" | "error":
                said = _text(_table(event.get("error")).get("message")) or _text(event.get("message"))
                usage = replace(usage, is_error=True, error=(said or "failed")[:ERROR_CHARACTERS])
            case _:
                continue
    return usage


def _codex_turn(usage: Usage, figures: Mapping[str, object]) -> Usage:
    """Codex counts cached input as input too; a completed turn takes back the errors that were overcome in it."""
    read, written = _count(figures, "cached_input_tokens"), _count(figures, "cache_write_input_tokens")
    return replace(
        usage,
        input_tokens=max(0, _count(figures, "input_tokens") - read - written),
        output_tokens=_count(figures, "output_tokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
        is_error=False,
        error=None,
        is_complete=True,
    )


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(figures: Mapping[str, object], name: str) -> int:
    value = figures.get(name)
    return value if isinstance(value, int) and value > 0 else 0
