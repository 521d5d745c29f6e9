"""What a series of gate runs says of one tree. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gastown.refinery.models import GateRun, RunState, Verdict

# One red run may be chance; two of the same tree are a verdict.
REDS_TO_BLAME = 2
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=15)

GREEN = frozenset({Verdict.PASS, Verdict.FLAKY})


class Standing(StrEnum):
    """Where the question "is this tree green?" stands."""

    GREEN = "green"
    RED = "red"  # confirmed by a second run
    ASKED = "asked"  # a run is requested or running
    ASK = "ask"  # a run is needed
    STUCK = "stuck"  # the gates could not run as often as the policy allows


@dataclass(frozen=True)
class Judgement:
    """The standing of a tree and the run that decided it."""

    standing: Standing
    run: GateRun | None = None  # the newest that matters: the decisive, the open, or the last that could not run
    attempt: int = 1  # of the run to ask for: 2 confirms a red one
    again_at: datetime | None = None  # when a stuck tree may be tried once more
    reds: int = 0  # so many runs of it failed


def judge(runs: Sequence[GateRun], *, max_infrastructure: int) -> Judgement:
    """Read the runs of one tree under one configuration, oldest first. A run without a verdict is never an answer."""
    counted = [run for run in runs if not run.is_void and run.state is not RunState.CANCELLED]
    finished = [run for run in counted if run.state is RunState.FINISHED]
    green = next((run for run in finished if run.verdict in GREEN), None)
    if green is not None:
        return Judgement(Standing.GREEN, green)
    reds = [run for run in finished if run.verdict is Verdict.FAIL]
    if len(reds) >= REDS_TO_BLAME:
        return Judgement(Standing.RED, reds[-1], len(reds) + 1, reds=len(reds))
    running = next((run for run in counted if run.state is not RunState.FINISHED), None)
    if running is not None:
        return Judgement(Standing.ASKED, running, len(reds) + 1, reds=len(reds))
    attempt = len(reds) + 1
    broken = [run for run in finished if run.verdict not in (Verdict.FAIL, *GREEN)]
    if len(broken) >= max_infrastructure:
        return Judgement(Standing.STUCK, broken[-1], attempt, _again_at(broken, max_infrastructure), reds=len(reds))
    return Judgement(Standing.ASK, finished[-1] if finished else None, attempt, reds=len(reds))


def _again_at(broken: Sequence[GateRun], allowed: int) -> datetime | None:
    last = broken[-1].finished_at
    return None if last is None else last + pause_after(len(broken) - allowed + 1)


def pause_after(failures: int) -> timedelta:
    """Doubling pauses, so that a rig that was mended starts again without anybody's help."""
    doublings = min(max(failures - 1, 0), 10)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)
