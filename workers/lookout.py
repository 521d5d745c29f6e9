"""What a worker looks for by itself, every ten seconds: sessions to adopt, overdue ticks, and, without Redis, work."""

import threading
from collections.abc import Callable
from functools import partial

from gastown import assignments, clock, config, logs, queue, refinery, rigs, sessions, town
from gastown.db.unit_of_work import reading, transact
from gastown.queue import Doorbell, Task
from workers import office

log = logs.get(__name__)

# Presence is renewed this often at the most; who has not been seen for three times as long is taken for gone.
HELLO_EVERY = 2
_hellos = 0
# Every worker asks; one of each host gets the period.
PATROL_EVERY_S = 60
_patrolled_at: float | None = None
_direct: dict[str, threading.Thread] = {}
_direct_lock = threading.Lock()


def rig_names() -> list[str]:
    """Every rig of the town."""
    with reading() as session:
        return [rig.name for rig in rigs.list_all(session)]


def say_hello(role: str, queues: list[str]) -> None:
    """Say that this worker is there, and what it serves."""
    global _hellos
    _hellos += 1
    if _hellos % HELLO_EVERY == 1:
        settings = config.current()
        transact(lambda session: town.note_worker(session, settings, office.holder(), role=role, queues=queues))


def say_goodbye() -> None:
    """Take this worker off the list; best effort."""
    try:
        transact(lambda session: town.forget_worker(session, office.holder()))
    except Exception as error:  # the process ends anyway
        log.info("left without a goodbye: %s", error)


def look_out(role: str, *, stopping: bool) -> None:
    """One look."""
    if stopping:
        return
    redis_is_there = queue.redis_answers()
    if role in ("sessions", "all"):
        _adopt(redis_is_there)
    if role in ("town", "all"):
        town.run_overdue(office.caller())
    _patrol()
    if not redis_is_there:
        log.warning("Redis is away: looking for work in SQL")
        _work_without_redis(role)


def _patrol() -> None:
    """Have this host looked at once a minute. In a thread: what a patrol puts right may take longer than a look."""
    global _patrolled_at
    now = clock.monotonic()
    if _patrolled_at is None or now - _patrolled_at >= PATROL_EVERY_S:
        _patrolled_at = now
        _directly("patrol", partial(town.patrol_host, office.caller()))


def _adopt(redis_is_there: bool) -> None:
    """Have sessions of this host whose worker is gone adopted, and leftovers of crashes settled."""
    here = office.get_office()
    found = sessions.sweep_leftovers(here)
    where = queue.host_queue(here.settings.host_id)
    bells = [Doorbell(Task.SUPERVISE, where, (number, "adoption")) for number in found.to_adopt]
    rung = queue.ring_all(bells) if redis_is_there else []
    for bell in bells[len(rung) :]:
        _directly(f"supervise-{bell.args[0]}", partial(sessions.supervise, here, bell.args[0]))
    for number in found.to_see_off:
        _directly(f"see-off-{number}", partial(sessions.see_off, here, number))


def _work_without_redis(role: str) -> None:
    settings = config.current()
    if role in ("sessions", "all"):
        here = office.get_office()
        for number in _offered(settings):
            _directly(f"supervise-{number}", partial(sessions.supervise, here, number))
    if role in ("refinery", "all"):
        for rig in rig_names():
            _directly(f"refinery-{rig}", partial(_task(Task.REFINERY_STEP), rig))
    if role in ("gates", "all"):
        with reading() as session:
            wanted = refinery.list_requested(session)
        for number in wanted[: settings.gate_runners]:
            _directly(f"gate-{number}", partial(_task(Task.GATE_RUN), number))


def _task(task: Task) -> Callable[..., object]:
    """The task's body. By name: the modules with the bodies import the app, which starts this lookout."""
    return queue.get_app().tasks[task.value]  # type: ignore[no-any-return]


def _offered(settings: config.Settings) -> list[int]:
    with reading() as session:
        rows = assignments.list_offered(session)
        mine = [row.id for row in rows if settings.rig_filter is None or row.rig in settings.rig_filter]
    room = settings.slots - len(office.get_office().book.entries())
    return [number for number in mine if number is not None][: max(0, room)]


def _directly(name: str, act: Callable[[], object]) -> None:
    """Run in a thread of our own what a doorbell would have started; one thread a name."""
    with _direct_lock:
        running = _direct.get(name)
        if running is not None and running.is_alive():
            return
        thread = threading.Thread(target=act, name=name, daemon=True)
        _direct[name] = thread
        thread.start()
        for finished in [key for key, value in _direct.items() if not value.is_alive()]:
            del _direct[finished]
