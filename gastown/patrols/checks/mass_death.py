"""Sessions do not die in numbers."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlmodel import col, select

from gastown import clock, policy
from gastown.assignments import AssignmentState
from gastown.events import Event, EventKind
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, error
from gastown.runtimes import ExitReason

# The alarm stays for so long, so that somebody sees it.
_REMEMBERED = timedelta(minutes=30)


def look(here: Here) -> Iterable[Fault]:
    """One alarm for the worst moment of the last half hour: a dead host, a killed service, a login that ran out."""
    with here.read() as session:
        settings = policy.load(session)
        ended = session.exec(
            select(Event)
            .where(
                col(Event.kind).in_((EventKind.SESSION_ENDED, EventKind.ASSIGNMENT_ENDED)),
                col(Event.at) > clock.now() - _REMEMBERED,
            )
            .order_by(col(Event.id))
        ).all()
    # The end of a lost session, and of its attempt, are one death.
    first = {event.assignment_id or -(event.id or 0): event.at for event in reversed(ended) if _is_death(event)}
    window = timedelta(seconds=settings.number("deacon.mass_death_s"))
    most, at = _worst(sorted(first.values()), window)
    if at is not None and most >= settings.count("deacon.mass_deaths"):
        yield error(
            "",
            f"{most} sessions died within {window.total_seconds():g} s, at {at:%H:%M:%S} UTC",
            "Look at that host's memory and kernel log, and at its agents' logins; the beads are worked on again.",
        )


def _is_death(event: Event) -> bool:
    """Whether a session ended in a way that neither its agent nor anybody of ours meant."""
    said = event.payload
    if event.kind is EventKind.ASSIGNMENT_ENDED:
        return said.get("state") == AssignmentState.LOST.value
    if said.get("exit_reason") == ExitReason.LOST.value:
        return True
    was_well = said.get("exit_signal") is None and not said.get("exit_code")
    return said.get("exit_reason") == ExitReason.EXITED.value and not was_well and not said.get("done")


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
