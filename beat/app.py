"""The Celery app that beat runs on: the schedule, and a scheduler that neither keeps a file nor fills a queue."""

from typing import Any

from celery import signals
from celery.beat import ScheduleEntry, Scheduler

from beat import schedule
from gastown import config, logs, queue

log = logs.get(__name__)

# With more than this many messages waiting, the town's queue has no worker: what is there will do when one comes.
MOST_WAITING = 20


class TickScheduler(Scheduler):  # type: ignore[misc]
    """Sends ticks while somebody takes them. `expires` alone does not bound a queue: Redis drops nothing by itself."""

    def apply_async(self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **kwargs: Any) -> Any:
        """Publish one tick, unless the queue holds enough of them."""
        # Not `queue_declare(passive=True)`: in kombu 5.7 it finds no queue where keys have a prefix.
        waiting = int(self.producer.channel._size(entry.options["queue"]))
        if waiting > MOST_WAITING:
            log.warning("%s not sent: %d messages wait for a worker of %s", entry.task, waiting, entry.options["queue"])
            return None
        return super().apply_async(entry, producer=producer, advance=advance, **kwargs)


@signals.beat_init.connect
def _no_catching_up(sender: Any, **_kwargs: Any) -> None:
    """Start with a tick at once: whatever was left half-way should not wait for the first period to end."""
    for entry in sender.scheduler.schedule.values():
        entry.last_run_at = entry.last_run_at.replace(year=2000)


@signals.setup_logging.connect
def _set_up_logging(**_kwargs: Any) -> None:
    """One line a record, on standard error."""
    logs.set_up(config.current().log_level)


app = queue.get_app()
app.conf.beat_scheduler = TickScheduler
app.conf.beat_schedule = schedule.entries()
