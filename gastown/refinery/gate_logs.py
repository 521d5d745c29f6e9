"""What gates have printed: whole on the host that ran them, the end of it in SQL for everybody."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from gastown import clock
from gastown.config import Settings
from gastown.errors import NotFound
from gastown.refinery.models import GateRun, RunState
from gastown.refinery.verdicts import clean

# Logs of a host; the oldest go first. One is 20 MB at most.
MOST_BYTES = 1_000_000_000
MOST_LOGS = 20_000
# Younger ones stay whatever there is: somebody may be about to read them.
YOUNG_S = 3600.0


class RunNotFound(NotFound):
    """No gate run has this number."""


@dataclass(frozen=True)
class GateLog:
    """The output of one gate of one run, stdout and stderr in the order in which they came."""

    run: GateRun
    gate: str
    result: Mapping[str, Any]
    """Empty while the gate runs."""
    path: Path | None
    """None: the whole log is on another host, or gone; there is only its end."""

    def lines(self) -> Iterator[str]:
        """Its lines, without colours and control characters."""
        if self.path is None:
            yield from str(self.result.get("tail", "")).splitlines()
            return
        with suppress(FileNotFoundError), self.path.open("r", errors="backslashreplace", newline="\n") as file:
            for line in file:
                yield clean(line.rstrip("\n"))


@dataclass(frozen=True)
class Match:
    """A line in which a text was found."""

    log: GateLog
    number: int
    line: str


def logs_folder(town: Path) -> Path:
    """Where a host's gates write."""
    return town / "logs" / "gates"


def log_path(town: Path, run_id: int, gate: str) -> Path:
    """Where the output of one gate of a run is, on the host that ran it."""
    return logs_folder(town) / f"{run_id}-{gate}.log"


def list_last_runs(session: Session, rig: str | None, *, limit: int) -> Sequence[GateRun]:
    """The last gate runs of a rig, or of all, newest first; those that were called off before they ran are left out."""
    query = select(GateRun).where(col(GateRun.host).is_not(None), GateRun.state != RunState.REQUESTED)
    query = query.order_by(col(GateRun.id).desc()).limit(limit)
    return session.exec(query.where(GateRun.rig == rig) if rig else query).all()


def get_run(session: Session, run_id: int) -> GateRun:
    """The gate run with this number, or RunNotFound."""
    run = session.get(GateRun, run_id)
    if run is None:
        raise RunNotFound(f"there is no gate run {run_id}", hint="gt gate log lists the last ones.")
    return run


def logs_of(run: GateRun, settings: Settings) -> list[GateLog]:
    """The logs of a run's gates, in the order in which they ran; with that of a gate that runs here now."""
    is_here = run.host == settings.host_id
    found = []
    for result in run.results:
        gate = str(result.get("gate", ""))
        path = log_path(settings.town, run.id or 0, gate)
        found.append(GateLog(run, gate, result, path if is_here and path.exists() else None))
    if is_here and run.state is not RunState.FINISHED:
        begin = f"{run.id}-"
        paths = sorted(logs_folder(settings.town).glob(f"{begin}*.log"))
        found += [GateLog(run, path.stem.removeprefix(begin), {}, path) for path in paths]
    return found


def search(logs: Sequence[GateLog], text: str, *, limit: int) -> list[Match]:
    """The lines of these logs in which the text is, upper and lower case alike; so many of them."""
    wanted = text.casefold()
    found = []
    for log in logs:
        for number, line in enumerate(log.lines(), 1):
            if wanted in line.casefold():
                found.append(Match(log, number, line))
                if len(found) == limit:
                    return found
    return found


def forget_oldest(town: Path) -> int:
    """Delete this host's oldest logs where they are too many to keep; returns how many."""
    now = clock.now().timestamp()
    known = []
    with suppress(FileNotFoundError):
        for path in logs_folder(town).iterdir():
            with suppress(FileNotFoundError):
                known.append((path.stat().st_mtime, path.stat().st_size, path))
    total, gone = sum(size for _at, size, _path in known), 0
    for at, size, path in sorted(known):
        if (total <= MOST_BYTES and len(known) - gone <= MOST_LOGS) or now - at < YOUNG_S:
            break
        path.unlink(missing_ok=True)
        total, gone = total - size, gone + 1
    return gone
