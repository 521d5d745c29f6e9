"""What the town does again and again. Apart from what it does then: the clock that sends it loads none of that."""

from dataclasses import dataclass

from gastown.queue import Task

RECONCILE_EVERY_S = 10.0


@dataclass(frozen=True)
class Tick:
    """One periodic step."""

    task: Task
    every_s: float
    why: str


TICKS: tuple[Tick, ...] = (
    Tick(
        Task.RECONCILE,
        RECONCILE_EVERY_S,
        "expired leases, waiting work, offers nobody took, owed doorbells, merge queues",
    ),
    Tick(Task.PATROL, 60, "the witness's and the deacon's checks"),
)
