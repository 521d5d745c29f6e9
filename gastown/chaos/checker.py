"""The checker: every invariant over the evidence of a run, and the figures that people ask for first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gastown.beads import BeadStatus
from gastown.chaos.evidence import Evidence, Invariant
from gastown.chaos.invariants import AGENTS, MERGE, QUIET, RECORDS, WORK
from gastown.chaos.invariants.merge import wrong_ejections
from gastown.chaos.reading import TERMINAL, by_bead, held_up, indexed, of_kind, slung_beads
from gastown.events import EventKind

INVARIANTS: tuple[Invariant, ...] = tuple(
    sorted((*WORK, *AGENTS, *MERGE, *RECORDS, *QUIET), key=lambda invariant: int(invariant.name.removeprefix("I")))
)


@dataclass(frozen=True)
class Counts:
    """What became of the work."""

    landed: int
    escalated: int
    held_up: int
    """Beads that wait for one that was escalated: a person was asked, and nothing else can bring them to an end."""
    lost: int
    double_landed: int
    red_commits: int
    wrong_ejections: int


def check(evidence: Evidence) -> Mapping[str, Sequence[str]]:
    """What each invariant finds wrong, by its name; nothing where it holds."""
    return {invariant.name: invariant.check(evidence) for invariant in INVARIANTS}


def count(evidence: Evidence) -> Counts:
    """The figures of a run."""
    rows, waiting = indexed(evidence, "beads"), held_up(evidence)
    slung = slung_beads(evidence)
    status = {bead: rows[bead]["status"] if bead in rows else "" for bead in slung}
    ended = by_bead(of_kind(evidence, *TERMINAL))
    landed = [bead for bead in slung if status[bead] == BeadStatus.CLOSED and rows[bead]["landed_sha"]]
    escalated = [bead for bead in slung if status[bead] == BeadStatus.ESCALATED]
    settled = {bead for bead in (*landed, *escalated) if ended[bead]} | waiting
    return Counts(
        landed=len(landed),
        escalated=len(escalated),
        held_up=len(waiting & set(slung)),
        lost=len([bead for bead in slung if bead not in settled]),
        double_landed=_double_landed(evidence),
        red_commits=sum(len(repository.red) for repository in evidence.repositories.values()),
        wrong_ejections=len(list(wrong_ejections(evidence))),
    )


def _double_landed(evidence: Evidence) -> int:
    """Beads that landed more often than once, by the log or by the commits on the targets."""
    logged = by_bead(of_kind(evidence, EventKind.REQUEST_LANDED))
    seen: dict[str, int] = {}
    for repository in evidence.repositories.values():
        for commit in repository.first_parents:
            for bead in commit.trailers.get("Bead", ()):
                seen[bead] = seen.get(bead, 0) + 1
    return len(
        {bead for bead, found in logged.items() if len(found) > 1} | {b for b, times in seen.items() if times > 1}
    )
