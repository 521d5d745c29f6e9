"""Sessions do not die in numbers."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlmodel import col, select

from gastown import clock, policy
from gastown.events import Event, EventKind
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, error
from gastown.runtimes import ExitReason

# The alarm stays for so long, so that somebody sees it.
_REMEMBERED = timedelta(minutes=30)


def look(here: Here) -> Iterable[Fault]:
    """One alarm for the worst moment of the last half hour: a dead host, a killed service, a full memory."""
    with here.read() as session:
        settings = policy.load(session)
        ended = session.exec(
            select(Event)
            .where(Event.kind == EventKind.SESSION_ENDED, col(Event.at) > clock.now() - _REMEMBERED)
            .order_by(col(Event.at))
        ).all()
    deaths = [event.at for event in ended if _is_death(event)]
    window = timedelta(seconds=settings.number("deacon.mass_death_s"))
    most, at = _worst(deaths, window)
    if at is not None and most >= settings.count("deacon.mass_deaths"):
        yield error(
            "",
            f"{most} sessions died within {window.total_seconds():g} s, at {at:%H:%M:%S} UTC",
            "Look at that host's memory and its kernel log; the beads are worked on again by themselves.",
        )


def _is_death(event: Event) -> bool:
    """Whether nobody of ours ended it: it was killed, or lost with its keeper or host."""
    said = event.payload
    if said.get("exit_reason") == ExitReason.LOST.value:
        return True
    ended_itself = said.get("exit_reason") == ExitReason.EXITED.value
    return ended_itself and said.get("exit_signal") is not None and not said.get("done")


def _worst(times: Sequence[datetime], window: timedelta) -> tuple[int, datetime | None]:
    """The most of `times` (oldest first) within one window, and when it began."""
    most, at, first = 0, None, 0
    for last, time in enumerate(times):
        while time - times[first] > window:
            first += 1
        if last - first + 1 > most:
            most, at = last - first + 1, times[first]
    return most, at


CHECK = Check(
    "mass-death",
    look,
    "sessions do not die in numbers",
    category=Category.AGENTS,
    patrol=Patrol.DEACON,
)
