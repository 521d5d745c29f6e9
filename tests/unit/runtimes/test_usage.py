"""Usage is read from the agents' own output, whole or broken."""

import json
from pathlib import Path

import pytest

from gastown.runtimes import Usage, UsageKind, parse_usage

CLAUDE_INIT = {"type": "system", "subtype": "init", "session_id": "s-1", "model": "claude-opus-4-8[1m]"}
CLAUDE_RESULT = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "api_error_status": None,
    "num_turns": 3,
    "result": "done",
    "session_id": "s-1",
    "total_cost_usd": 0.25,
    "usage": {
        "input_tokens": 300,
        "cache_creation_input_tokens": 7,
        "cache_read_input_tokens": 90,
        "output_tokens": 60,
    },
    "modelUsage": {
        "claude-opus-4-8": {"inputTokens": 300, "outputTokens": 60, "cacheReadInputTokens": 90, "costUSD": 0.2},
        "claude-haiku": {"inputTokens": 50, "outputTokens": 5, "cacheCreationInputTokens": 4, "costUSD": 0.05},
    },
}
THREAD = {"type": "thread.started", "thread_id": "t-1"}


def assistant(message_id: str) -> dict[str, object]:
    usage = {"input_tokens": 100, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 2, "output_tokens": 1}
    return {"type": "assistant", "message": {"id": message_id, "usage": usage}}


def turn(inputs: int, cached: int, output: int) -> dict[str, object]:
    usage = {"input_tokens": inputs, "cached_input_tokens": cached, "output_tokens": output}
    return {"type": "turn.completed", "usage": usage}


def recorded(folder: Path, *lines: dict[str, object] | str | bytes) -> Path:
    path = folder / "stdout.log"
    with path.open("wb") as file:
        for line in lines:
            data = json.dumps(line) if isinstance(line, dict) else line
            file.write((data.encode() if isinstance(data, str) else data) + b"\n")
    return path


def test_every_model_is_counted_when_claude_reports_a_result(tmp_path: Path) -> None:
    usage = parse_usage(UsageKind.CLAUDE, recorded(tmp_path, CLAUDE_INIT, assistant("m1"), CLAUDE_RESULT))

    assert usage == Usage(
        input_tokens=350,
        output_tokens=65,
        cache_read_tokens=90,
        cache_write_tokens=4,
        cost_usd=0.25,
        agent_session_id="s-1",
        model="claude-opus-4-8",
        is_complete=True,
    )


def test_total_is_counted_when_claude_names_no_models(tmp_path: Path) -> None:
    usage = parse_usage(UsageKind.CLAUDE, recorded(tmp_path, CLAUDE_INIT, {**CLAUDE_RESULT, "modelUsage": {}}))

    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens) == (
        *(300, 60),
        *(90, 7),
    )
    assert usage.model == "claude-opus-4-8[1m]"


def test_error_is_seen_when_claude_calls_it_a_success(tmp_path: Path) -> None:
    failed = {**CLAUDE_RESULT, "is_error": True, "api_error_status": 529, "result": "API Error: 529 overloaded"}

    usage = parse_usage(UsageKind.CLAUDE, recorded(tmp_path, failed))

    assert (usage.is_error, usage.api_status, usage.error) == (True, 529, "API Error: 529 overloaded")


def test_error_is_seen_when_claude_ran_out_of_its_budget(tmp_path: Path) -> None:
    failed = {**CLAUDE_RESULT, "subtype": "error_max_budget_usd", "result": None}

    usage = parse_usage(UsageKind.CLAUDE, recorded(tmp_path, failed))

    assert (usage.is_error, usage.error) == (True, "error_max_budget_usd")


def test_messages_are_counted_once_when_claude_was_killed_before_its_result(tmp_path: Path) -> None:
    path = recorded(tmp_path, CLAUDE_INIT, assistant("m1"), assistant("m1"), assistant("m2"))

    usage = parse_usage(UsageKind.CLAUDE, path)

    assert (usage.input_tokens, usage.cache_read_tokens, usage.is_complete) == (200, 60, False)
    assert usage.agent_session_id == "s-1"


def test_cached_input_is_not_counted_twice_when_codex_reports_a_turn(tmp_path: Path) -> None:
    usage = parse_usage(UsageKind.CODEX, recorded(tmp_path, THREAD, turn(300, 90, 60)))

    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == (210, 90, 60)
    assert (usage.agent_session_id, usage.cost_usd, usage.is_complete) == ("t-1", None, True)


def test_difference_is_booked_when_codex_resumes_a_session(tmp_path: Path) -> None:
    first = parse_usage(UsageKind.CODEX, recorded(tmp_path, THREAD, turn(300, 90, 60)))
    second = parse_usage(UsageKind.CODEX, recorded(tmp_path, THREAD, turn(500, 150, 100)))

    booked = second.since(first)

    assert (booked.input_tokens, booked.cache_read_tokens, booked.output_tokens) == (140, 60, 40)
    assert booked.is_cumulative is False
    assert first.since(None) == first


def test_all_is_booked_when_the_earlier_run_was_of_another_session(tmp_path: Path) -> None:
    first = parse_usage(UsageKind.CODEX, recorded(tmp_path, {**THREAD, "thread_id": "t-0"}, turn(300, 90, 60)))
    second = parse_usage(UsageKind.CODEX, recorded(tmp_path, THREAD, turn(500, 150, 100)))

    assert second.since(first).output_tokens == 100


def test_error_is_seen_when_a_codex_turn_failed(tmp_path: Path) -> None:
    error = {"type": "error", "message": "stream lost"}
    failed = {"type": "turn.failed", "error": {"message": "no quota"}}

    usage = parse_usage(UsageKind.CODEX, recorded(tmp_path, THREAD, error, failed))

    assert (usage.is_error, usage.error, usage.is_complete) == (True, "no quota", False)


def test_error_is_taken_back_when_codex_overcame_it(tmp_path: Path) -> None:
    path = recorded(tmp_path, THREAD, {"type": "error", "message": "reconnecting"}, turn(10, 0, 1))

    assert not parse_usage(UsageKind.CODEX, path).is_error


@pytest.mark.parametrize("kind", [UsageKind.CLAUDE, UsageKind.CODEX])
def test_broken_lines_are_skipped_when_the_output_is_mixed(kind: UsageKind, tmp_path: Path) -> None:
    noise = ["", "plain words", "{not json", b"\xff\xfe{", "[1, 2]", "null", b'{"type": 5, "usage": 3}']
    huge = '{"type": "user", "text": "' + "x" * 9_000_000 + '"}'
    wrong = [{"type": "result", "usage": "?", "modelUsage": [1]}, {"type": "turn.completed", "usage": None}]
    path = recorded(tmp_path, *noise, huge, *wrong, CLAUDE_RESULT, THREAD, turn(5, 0, 1))

    usage = parse_usage(kind, path)

    assert usage.is_complete
    assert usage.output_tokens == (65 if kind is UsageKind.CLAUDE else 1)


@pytest.mark.parametrize("kind", list(UsageKind))
def test_zero_is_answered_when_there_is_no_output(kind: UsageKind, tmp_path: Path) -> None:
    usage = parse_usage(kind, tmp_path / "none")

    assert (usage.input_tokens, usage.cost_usd, usage.is_complete, usage.is_error) == (0, None, False, False)
