"""I5: what the agents themselves wrote down, outside of the system, against what SQL and git say.

A commit that a stopped agent made late may live on in its own branch, and another attempt may start from it: that is
how work is saved. What may not be is that it lands as if its author had never been overtaken.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gastown.assignments import AssignmentState
from gastown.chaos.evidence import Evidence, Invariant, JournalLine, Note
from gastown.chaos.reading import Attempt, attempts, collected, of_kind
from gastown.events import EventKind

# Between an agent's act and the line that it writes about it.
_WRITING = timedelta(seconds=1)


@dataclass
class Process:
    """One run of an agent's process, as it tells it."""

    fence: int
    pid: int
    lines: list[JournalLine]

    @property
    def start(self) -> datetime:
        """When it was first heard."""
        return self.lines[0].at

    @property
    def end(self) -> datetime:
        """When it was last heard."""
        return self.lines[-1].at


def processes(journal: Sequence[JournalLine]) -> dict[str, list[Process]]:
    """Every agent's process by bead, in the order in which they were first heard."""
    found: dict[str, list[Process]] = defaultdict(list)
    current: dict[tuple[int, int], Process] = {}
    for line in sorted(journal, key=lambda line: line.at):
        key = (line.session, line.pid)
        if line.note is Note.START or key not in current:
            current[key] = Process(line.fence, line.pid, [])
            found[line.bead].append(current[key])
        current[key].lines.append(line)
    return found


@collected
def nobody_works_twice(evidence: Evidence) -> Iterator[str]:
    """I5."""
    line_of, running = attempts(evidence), processes(evidence.journal)
    for bead, found in running.items():
        known = {attempt.fence: attempt for attempt in line_of.get(bead, [])}
        yield from _overlaps(bead, found, known)
        yield from _unknown(bead, found, known)
    yield from _effects(evidence, running)
    yield from _strangers(evidence, running)


def _overlaps(bead: str, found: Sequence[Process], known: Mapping[int, Attempt]) -> Iterator[str]:
    for place, one in enumerate(found):
        for other in found[place + 1 :]:
            if other.start >= one.end:
                continue
            low, high = sorted((one.fence, other.fence))
            if low == high:
                yield f"{bead}: agents {one.pid} and {other.pid} worked under the same fence {low} at a time"
            elif not _was_over(known.get(low), known.get(high)):
                yield f"{bead}: agents of the fences {low} and {high} worked at a time, and {low} was not over"


def _was_over(older: Attempt | None, newer: Attempt | None) -> bool:
    """Whether the older attempt had ended when the newer one was leased."""
    if older is None or newer is None or not older.ends or not newer.claims:
        return False
    return bool(older.ends[0]["id"] < newer.claims[0]["id"])


def _unknown(bead: str, found: Sequence[Process], known: Mapping[int, Attempt]) -> Iterator[str]:
    """Agents that ran, and of whose attempt or hand-in the log knows nothing."""
    for process in found:
        attempt = known.get(process.fence)
        said = {(line.bead, line.fence, line.session) for line in process.lines}
        if attempt is None or not attempt.claims:
            yield f"{bead}: an agent ran under fence {process.fence}, of which the log knows no lease"
        elif said != {(bead, process.fence, attempt.slung["assignment_id"])}:
            yield f"{bead}: agent {process.pid} speaks of {sorted(said)}, it was given fence {process.fence}"
        elif attempt.ended_as != AssignmentState.SUBMITTED and any(line.note is Note.DONE for line in process.lines):
            ended_as = attempt.ended_as or "open"
            yield f"{bead}: `gt done` under fence {process.fence} was accepted; the log says {ended_as}"


def _effects(evidence: Evidence, running: Mapping[str, Sequence[Process]]) -> Iterator[str]:
    """What landed: under which fence, and whose commits are in it."""
    reachable = frozenset().union(*(repository.reachable for repository in evidence.repositories.values()))
    for event in of_kind(evidence, EventKind.REQUEST_LANDED):
        bead, fence = event["bead_id"], event["fence"]
        starts = [process.start for process in running.get(bead, ()) if process.fence == fence]
        if not starts:
            yield f"{bead}: landed under fence {fence}, and no agent ever ran under it"
            continue
        for process in running[bead]:
            for line in process.lines:
                is_late = process.fence > fence or (process.fence < fence and line.at > min(starts) + _WRITING)
                if line.note is Note.WORK and line.oid in reachable and is_late:
                    yield f"{bead}: {line.oid}, made too late under fence {process.fence}, landed with {fence}"


def _strangers(evidence: Evidence, running: Mapping[str, Sequence[Process]]) -> Iterator[str]:
    """Commits that were handed in, and that no agent of the bead says it made."""
    for event in of_kind(evidence, EventKind.REQUEST_SUBMITTED):
        made = {line.oid for process in running.get(event["bead_id"], ()) for line in process.lines if line.oid}
        if event["payload"].get("head") not in made:
            yield f"{event['bead_id']}: {event['payload'].get('head')} was handed in; no agent says that it made it"


AGENTS = (
    Invariant(
        "I5",
        "No two agents work on a bead at a time unless the older is fenced, and nothing that one did then is visible.",
        nobody_works_twice,
    ),
)
