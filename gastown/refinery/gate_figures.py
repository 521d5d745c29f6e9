"""How each of a rig's gates has done lately."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from sqlmodel import Session, col, select

from gastown import rigs
from gastown.refinery.models import GateRun, RunState, Verdict
from gastown.rigs import Gate

# Runs of the rig that are looked at, the newest first.
LAST_RUNS = 400


@dataclass(frozen=True)
class GateFigures:
    """One gate, and what its last runs came to."""

    gate: Gate
    runs: int
    """Those that it ended with an answer: passed, failed, or flaky."""
    passed: int
    flakes: int
    broken: int
    """Those that it could not be run in."""
    median_s: float | None
    last: Mapping[str, Any] | None
    """Its last result, with the number of the run as `run`."""

    @property
    def pass_rate(self) -> float | None:
        """The share of its answers that were no failure."""
        return self.passed / self.runs if self.runs else None


def gate_figures(session: Session, rig: str) -> list[GateFigures]:
    """Every gate of the rig, in the order in which they run."""
    rows = session.exec(
        select(GateRun.id, GateRun.results)
        .where(GateRun.rig == rig, GateRun.state == RunState.FINISHED)
        .order_by(col(GateRun.id).desc())
        .limit(LAST_RUNS)
    ).all()
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for number, results in rows:
        for result in results:
            found[str(result.get("gate"))].append({**result, "run": number})
    return [_figures(gate, found[gate.name]) for gate in rigs.list_gates(session, rig)]


def _figures(gate: Gate, results: Sequence[Mapping[str, Any]]) -> GateFigures:
    verdicts = [result.get("verdict") for result in results]
    flakes = verdicts.count(Verdict.FLAKY.value)
    passed = verdicts.count(Verdict.PASS.value) + flakes
    seconds = [float(result["seconds"]) for result in results if result.get("exit_code") is not None]
    return GateFigures(
        gate=gate,
        runs=passed + verdicts.count(Verdict.FAIL.value),
        passed=passed,
        flakes=flakes,
        broken=verdicts.count(Verdict.INFRASTRUCTURE_ERROR.value),
        median_s=round(median(seconds), 3) if seconds else None,
        last=results[0] if results else None,
    )
