"""A process of the town with a fault inside: started as it would be, but that something is changed first.

Its clock may run ahead of everybody else's, and the doorbells that it rings may get lost, come twice, or overtake each
other: what happens to messages on their way, made where they leave.
"""

import json
import os
import random
import runpy
import sys
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from gastown import clock, queue
from gastown.queue import Doorbell


@dataclass(frozen=True)
class Order:
    """What is wrong with the process."""

    ahead_s: float = 0
    """Seconds by which its clock is ahead."""
    lost: float = 0
    """The share of its doorbells that nobody hears."""
    doubled: float = 0
    overtaken: float = 0
    """The share that waits until the next ones have gone out."""
    seed: int = 0
    tally: str = ""
    """The file to which a letter is added for each: l, d, o."""

    @property
    def is_plain(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.ahead_s or self.lost or self.doubled or self.overtaken)

    def words(self) -> str:
        """The order as one word of a command line."""
        return json.dumps(asdict(self))


class Meddler:
    """Stands where doorbells go out."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.chance = random.Random(f"{order.seed} {os.getpid()}")  # noqa: S311 - nothing secret
        self.held: list[Doorbell] = []
        self.ring = queue.ring_all

    def __call__(self, bells: list[Doorbell]) -> list[Doorbell]:
        """Ring some of the bells, some twice, and those that were held back; the caller believes that all went out."""
        order, held = self.order, self.held
        sent: list[Doorbell] = []
        self.held = []
        for bell in bells:
            drawn = self.chance.random()
            if drawn < order.lost:
                self._note("l")
            elif drawn < order.lost + order.doubled:
                sent += [bell, bell]
                self._note("d")
            elif drawn < order.lost + order.doubled + order.overtaken:
                self.held.append(bell)
                self._note("o")
            else:
                sent.append(bell)
        rung = self.ring([*sent, *held])
        # Redis itself is away: the truth, so that the outbox owes them.
        return [] if len(rung) < len(sent) else bells

    def _note(self, letter: str) -> None:
        if self.order.tally:
            with Path(self.order.tally).open("a") as file:
                file.write(letter)


def meddle(order: Order) -> None:
    """Have this process's doorbells go wrong."""
    if order.lost or order.doubled or order.overtaken:
        setattr(queue, "ring_all", Meddler(order))  # noqa: B010 - a plain assignment is refused by the type checker


def put_clock_ahead(seconds: float) -> None:
    """Have this process believe that it is later; what runs by the monotonic clock is right."""
    began, since = clock.now(), clock.monotonic()
    clock.set_source(lambda: began + timedelta(seconds=clock.monotonic() - since + seconds))
    right = getattr(time, "time")  # noqa: B009
    setattr(time, "time", lambda: right() + seconds)  # noqa: B010 - Celery's and kombu's clock


def main(order: str, *words: str) -> None:
    """Become the module, a worker's, with what `order` says wrong."""
    given = Order(**json.loads(order))
    if given.ahead_s:
        put_clock_ahead(given.ahead_s)
    meddle(given)
    module, *sys.argv[1:] = words
    runpy.run_module(module, run_name="__main__", alter_sys=True)
