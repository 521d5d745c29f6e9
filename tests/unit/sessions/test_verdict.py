"""What a run left in its folder, read."""

import json
from pathlib import Path

import pytest

from gastown import config
from gastown.runtimes import Usage, catalog
from gastown.runtimes.host import ExitReason, SessionExit
from gastown.sessions import verdict

CODEX = catalog.get("codex")


def run(base: Path, number: int, *, thread: str = "t", output: int | None = None) -> Path:
    """A run of codex that ended a turn at `output` tokens in all, or was killed before that."""
    lines: list[dict[str, object]] = [{"type": "thread.started", "thread_id": thread}]
    if output is not None:
        lines.append({"type": "turn.completed", "usage": {"input_tokens": 0, "output_tokens": output}})
    folder = base / f"run-{number}"
    folder.mkdir()
    (folder / "stdout.log").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def ended(code: int | None, signal: int | None = None) -> SessionExit:
    return SessionExit(code=code, signal=signal, reason=ExitReason.EXITED, ended_at=0.0)


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where nobody has logged in."""
    monkeypatch.setattr(config, "environment", lambda: {"HOME": str(tmp_path)})
    return tmp_path


def test_only_its_own_part_is_counted_when_a_run_was_resumed(tmp_path: Path) -> None:
    run(tmp_path, 1, output=20)
    run(tmp_path, 2, output=50)
    assert verdict.measure(CODEX, run(tmp_path, 3, output=90)).output_tokens == 40


def test_a_killed_runs_part_goes_to_the_next_when_it_said_nothing(tmp_path: Path) -> None:
    run(tmp_path, 1, output=20)
    assert verdict.measure(CODEX, run(tmp_path, 2)).output_tokens == 0
    assert verdict.measure(CODEX, run(tmp_path, 3, output=90)).output_tokens == 70


def test_everything_is_counted_when_the_session_is_another_one(tmp_path: Path) -> None:
    run(tmp_path, 1, output=20)
    assert verdict.measure(CODEX, run(tmp_path, 2, thread="other", output=30)).output_tokens == 30


@pytest.mark.parametrize(
    ("status", "refused"),
    [(400, True), (401, True), (403, True), (429, False), (500, False), (529, False), (None, False)],
)
def test_refused_is_what_asking_again_cannot_change(status: int | None, refused: bool) -> None:
    assert verdict.is_refusal(Usage(is_error=True, api_status=status)) is refused
    assert not verdict.is_refusal(Usage(is_error=False, api_status=status))


def test_words_name_status_error_and_missing_login_when_an_agent_failed(nobody: Path) -> None:
    (nobody / "stderr.log").write_text("first\n\x1b[31mno key\x1b[0m\n\n")
    silent = verdict.describe(CODEX, nobody, ended(1), Usage())
    told = verdict.describe(CODEX, nobody, ended(1), Usage(is_error=True, error="HTTP\n401"))

    assert silent.startswith("exit status 1: [31mno key [0m: codex is not logged in: set CODEX_API_KEY")
    assert told.startswith("exit status 1: HTTP 401: codex is not logged in")
    assert verdict.describe(CODEX, nobody, ended(None, 9), Usage()).startswith("killed by signal 9: ")
    assert verdict.describe(CODEX, nobody, ended(0), Usage()) == "exit status 0"


def test_failure_is_recorded_in_one_line_and_only_when_there_is_one() -> None:
    assert verdict.failure(Usage()) == {}
    assert verdict.failure(Usage(is_error=True, error="a\nb", api_status=500)) == {
        "is_error": True,
        "error": "a b",
        "api_status": 500,
    }
