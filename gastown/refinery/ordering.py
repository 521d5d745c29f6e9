"""Which request boards next. Pure."""

from collections.abc import Iterable
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


@dataclass(frozen=True)
class Waiting:
    """What the order depends on."""

    request_id: int
    priority: int
    retries: int
    created_at: datetime
    queued_at: datetime
    convoy_since: datetime | None = None


def _hours(span: timedelta) -> float:
    return max(0.0, span.total_seconds() / 3600)


def score(waiting: Waiting, now: datetime) -> float:
    """The higher boards first. A priority outside 0..4 counts as 4."""
    priority = waiting.priority if 0 <= waiting.priority <= LOWEST_PRIORITY else LOWEST_PRIORITY
    convoy = CONVOY_HOUR * _hours(now - waiting.convoy_since) if waiting.convoy_since else 0.0
    return (
        BASE_SCORE
        + convoy
        + PRIORITY_STEP * (LOWEST_PRIORITY - priority)
        - min(RETRY_PENALTY * waiting.retries, MAX_RETRY_PENALTY)
        + AGE_HOUR * _hours(now - waiting.created_at)
    )


def order(queue: Iterable[Waiting], now: datetime) -> list[Waiting]:
    """The queue in boarding order: the overdue by their wait, then by score, then by id."""

    def key(waiting: Waiting) -> tuple[int, float, int]:
        if now - waiting.queued_at >= MAX_WAIT:
            return (0, waiting.queued_at.timestamp(), waiting.request_id)
        return (1, -score(waiting, now), waiting.request_id)

    return sorted(queue, key=key)
