"""What a worker looks for by itself, every ten seconds: sessions to adopt, overdue ticks, and, without Redis, work.

Where leases are short it looks more often; and while Redis is away, as often as there is work.
"""

import threading
from collections.abc import Callable, Sequence, Set
from datetime import timedelta
from functools import partial

from gastown import assignments, clock, config, events, logs, queue, refinery, rigs, sessions, sling, town
from gastown.db.unit_of_work import reading, transact
from gastown.queue import Doorbell, Task
from workers import office

log = logs.get(__name__)

# Without Redis: after a look that found work, and the longest pause otherwise.
SOON_S = 0.5
LATER_S = 2.0
# Doorbells answered in one look without Redis.
MOST_AT_ONCE = 50
_hello_due = 0.0
_look_s = 1.0
_poll_s = SOON_S
_full_due = 0.0
_has_rung = False
# Every worker asks; one of each host gets the period.
PATROL_EVERY_S = 60
_patrolled_at: float | None = None
# What waited at the last look, by what it waits for.
_waiting: dict[str, frozenset[int]] = {}
_direct: dict[str, threading.Thread] = {}
_direct_lock = threading.Lock()


def rig_names() -> list[str]:
    """Every rig of the town."""
    with reading() as session:
        return [rig.name for rig in rigs.list_all(session)]


def say_hello(role: str, queues: list[str]) -> None:
    """Say that this worker is there, and what it serves, when it is time to."""
    global _hello_due, _look_s
    now = clock.monotonic()
    if now < _hello_due:
        return
    settings = config.current()
    ttl_s = transact(lambda session: town.note_worker(session, settings, office.holder(), role=role, queues=queues))
    # A look that comes a little early is the right one: the next would be too late.
    _hello_due, _look_s = now + 0.9 * town.hello_s(ttl_s), town.look_s(ttl_s)


def say_goodbye() -> None:
    """Take this worker off the list; best effort."""
    try:
        transact(lambda session: town.forget_worker(session, office.holder()))
    except Exception as error:  # the process ends anyway
        log.info("left without a goodbye: %s", error)


def look_out(role: str, queues: Callable[[], Set[str]], *, stopping: bool) -> float:
    """One look; returns the seconds until the next. `queues` are those that this worker serves."""
    global _full_due
    if stopping:
        return LATER_S
    redis_is_there = queue.redis_answers()
    now = clock.monotonic()
    if now >= _full_due:
        _full_due = now + _look_s
        _look_at_all(role, redis_is_there)
    if redis_is_there:
        return _full_due - clock.monotonic()
    return min(_work_without_redis(role, queues()), _full_due - clock.monotonic())


def _look_at_all(role: str, redis_is_there: bool) -> None:
    if role in ("sessions", "all"):
        _adopt(redis_is_there)
        _ring_at_begin(redis_is_there)
    if role in ("town", "all"):
        town.run_overdue(office.caller())
    _patrol()
    if redis_is_there:
        _look_for_unheard(role)
    else:
        log.warning("Redis is away: looking for work in SQL")
        _look_for_lost_work(role)


def _patrol() -> None:
    """Have this host looked at once a minute. In a thread: what a patrol puts right may take longer than a look."""
    global _patrolled_at
    now = clock.monotonic()
    if _patrolled_at is None or now - _patrolled_at >= PATROL_EVERY_S:
        _patrolled_at = now
        _directly("patrol", partial(town.patrol_host, office.caller()))
        _directly("tidy", partial(town.tidy_host, office.caller()))


def _adopt(redis_is_there: bool) -> None:
    """Have sessions of this host whose worker is gone adopted, and leftovers of crashes settled."""
    here = office.get_office()
    sessions.keep_frozen(here)
    _directly("upkeep", partial(sessions.tidy_host, here))
    found = sessions.sweep_leftovers(here)
    where = queue.host_queue(here.settings.host_id)
    unheard = set(_still("adoption", found.to_adopt))
    bells = [Doorbell(Task.SUPERVISE, where, (number, "adoption")) for number in found.to_adopt]
    bells.sort(key=lambda bell: bell.args[0] in unheard)
    rung = queue.ring_all([bell for bell in bells if bell.args[0] not in unheard]) if redis_is_there else []
    for bell in bells[len(rung) :]:
        _directly(f"supervise-{bell.args[0]}", partial(sessions.supervise, here, bell.args[0]))
    for number in found.to_see_off:
        _directly(f"see-off-{number}", partial(sessions.see_off, here, number))


def _ring_at_begin(redis_is_there: bool) -> None:
    """Ring once, when this worker begins, for what waits for a slot: it need not wait until the ticks find it."""
    global _has_rung
    if _has_rung or not redis_is_there:
        return
    _has_rung = True
    slots = config.current().slots
    bells = transact(lambda session: sling.list_stale_offers(session, rung_before=timedelta(0), limit=slots))
    rung = queue.ring_all(bells)
    log.info("rang for %d that waited for this worker", len(rung))


def _work_without_redis(role: str, queues: Set[str]) -> float:
    """Answer the doorbells that nobody can ring; returns when to look again: soon where there was something to do."""
    global _poll_s
    busy = _take_offers() if role in ("sessions", "all") else 0
    busy += _answer_owed(queues)
    _poll_s = SOON_S if busy or _is_busy() else min(LATER_S, 2 * _poll_s)
    return _poll_s


def _take_offers() -> int:
    here = office.get_office()
    numbers = _offered(here.settings)
    for number in numbers:
        _directly(f"supervise-{number}", partial(sessions.supervise, here, number))
    return len(numbers)


def _answer_owed(queues: Set[str]) -> int:
    """Start what the doorbells in SQL ask for, of the queues that this worker serves; offers are taken by rank."""
    with reading() as session:
        owed = events.outbox.list_owed(session, after=timedelta(0))
    mine = [bell for bell in owed.bells if bell.queue in queues and bell.task is not Task.SUPERVISE][:MOST_AT_ONCE]
    for bell in mine:
        words = "-".join(str(word) for word in bell.args)
        _directly(f"{bell.task.value}-{words}", partial(_task(bell.task), *bell.args))
    if mine:
        answered = [bell.event_id or 0 for bell in mine]
        transact(lambda session: events.outbox.mark_rung(session, answered))
    return len(mine)


def _is_busy() -> bool:
    """Whether something that ends within minutes goes on here: what it leads to is next."""
    short = (Task.REFINERY_STEP, Task.GATE_RUN, Task.REACT)
    with _direct_lock:
        return any(thread.is_alive() for name, thread in _direct.items() if name.startswith(short))


def _look_for_lost_work(role: str) -> None:
    """What no doorbell in SQL stands for any more: those that were rung into a Redis that died with them."""
    settings = config.current()
    if role in ("refinery", "all"):
        for rig in rig_names():
            _directly(f"{Task.REFINERY_STEP.value}-{rig}", partial(_task(Task.REFINERY_STEP), rig))
    if role in ("gates", "all"):
        with reading() as session:
            wanted = refinery.list_requested(session)
        for number in wanted[: settings.gate_runners]:
            _directly(f"{Task.GATE_RUN.value}-{number}", partial(_task(Task.GATE_RUN), number))


def _look_for_unheard(role: str) -> None:
    """Start what waits although Redis answers and it was rung for: a worker that hears nothing looks itself."""
    settings = config.current()
    if role in ("sessions", "all"):
        here = office.get_office()
        for number in _still("offer", _offered(settings)):
            _directly(f"supervise-{number}", partial(sessions.supervise, here, number))
    if role in ("refinery", "all"):
        with reading() as session:
            unseen = refinery.list_unseen(session)
        for rig in unseen:
            _directly(f"{Task.REFINERY_STEP.value}-{rig}", partial(_task(Task.REFINERY_STEP), rig))
    if role in ("gates", "all"):
        with reading() as session:
            wanted = refinery.list_requested(session)
            room = settings.gate_runners - refinery.count_running(session, office.holder()) if wanted else 0
        for number in _still("gate", wanted)[: max(0, room)]:
            _directly(f"{Task.GATE_RUN.value}-{number}", partial(_task(Task.GATE_RUN), number))


def _still(what: str, numbers: Sequence[int]) -> list[int]:
    """Those of them that waited at the last look as well."""
    before, _waiting[what] = _waiting.get(what, frozenset()), frozenset(numbers)
    return [number for number in numbers if number in before]


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
