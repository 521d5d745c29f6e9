"""What a run of an agent cost and why it ended, read from what it left in its folder."""

from pathlib import Path

from gastown import config, runtimes
from gastown.runtimes import Preset, SessionExit, Usage
from gastown.sessions import paths

# Of the error stream's last line, for agents that die before they can say anything in their own format.
STDERR_SHOWN = 300
STDERR_READ = 20_000
# The model server will say the same again, however often it is asked: bad key, no right, no such model.
CLIENT_ERRORS = range(400, 500)
BUSY = frozenset({408, 409, 425, 429})


def measure(preset: Preset, folder: Path) -> Usage:
    """What the run in this folder used itself, without the earlier runs of a session that it resumed."""
    earlier = [run / "stdout.log" for run in paths.earlier_runs(folder)]
    return runtimes.parse_usage(preset.usage, folder / "stdout.log", earlier)


def is_refusal(used: Usage) -> bool:
    """Whether the model server refused in a way that asking again cannot change."""
    return used.is_error and used.api_status in CLIENT_ERRORS and used.api_status not in BUSY


def failure(used: Usage) -> dict[str, object]:
    """What an agent said of its own failure, for the run's event; empty when it reported none."""
    if not used.is_error:
        return {}
    return {"is_error": True, "error": _one_line(used.error or ""), "api_status": used.api_status}


def describe(preset: Preset, folder: Path, ended: SessionExit, used: Usage) -> str:
    """Why the run ended, in words for people: its status, what the agent said of it, and a login that is missing."""
    status = f"killed by signal {ended.signal}" if ended.signal is not None else f"exit status {ended.code}"
    failed = used.is_error or ended.code != 0
    said = _one_line(used.error or "") or (_last_line(folder / "stderr.log") if failed else "")
    login = _missing_login(preset) if failed else None
    return ": ".join(part for part in (status, said, login) if part)


def _missing_login(preset: Preset) -> str | None:
    environ = config.environment()
    return runtimes.missing_login(preset, environ, Path(environ.get("HOME") or Path.home()))


def _last_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - STDERR_READ))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    return next((found for line in reversed(lines) if (found := _one_line(line))), "")[:STDERR_SHOWN]


def _one_line(text: str) -> str:
    """The text without line breaks and control characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
