"""What a run came to, in the shape that `gt chaos --json` prints. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gastown.chaos import checker
from gastown.chaos.evidence import Evidence
from gastown.chaos.wanted import Wanted


@dataclass(frozen=True)
class Result:
    """The run's figures and verdicts; the keys of `recovery` stand among those of the whole."""

    wanted: Wanted
    counts: Mapping[str, int]
    faults: Mapping[str, int]
    violations: Mapping[str, Sequence[str]]
    recovery: Mapping[str, Any]
    replay_equal: bool
    duration_s: float

    @property
    def is_good(self) -> bool:
        """Whether every invariant held."""
        return not any(self.violations.values())

    def as_json(self) -> dict[str, Any]:
        """The object that is printed."""
        wanted = self.wanted
        kills = sum(number for kind, number in self.faults.items() if kind.startswith("kill."))
        return {
            **self.counts,
            "kills": kills,
            "faults": dict(sorted(self.faults.items())),
            "invariants": {name: "violated" if found else "held" for name, found in self.violations.items()},
            "violations": {name: list(found) for name, found in self.violations.items() if found},
            **self.recovery,
            "replay_equal": self.replay_equal,
            "seed": wanted.seed,
            "duration_s": round(self.duration_s, 1),
            "ttl_s": wanted.ttl_s,
            "rigs": wanted.rigs,
            "hosts": wanted.hosts,
            "slots": wanted.slots,
            "beats": wanted.beats,
            "database": wanted.database if "://" not in wanted.database else "named",
            "skew_s": wanted.skew_s,
            "drop_doorbells": wanted.drop_doorbells,
            "doorbell_faults_percent": wanted.doorbell_faults,
        }


def judge(
    wanted: Wanted,
    evidence: Evidence,
    violations: Mapping[str, Sequence[str]],
    recovery: Mapping[str, Any],
    duration_s: float,
    meddled: Counter[str],
) -> Result:
    """Count what happened."""
    return Result(
        wanted=wanted,
        counts={"beads": len(evidence.slung), **asdict(checker.count(evidence))},
        faults=Counter(fault.kind for fault in evidence.faults) + meddled,
        violations=violations,
        recovery=recovery,
        replay_equal=not evidence.replay_differences,
        duration_s=duration_s,
    )
