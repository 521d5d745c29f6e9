"""What a worker looks for by itself, every ten seconds: sessions to adopt, overdue ticks, and, without Redis, work.

Where leases are short it looks more often; and while Redis is away, as often as there is work.
"""

from collections.abc import Callable, Sequence, Set
from datetime import timedelta
from functools import partial
from math import inf

from gastown import assignments, clock, config, events, logs, queue, refinery, rigs, sessions, sling, town
from gastown.db.unit_of_work import reading, transact
from gastown.queue import Task
from workers import adoption, direct, office

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
_adoption_due = inf
_has_rung = False
# Threads that hold a lease, which they let go when the worker stops.
_LEASED = (Task.SUPERVISE.value, Task.GATE_RUN.value)
# Every worker asks; one of each host gets the period.
PATROL_EVERY_S = 60
_patrolled_at: float | None = None
# What waited at the last look, by what it waits for.
_waiting: dict[str, frozenset[int]] = {}


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
    """Let sessions beside the pool be let go, then take this worker off the list; best effort."""
    direct.wait_for(_LEASED)
    try:
        transact(lambda session: town.forget_worker(session, office.holder()))
    except Exception as error:  # the process ends anyway
        log.info("left without a goodbye: %s", error)


def look_out(role: str, queues: Callable[[], Set[str]], *, stopping: bool) -> float:
    """One look; returns the seconds until the next. `queues` are those that this worker serves."""
    global _full_due, _adoption_due
    if stopping:
        return LATER_S
    redis_is_there = queue.redis_answers()
    now = clock.monotonic()
    if now >= _full_due:
        _full_due = now + _look_s
        _look_at_all(role, redis_is_there)
    elif now >= _adoption_due:
        _adopt(redis_is_there)
    due = min(_full_due, _adoption_due)
    if redis_is_there:
        return due - clock.monotonic()
    return min(_work_without_redis(role, queues()), due - clock.monotonic())


def _adopt(redis_is_there: bool) -> None:
    global _adoption_due
    is_rung = adoption.adopt_sessions(redis_is_there=redis_is_there)
    _adoption_due = clock.monotonic() + adoption.PATIENCE_S if is_rung else inf


def _look_at_all(role: str, redis_is_there: bool) -> None:
    if role in ("sessions", "all"):
        # First: agents wait for the answers of whoever adopts them.
        _adopt(redis_is_there)
        _ring_at_begin(redis_is_there)
        _keep_sessions()
    if role in ("gates", "all"):
        adoption.free_gate_runs()
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
        direct.start("patrol", partial(town.patrol_host, office.caller()))
        direct.start("tidy", partial(town.tidy_host, office.caller()))


def _keep_sessions() -> None:
    here = office.get_office()
    sessions.keep_frozen(here)
    direct.start("upkeep", partial(sessions.tidy_host, here))
    adoption.settle_leftovers()


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
    numbers = _offered(config.current())
    for number in numbers:
        adoption.supervise(number)
    return len(numbers)


def _answer_owed(queues: Set[str]) -> int:
    """Start what the doorbells in SQL ask for, of the queues that this worker serves; offers are taken by rank."""
    with reading() as session:
        owed = events.outbox.list_owed(session, after=timedelta(0))
    mine = [bell for bell in owed.bells if bell.queue in queues and bell.task is not Task.SUPERVISE][:MOST_AT_ONCE]
    for bell in mine:
        words = "-".join(str(word) for word in bell.args)
        direct.start(f"{bell.task.value}-{words}", partial(_task(bell.task), *bell.args))
    if mine:
        answered = [bell.event_id or 0 for bell in mine]
        transact(lambda session: events.outbox.mark_rung(session, answered))
    return len(mine)


def _is_busy() -> bool:
    """Whether something that ends within minutes goes on here: what it leads to is next."""
    short = (Task.REFINERY_STEP, Task.GATE_RUN, Task.REACT)
    return direct.is_any_alive(short)


def _look_for_lost_work(role: str) -> None:
    """What no doorbell in SQL stands for any more: those that were rung into a Redis that died with them."""
    settings = config.current()
    if role in ("refinery", "all"):
        for rig in rig_names():
            direct.start(f"{Task.REFINERY_STEP.value}-{rig}", partial(_task(Task.REFINERY_STEP), rig))
    if role in ("gates", "all"):
        with reading() as session:
            wanted = refinery.list_requested(session)
        for number in wanted[: settings.gate_runners]:
            direct.start(f"{Task.GATE_RUN.value}-{number}", partial(_task(Task.GATE_RUN), number))


def _look_for_unheard(role: str) -> None:
    """Start what waits although Redis answers and it was rung for: a worker that hears nothing looks itself."""
    settings = config.current()
    if role in ("sessions", "all"):
        for number in _still("offer", _offered(settings)):
            adoption.supervise(number)
    if role in ("refinery", "all"):
        with reading() as session:
            unseen = refinery.list_unseen(session, is_dead=office.is_dead_here)
        for rig in unseen:
            direct.start(f"{Task.REFINERY_STEP.value}-{rig}", partial(_task(Task.REFINERY_STEP), rig))
    if role in ("gates", "all"):
        with reading() as session:
            wanted = refinery.list_requested(session)
            room = settings.gate_runners - refinery.count_running(session, office.holder()) if wanted else 0
        for number in _still("gate", wanted)[: max(0, room)]:
            direct.start(f"{Task.GATE_RUN.value}-{number}", partial(_task(Task.GATE_RUN), number))


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
