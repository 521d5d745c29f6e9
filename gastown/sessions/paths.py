"""Where a session keeps its files. Pure."""

from pathlib import Path

from gastown.config import Settings


def session_dir(settings: Settings, assignment_id: int) -> Path:
    """The folder of all runs of one attempt."""
    return settings.town / "sessions" / str(assignment_id)


def run_dir(settings: Settings, assignment_id: int, run: int) -> Path:
    """The folder of one run of the agent's process: prompt, output, exit record."""
    return session_dir(settings, assignment_id) / f"run-{run}"


def run_number(folder: Path) -> int:
    """Which run of its attempt a run's folder belongs to."""
    return int(folder.name.removeprefix("run-"))


def earlier_runs(folder: Path) -> list[Path]:
    """The folders of the runs before this one, newest first; some may be missing."""
    return [folder.with_name(f"run-{number}") for number in range(run_number(folder) - 1, 0, -1)]


def count_unstarted(folder: Path) -> int:
    """How many runs before this one were counted and never started: their worker died in between."""
    return len(list_unstarted(folder))


def list_unstarted(folder: Path) -> list[int]:
    """Their numbers, the first one first."""
    return [run_number(run) for run in reversed(earlier_runs(folder)) if not (run / "keeper.json").exists()]


def latest_run_dir(settings: Settings, assignment_id: int) -> Path | None:
    """The newest run's folder on this host."""
    runs = session_dir(settings, assignment_id)
    if not runs.is_dir():
        return None
    numbered = [path for path in runs.iterdir() if path.name.startswith("run-") and path.name[4:].isdigit()]
    return max(numbered, key=run_number, default=None)


def socket_path(settings: Settings, assignment_id: int) -> Path:
    """The socket on which this attempt's worker answers the agent; short enough for any town's folder."""
    return settings.run / f"s{assignment_id}.sock"
