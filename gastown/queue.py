"""The door to Celery and Redis: queue and task names, the app, ringing doorbells. Both are imported at first use.

A message is a doorbell: it names a task and ids. It may be lost, doubled, late or reordered without harm, because the
task looks in SQL what there is to do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from gastown import config, logs

if TYPE_CHECKING:
    from celery import Celery
    from redis import Redis

log = logs.get(__name__)

# Publishing gives up fast: the outbox sweep rings what this could not.
PUBLISH_TIMEOUT_S = 2
# Only the moment between receipt and start is under this clock, since tasks are acknowledged at their start.
VISIBILITY_TIMEOUT_S = 3600
# Of messages in one queue, from which on ticks add no more: what they ring for is rung for already.
MOST_WAITING = 100
# How long workers and beat wait before they look again for a Redis that went away.
RECONNECT_PAUSES = {"interval_start": 1, "interval_step": 0.5, "interval_max": 3}
# 0 is the highest priority on Redis.
PRIORITY_STEPS = [0, 3, 6, 9]


class Task(StrEnum):
    """Every task name. Names are part of the wire format: rename by adding, never by changing."""

    SUPERVISE = "sessions.supervise"  # args: assignment id; supervises one agent until it ends
    REFINERY_STEP = "refinery.step"  # args: rig; the merge queue's next step
    GATE_RUN = "gates.run"  # args: gate run id; minutes
    REACT = "events.react"  # args: event id; what follows from a fact
    DISPATCH = "town.dispatch"  # promotes waiting work into free slots
    RECONCILE = "town.reconcile"  # expired leases, dead sessions, ready rows without a recent doorbell
    SWEEP_OUTBOX = "town.sweep_outbox"  # doorbells that were never rung
    PATROL = "town.patrol"  # witness and deacon checks


TOWN_QUEUE = "town"
GATES_QUEUE = "gates"


def rig_queue(rig: str) -> str:
    """The queue of a rig's polecat work."""
    return f"rig.{rig}"


def refinery_queue(rig: str) -> str:
    """The queue of a rig's merge train."""
    return f"refinery.{rig}"


def host_queue(host: str) -> str:
    """The queue of work that only `host` can do: rework in its worktrees, adoption of its sessions."""
    return f"host.{host}"


def is_queue_name(name: str) -> bool:
    """Whether somebody could ever serve a queue of this name."""
    kind, _, rest = name.partition(".")
    return name in (TOWN_QUEUE, GATES_QUEUE) or (kind in ("rig", "refinery", "host") and rest.strip() != "")


def is_answered() -> bool:
    """Whether anybody is there for doorbells: nobody where a store has no town."""
    settings = config.current_or_none()
    return settings is None or settings.is_town


@dataclass(frozen=True)
class Doorbell:
    """A task to start and where; `event_id` is the outbox row that it answers for."""

    task: Task
    queue: str
    args: tuple[Any, ...] = ()
    priority: int = 3
    event_id: int | None = field(default=None)


_app: Celery | None = None
# Celery puts another module in its place while it is imported: a thread that comes by just then finds it half there.
_making = threading.Lock()


def get_app() -> Celery:
    """The Celery app of this process's town; threads may ask for it at the same moment."""
    global _app
    with _making:
        if _app is None:
            _app = make_app(config.current())
    return _app


def broker_url(url: str) -> str:
    """Kombu's spelling of a Redis URL; the unix form wants its own scheme."""
    return "redis+socket" + url[len("unix") :] if url.startswith("unix://") else url


def _connections() -> type:
    """Celery's connections, with pauses between two tries that do not grow to half a minute.

    Celery has no setting for that: it asks Kombu for its own defaults.
    """
    from celery.app.amqp import AMQP
    from kombu.connection import Connection

    class Eager(Connection):
        def ensure_connection(self, *args: Any, **options: Any) -> Any:
            return super().ensure_connection(*args, **{**RECONNECT_PAUSES, **options})  # type: ignore[no-untyped-call]

    return type("Eagerly", (AMQP,), {"Connection": Eager})


def make_app(settings: config.Settings) -> Celery:
    """A Celery app for `settings`. Every setting's reason is in docs/celery.md."""
    from celery import Celery

    app = Celery("gastown", broker=broker_url(settings.redis), set_as_current=False, amqp=_connections())
    app.conf.update(
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_TIMEOUT_S,
            "priority_steps": PRIORITY_STEPS,
            "queue_order_strategy": "round_robin",
            "global_keyprefix": "gastown:",
            "socket_timeout": 30,
            "socket_connect_timeout": PUBLISH_TIMEOUT_S,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "unacked_restore_interval": 10,
        },
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=False,
        task_reject_on_worker_lost=False,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue=TOWN_QUEUE,
        task_create_missing_queues=True,
        task_publish_retry=False,
        task_send_sent_event=False,
        worker_send_task_events=True,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_eta_task_limit=1000,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_soft_shutdown_timeout=0,
        event_queue_expires=60,
        timezone="UTC",
    )
    return app


def _forget() -> None:
    global _app, _redis
    if _app is not None:
        _app.close()
    _app = None
    if _redis is not None:
        _redis.close()
    _redis = None


config.on_change(_forget)


def warm() -> bool:
    """Import Celery and open a connection now, so that ringing after the commit is quick. False: Redis is away."""
    # A Redis that hangs would keep Kombu's own client, and whoever waits for the command, for half a minute.
    if not redis_answers():
        return False
    app = get_app()
    try:
        with app.producer_pool.acquire(block=True, timeout=PUBLISH_TIMEOUT_S) as producer:
            producer.connection.ensure_connection(max_retries=1, interval_start=0, timeout=PUBLISH_TIMEOUT_S)
            producer.channel.client.ping()
    except _faults():
        return False
    return True


def ring_all(bells: list[Doorbell]) -> list[Doorbell]:
    """Publish `bells`; return those that went out. Never raises for a Redis that is away."""
    if not bells:
        return []
    # Kombu's own client would try for six seconds where ours knows at once.
    if not redis_answers():
        log.warning("Redis is away, the sweep will ring %d doorbells later", len(bells))
        return []
    app = get_app()
    rung: list[Doorbell] = []
    for bell in bells:
        try:
            app.send_task(bell.task.value, args=list(bell.args), queue=bell.queue, priority=bell.priority, retry=False)
        except _faults() as error:
            log.warning("Redis is away, the sweep will ring %d doorbells later: %s", len(bells) - len(rung), error)
            break
        rung.append(bell)
    return rung


def ring_again(bells: list[Doorbell]) -> list[Doorbell]:
    """Like `ring_all`, for ticks, which come again: leaves out queues that hold enough messages that nobody took."""
    if not bells or not redis_answers():
        return []
    try:
        with get_app().producer_pool.acquire(block=True, timeout=PUBLISH_TIMEOUT_S) as producer:
            # Not `queue_declare(passive=True)`: in kombu 5.7 it finds no queue where keys have a prefix.
            full = {name for name in {bell.queue for bell in bells} if producer.channel._size(name) > MOST_WAITING}
    except _faults():
        return []
    if full:
        log.warning("not rung again, nobody takes what is there: %s", ", ".join(sorted(full)))
    return ring_all([bell for bell in bells if bell.queue not in full])


def _faults() -> tuple[type[Exception], ...]:
    """What says that Redis is away."""
    from kombu.exceptions import OperationalError
    from redis.exceptions import RedisError

    return (OperationalError, RedisError, OSError)


_redis: Redis | None = None


def get_redis() -> Redis:
    """A Redis client for locks and live output, with short time-outs; callers degrade to SQL when it raises."""
    global _redis
    if _redis is None:
        from redis import Redis as Client
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        url = config.current().redis.replace("redis+socket://", "unix://")
        _redis = Client.from_url(
            url, socket_timeout=PUBLISH_TIMEOUT_S, socket_connect_timeout=PUBLISH_TIMEOUT_S, retry=Retry(NoBackoff(), 0)
        )
    return _redis


def redis_answers() -> bool:
    """Whether Redis answers a ping just now."""
    try:
        return bool(get_redis().ping())
    except _faults():
        return False


def redis_settings() -> dict[str, str] | None:
    """What Redis is configured to do with its memory; None where it is away, or hides that."""
    try:
        found = get_redis().config_get("maxmemory-policy", "appendonly", "save")
    except _faults():
        return None
    pairs = found.items() if isinstance(found, dict) else ()
    return {_word(name): _word(value) for name, value in pairs}


def _word(said: object) -> str:
    return said.decode() if isinstance(said, bytes) else str(said)


def try_lock(name: str, value: str, ttl_s: int, *, is_stale: Callable[[str], bool]) -> bool | None:
    """Take the fast lock `name` for `ttl_s`; True taken, False held by another value, None Redis cannot say.

    A value for which `is_stale` is true belonged to somebody who is gone and is overwritten. The proof is never here
    but in SQL.
    """
    try:
        client = get_redis()
        if client.set(name, value, nx=True, ex=ttl_s):
            return True
        held = client.get(name)
        found = held.decode() if isinstance(held, bytes) else ""
        if found == value or is_stale(found):
            client.set(name, value, ex=ttl_s)
            return True
    except _faults():
        return None
    return False


def announce_rig(name: str) -> None:
    """Have running workers look at once which rigs there are; those that miss it look within ten seconds."""
    if not redis_answers():
        return
    try:
        get_app().control.broadcast("follow_rigs", arguments={"rig": name}, reply=False)
    except _faults() as error:
        log.info("workers will find rig %s by themselves: %s", name, error)
