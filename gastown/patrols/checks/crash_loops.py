"""No worker dies and starts over and over."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from sqlmodel import col, select

from gastown import clock, policy
from gastown.events import Event, EventKind
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, error


def look(here: Here) -> Iterable[Fault]:
    """Starts of the workers of one role on one host, by what they say themselves."""
    with here.read() as session:
        settings = policy.load(session)
        window = timedelta(seconds=settings.number("deacon.crash_window_s"))
        started = session.exec(
            select(Event).where(Event.kind == EventKind.WORKER_STARTED, col(Event.at) > clock.now() - window)
        ).all()
        stopped = session.exec(
            select(Event).where(Event.kind == EventKind.WORKER_STOPPED, col(Event.at) > clock.now() - window)
        ).all()
    # Who said goodbye was stopped on purpose.
    count = Counter((str(event.payload.get("role")), str(event.payload.get("host"))) for event in started)
    count.subtract((str(event.payload.get("role")), str(event.payload.get("host"))) for event in stopped)
    for (role, host), times in sorted(count.items()):
        if times >= settings.count("deacon.crash_restarts"):
            yield error(
                f"{role}@{host}",
                f"has started {times} times in {window.total_seconds() / 60:g} minutes without a goodbye",
                f"Read its log on {host} (logs/{role}.log in the town's folder); what it works on is not lost.",
            )


CHECK = Check(
    "crash-loops",
    look,
    "no worker starts over and over",
    category=Category.INFRASTRUCTURE,
    patrol=Patrol.DEACON,
)
