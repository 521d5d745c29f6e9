"""Every merge queue with something to do is looked after."""

from collections.abc import Iterable
from datetime import timedelta

from gastown import clock, queue, refinery, rigs
from gastown.patrols.findings import Category, Check, Fault, Hands, Here, NotMended, Patrol, error
from gastown.queue import Doorbell, Task
from gastown.refinery import RequestState, RigStatus
from gastown.rigs import HaltKind

# A queue with something in it is looked at twice a minute.
_TOO_LONG = timedelta(minutes=3)
_TO_DO = (RequestState.QUEUED, RequestState.TESTING, RequestState.LANDING)


def look(here: Here) -> Iterable[Fault]:
    """Queues with requests at which no refinery has looked for several rounds."""
    with here.read() as session:
        lines = refinery.status(session)
        frozen = {halt.rig for halt in rigs.list_halts(session) if halt.kind is HaltKind.ESTOP}
        first = {up.item.request.rig: up.item.request.queued_at for up in refinery.list_next(session)}
    for line in lines:
        waiting = sum(line.counts.get(state, 0) for state in _TO_DO)
        seen = line.looked_at or first.get(line.rig.name)
        is_frozen = bool(frozen & {None, line.rig.name})
        if waiting and not is_frozen and seen is not None and clock.now() - seen > _TOO_LONG:
            yield _fault(line, waiting)


def _fault(line: RigStatus, waiting: int) -> Fault:
    when = f"since {line.looked_at:%Y-%m-%d %H:%M} UTC" if line.looked_at else "ever"
    return error(
        line.rig.name,
        f"{waiting} requests wait and no refinery has looked at its queue {when}",
        "A refinery worker does that: see the check `workers`; `gt status` shows who serves which queue.",
    )


def mend(hands: Hands, fault: Fault) -> str:
    """Ring for a step of the queue; it is harmless where one is under way."""
    if not any(again.subject == fault.subject for again in look(hands.here)):
        return ""
    bell = Doorbell(Task.REFINERY_STEP, queue.refinery_queue(fault.subject), (fault.subject,))
    if not queue.ring_all([bell]):
        raise NotMended("Redis is away: a refinery worker looks at its queues by itself as long as it is")
    return "rang for a step of its queue"


CHECK = Check(
    "refineries",
    look,
    "every merge queue with something to do is looked after",
    category=Category.WORK,
    patrol=Patrol.DEACON,
    mend=mend,
    is_automatic=True,
)
