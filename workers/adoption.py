"""What dead workers of this host left: sessions are adopted, gate runs are offered anew, before their leases end.

Whether a process of this host lives is known here; of other hosts' only an expired lease tells.
"""

from functools import partial

from gastown import config, queue, refinery, sessions
from gastown.db.unit_of_work import reading, transact
from gastown.queue import Doorbell, Task
from workers import direct, office

# What a doorbell is given to come back to us through Redis; a worker that begins under load takes longer to connect.
PATIENCE_S = 1.0
# The orphans of the last look: whoever is one still has not been heard.
_orphans: frozenset[int] = frozenset()


def adopt_sessions(*, redis_is_there: bool) -> bool:
    """Have sessions of this host whose worker is gone adopted; whether to look again after `PATIENCE_S`.

    By a doorbell, so that the sessions show as tasks; by a thread beside the pool where that was not heard.
    """
    global _orphans
    here = office.get_office()
    found = sessions.list_orphans(here)
    unheard, _orphans = _orphans, frozenset(found)
    where = queue.host_queue(here.settings.host_id)
    bells = [Doorbell(Task.SUPERVISE, where, (number, "adoption")) for number in found if number not in unheard]
    rung = queue.ring_all(bells) if redis_is_there else []
    heard = {bell.args[0] for bell in rung}
    for number in found:
        if number not in heard:
            supervise(number)
    return bool(rung)


def supervise(number: int) -> None:
    """Supervise an attempt in a thread beside the pool."""
    direct.start(f"{Task.SUPERVISE.value}-{number}", partial(sessions.supervise, office.get_office(), number))


def settle_leftovers() -> None:
    """See off agents whose attempt ended while their worker died, and save what nobody is at any more."""
    here = office.get_office()
    for number in sessions.sweep_leftovers(here).to_see_off:
        direct.start(f"see-off-{number}", partial(sessions.see_off, here, number))


def free_gate_runs() -> None:
    """Offer the gate runs of dead workers of this host anew."""
    here, is_dead = config.current().host_id, office.is_dead_here
    with reading() as session:
        is_any = bool(refinery.list_orphans(session, host=here, is_dead=is_dead))
    if is_any:  # the usual look writes nothing
        transact(lambda session: refinery.free_orphans(session, host=here, is_dead=is_dead, actor=office.holder()))
