"""Which request boards next. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

BASE_SCORE = 1000.0
CONVOY_HOUR = 10.0  # a convoy that is nearly through should get through
PRIORITY_STEP = 100.0
LOWEST_PRIORITY = 4
RETRY_PENALTY = 50.0
MAX_RETRY_PENALTY = 300.0
AGE_HOUR = 1.0
# Whoever has waited this long boards before everybody younger: a stream of urgent work starves nobody.
MAX_WAIT = timedelta(hours=24)
# The hotfix lane: they board before everybody but the overdue, whatever the score says.
HOTFIX = 0
After = Mapping[int, Set[int]]
"""Which requests each one has to let go first."""
_FREE: After = {}


@dataclass(frozen=True)
class Waiting:
    """What the order depends on."""

    request_id: int
    priority: int
    retries: int
    created_at: datetime
    queued_at: datetime
    convoy_since: datetime | None = None

    @property
    def is_hotfix(self) -> bool:
        """Whether it travels in the hotfix lane."""
        return self.priority == HOTFIX

    def is_overdue(self, now: datetime) -> bool:
        """Whether it has waited so long that nobody younger boards before it."""
        return now - self.queued_at >= MAX_WAIT


def _hours(span: timedelta) -> float:
    return max(0.0, span.total_seconds() / 3600)


def parts(waiting: Waiting, now: datetime) -> dict[str, float]:
    """What the score is the sum of, by name. A priority outside 0..4 counts as 4."""
    priority = waiting.priority if 0 <= waiting.priority <= LOWEST_PRIORITY else LOWEST_PRIORITY
    return {
        "base": BASE_SCORE,
        "convoy": CONVOY_HOUR * _hours(now - waiting.convoy_since) if waiting.convoy_since else 0.0,
        "priority": PRIORITY_STEP * (LOWEST_PRIORITY - priority),
        "retries": -min(RETRY_PENALTY * waiting.retries, MAX_RETRY_PENALTY),
        "age": AGE_HOUR * _hours(now - waiting.created_at),
    }


def score(waiting: Waiting, now: datetime) -> float:
    """The higher boards first, in its lane."""
    return math.fsum(parts(waiting, now).values())


def rank(waiting: Waiting, now: datetime) -> tuple[int, float, int]:
    """The lower boards first: the overdue by their wait, then hotfixes, then the others, by score and by number."""
    if waiting.is_overdue(now):
        return (0, waiting.queued_at.timestamp(), waiting.request_id)
    return (1 if waiting.is_hotfix else 2, -score(waiting, now), waiting.request_id)


def order(queue: Iterable[Waiting], now: datetime, after: After = _FREE) -> list[Waiting]:
    """The queue in boarding order. Whom another one builds on goes right before it, if its own rank is lower.

    `after` has no circles (`without_circles`); who is not in the queue keeps nobody's place.
    """
    ranked = sorted(queue, key=lambda waiting: rank(waiting, now))
    known = {waiting.request_id: waiting for waiting in ranked}
    placed: dict[int, Waiting] = {}
    for waiting in ranked:
        todo = [waiting.request_id]
        while todo:
            number = todo[-1]
            before = [other for other in after.get(number, ()) if other in known and other not in placed]
            if before and number not in placed:
                todo += sorted(before, key=lambda other: rank(known[other], now), reverse=True)
                continue
            placed.setdefault(number, known[number])
            todo.pop()
    return list(placed.values())


def without_circles(sure: After, asked: After) -> dict[int, frozenset[int]]:
    """Both of them as one, less what was `asked` for and cannot be: that a request waits for one that waits for it.

    `sure` is what the commits themselves say, and has no circles.
    """
    joined = {number: set(before) for number, before in sure.items()}
    for number in sorted(asked):
        for other in sorted(asked[number]):
            if number != other and number not in reach(joined, other):
                joined.setdefault(number, set()).add(other)
    return {number: frozenset(before) for number, before in joined.items() if before}


def reach(after: After, number: int) -> set[int]:
    """All that a request has to let go first, directly or not; itself not counted."""
    found: set[int] = set()
    todo: Sequence[int] = [number]
    while todo:
        fresh = {other for one in todo for other in after.get(one, ())} - found
        found |= fresh
        todo = list(fresh)
    return found
