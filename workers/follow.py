"""What every worker does beside its tasks: follow the rigs' queues, say that it is there, and look for work itself
when Redis is away or the ticks are late."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from celery import bootsteps

from gastown import config, logs, queue
from gastown.errors import GastownError
from workers import lookout

log = logs.get(__name__)

# After a look that failed.
AGAIN_S = 10.0


def queues_of(role: str, rigs: list[str], settings: config.Settings) -> set[str]:
    """The queues that a worker of this role serves now. Pure."""
    mine = [rig for rig in rigs if settings.rig_filter is None or rig in settings.rig_filter]
    wanted: set[str] = set()
    if role in ("sessions", "all"):
        wanted |= {queue.host_queue(settings.host_id), *(queue.rig_queue(rig) for rig in mine)}
    if role in ("refinery", "all"):
        wanted |= {queue.refinery_queue(rig) for rig in mine}
    if role in ("gates", "all"):
        wanted.add(queue.GATES_QUEUE)
    if role in ("town", "all"):
        wanted.add(queue.TOWN_QUEUE)
    return wanted


class BeginToFollow(bootsteps.StartStopStep):  # type: ignore[misc]
    """Worker step: begin on the right queues, and, while Redis is still away, to look after the host's sessions."""

    # After its processes were forked, which must not copy a thread's locks; and before it waits for Redis.
    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        """Called once."""
        parent.consumer.follow_town.choose_queues()
        parent.consumer.follow_town.begin()


class FollowTown(bootsteps.StartStopStep):  # type: ignore[misc]
    """Consumer step: one small thread a worker, for the worker's life."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, role: str = "all", **_options: Any) -> None:
        self.role = role
        self.parent = parent
        self.look = threading.Event()
        self.stopped = threading.Event()
        self.is_connected = False
        parent.follow_town = self
        super().__init__(parent)

    def choose_queues(self) -> None:
        """Have the first request to Redis ask for all of this role's queues: it cannot be widened for a second."""
        wanted = self._try(self._wanted)
        if wanted:
            self.parent.app.amqp.queues.select(sorted(wanted))

    def begin(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._run, name="follow-town", daemon=True).start()

    def start(self, parent: Any) -> None:
        """Called after every connection to Redis: from now on there is something that can follow queues."""
        self.is_connected = True
        self.look.set()

    def stop(self, _parent: Any) -> None:
        """Redis is gone, or the worker ends."""
        self.is_connected = False

    def shutdown(self, _parent: Any) -> None:
        """The worker ends."""
        self.stopped.set()
        self.look.set()
        lookout.say_goodbye()

    def _run(self) -> None:
        while not self.stopped.is_set():
            self.look.wait(self._once())
            self.look.clear()

    def _once(self) -> float:
        """One look; the seconds until the next. Each part is tried, whatever became of the others."""
        pauses = [self._try(act) for act in (self.follow, self._say_hello, self._look_out)]
        return pauses[-1] if pauses[-1] is not None else AGAIN_S

    def _try(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except GastownError as error:
            log.warning("%s", error)
        except Exception:
            log.exception("looking after the town failed; trying again in %g s", AGAIN_S)
        return None

    def follow(self) -> None:
        """Consume exactly the queues that this role has now; also called by the announcement of a rig."""
        if not self.is_connected:
            return
        wanted = self._wanted()
        served = set(self.parent.app.amqp.queues.consume_from)
        for name in wanted - served:
            self._soon(partial(self.parent.add_task_queue, name))
        for name in served - wanted:
            self._soon(partial(self.parent.cancel_task_queue, name))

    def _soon(self, act: Callable[[], Any]) -> None:
        """Consumers belong to the worker's event loop."""
        self.parent.call_soon(act)

    def _say_hello(self) -> None:
        lookout.say_hello(self.role, sorted(self.parent.app.amqp.queues.consume_from))

    def _look_out(self) -> float:
        return lookout.look_out(self.role, self._wanted, stopping=self.stopped.is_set())

    def _wanted(self) -> set[str]:
        return queues_of(self.role, lookout.rig_names(), config.current())
