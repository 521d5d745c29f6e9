"""The ticks as Celery's schedule. What ticks there are, how often and why is `gastown.schedule`."""

from typing import Any

from gastown import queue
from gastown.schedule import TICKS

# After doorbells for work that somebody waits for (0 is the highest).
TICK_PRIORITY = 6
# A tick that nobody took for this many periods is worth nothing any more.
_LIFETIME = 2


def entries() -> dict[str, dict[str, Any]]:
    """One entry a tick, all to the town's queue."""
    return {
        tick.task.value: {
            "task": tick.task.value,
            "schedule": tick.every_s,
            "options": {
                "queue": queue.TOWN_QUEUE,
                "priority": TICK_PRIORITY,
                "expires": _LIFETIME * tick.every_s,
            },
        }
        for tick in TICKS
    }
